// SPDX-License-Identifier: MIT

import Foundation
import FUSE
import FUSESimulation
import Synchronization
import SystemPackage

/// A process of the simulated kernel, with what that kernel has no part of: pipes, and an end that others wait for.
final class SimulatedTask: @unchecked Sendable {
    let process: SimulatedProcess
    /// Ends of pipes, by numbers that no descriptor of the kernel's has.
    private let pipes: Mutex<[Int: PipeEnd]>
    let isKilled = Atomic(false)
    private let status = Mutex<Int?>(nil)
    private let ended = DispatchSemaphore(value: 0)

    init(_ process: SimulatedProcess, pipes: [Int: PipeEnd] = [:]) {
        self.process = process
        self.pipes = Mutex(pipes)
    }

    /// The one whose thread this is.
    static var current: SimulatedTask {
        get { Thread.current.threadDictionary["task"] as! SimulatedTask }
        set { Thread.current.threadDictionary["task"] = newValue }
    }

    func fork() throws(Errno) -> SimulatedTask {
        let child = SimulatedTask(try process.fork(), pipes: pipes.withLock { $0 })
        child.pipes.withLock { $0.values.forEach { $0.open() } }
        return child
    }

    func end(_ status: Int) {
        process.exit()
        for end in pipes.withLock({ pipes in defer { pipes = [:] }; return Array(pipes.values) }) { end.close() }
        self.status.withLock { $0 = isKilled.load(ordering: .relaxed) ? 1000 + Int(SIGKILL) : status & 0xff }
        ended.signal()
    }

    func wait() -> Int {
        ended.wait()
        ended.signal()
        return status.withLock { $0 ?? 0 }
    }

    func kill() {
        isKilled.store(true, ordering: .relaxed)
        process.interrupt()
        for end in pipes.withLock({ Array($0.values) }) { end.pipe.wakeAll() }
    }

    // MARK: Pipes

    private static let last = Atomic<Int>(1 << 20)

    func makePipe() -> (reading: Int, writing: Int) {
        let pipe = SimulatedPipe()
        let ends = [PipeEnd(pipe, isWriting: false), PipeEnd(pipe, isWriting: true)].map { end in
            let number = Self.last.add(1, ordering: .relaxed).newValue
            pipes.withLock { $0[number] = end }
            return number
        }
        return (ends[0], ends[1])
    }

    func pipe(_ number: Int) -> PipeEnd? { pipes.withLock { $0[number] } }

    func closePipe(_ number: Int) -> Bool {
        guard let end = pipes.withLock({ $0.removeValue(forKey: number) }) else { return false }
        end.close()
        return true
    }
}

/// A way for bytes from some processes to others.
final class SimulatedPipe: @unchecked Sendable {
    private let condition = NSCondition()
    private var bytes: [UInt8] = []
    private var writers = 0

    func changeWriters(by count: Int) {
        condition.withLock { writers += count }
        wakeAll()
    }

    func wakeAll() { condition.withLock { condition.broadcast() } }

    func write(_ bytes: [UInt8]) -> Int {
        condition.withLock { self.bytes += bytes }
        wakeAll()
        return bytes.count
    }

    /// Waits for bytes; none where nobody can write any. Nil: the reader was killed.
    func read(_ count: Int, by task: SimulatedTask) -> [UInt8]? {
        condition.withLock {
            while bytes.isEmpty, writers > 0, !task.isKilled.load(ordering: .relaxed) { condition.wait() }
            if bytes.isEmpty, writers > 0 { return nil }
            defer { bytes.removeFirst(min(count, bytes.count)) }
            return Array(bytes.prefix(count))
        }
    }
}

/// One end of a pipe, which several processes can have.
struct PipeEnd {
    let pipe: SimulatedPipe
    let isWriting: Bool

    init(_ pipe: SimulatedPipe, isWriting: Bool) {
        self.pipe = pipe
        self.isWriting = isWriting
        open()
    }

    func open() { if isWriting { pipe.changeWriters(by: 1) } }
    func close() { if isWriting { pipe.changeWriters(by: -1) } }
}
