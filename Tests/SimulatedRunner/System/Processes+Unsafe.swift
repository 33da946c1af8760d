// SPDX-License-Identifier: MIT

import ConformanceCalls
import Foundation
import FUSE
import FUSESimulation
import SystemPackage

// Processes: those of the simulated kernel, and the machine's, one for each case.

extension Sys {
    /// What becomes of threads, by the numbers of their processes.
    private nonisolated(unsafe) static var children: [Int: SimulatedTask] = [:]
    private static let childrenLock = NSLock()

    /// Runs `body` in a process of its own, by a thread.
    static func start(_ body: @escaping () -> Int) -> Int {
        outcome { () throws(Errno) in
            let child = try SimulatedTask.current.fork()
            let number = Int(child.process.id)
            // Safe: under the lock, here and below.
            childrenLock.withLock { unsafe children[number] = child }
            // Safe: what the body uses is its case's, which waits for its end, or never looks at it again.
            nonisolated(unsafe) let body = body
            Thread.detachNewThread {
                SimulatedTask.current = child
                child.end(unsafe body())
            }
            return number
        }
    }

    static func wait(for process: Int) -> Int {
        guard let child = childrenLock.withLock({ unsafe children.removeValue(forKey: process) }) else { return -Int(ECHILD) }
        return child.wait()
    }

    /// Runs `body` in a process of its own, and waits for it.
    static func run(_ body: () -> Int) -> Int {
        outcome { () throws(Errno) in
            let parent = SimulatedTask.current
            let child = try parent.fork()
            SimulatedTask.current = child
            child.end(body())
            SimulatedTask.current = parent
            return child.wait()
        }
    }

    static func kill(_ process: Int) { childrenLock.withLock { unsafe children[process] }?.kill() }

    static func pipe() -> (reading: Int, writing: Int) { SimulatedTask.current.makePipe() }

    static func execute(_ path: String, _ argument: String, output: Int? = nil) -> Int { Lacks.all.note(.programs) }
    static func replace(by path: String, _ argument: String) -> Int { Lacks.all.note(.programs) }
    static func limitFileSize(_ size: UInt64) -> Int { Lacks.all.note(.limits) }
    static func set(capability: Int, _ isOn: Bool) -> Int { Lacks.all.note(.capabilities) }
    static func leaveUserNamespace() { _ = Lacks.all.note(.userNamespaces) }
    /// Only stores through maps, which there are none of, end in a signal.
    static func dieQuietly(of signal: Int32) {}

    static func become(_ user: UInt32, _ group: UInt32, _ groups: [UInt32]) -> Int {
        SimulatedTask.current.process.become(Credentials(user: user, group: group, groups: groups), standIn: standIn(isRoot: user == 0, with: groups))
        return 0
    }

    private nonisolated(unsafe) static var standIns: [Bool: [[UInt32]: Int32]] = [:]

    /// A thread of the machine's that has these groups, and no capability unless it is root's: the mirror looks for them in
    /// `/proc`.
    private static func standIn(isRoot: Bool, with groups: [UInt32]) -> Int32? {
        guard !groups.isEmpty else { return nil }
        return childrenLock.withLock {
            if let known = unsafe standIns[isRoot]?[groups] { return known }
            let isReady = DispatchSemaphore(value: 0)
            nonisolated(unsafe) var number: Int32 = 0
            Thread.detachNewThread {
                // Of this thread alone. Safe: lent for the call.
                if unsafe k_thread_groups(groups, groups.count) == 0, isRoot || k_drop_capabilities() == 0 {
                    unsafe number = Int32(k_thread_id())
                }
                isReady.signal()
                while true { sleep(1000) }
            }
            isReady.wait()
            unsafe standIns[isRoot, default: [:]][groups] = number
            return unsafe number
        }
    }

    static func umask(_ mask: UInt32) { SimulatedTask.current.process.umask(mask) }

    static func name(ofError error: Int) -> String {
        // Safe: the C library's own string, which stays.
        guard let name = unsafe k_errno_name(Int32(error)) else { return "errno \(error)" }
        return unsafe String(cString: name)
    }

    // MARK: The machine's

    /// Runs `body` in a process of the machine's, for so long at the most: the exit status, or 1000 and the signal. To be called
    /// while there is one thread.
    static func contain(seconds: UInt32, _ body: () -> Int) -> Int {
        let process = k_fork()
        guard process == 0 else { return k_wait(Int32(process)) }
        _ = alarm(seconds)
        k_exit(Int32(truncatingIfNeeded: body()))
        return 0
    }

    static func print(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        // Safe: lent for the call.
        _ = unsafe k_write(1, bytes, bytes.count)
    }
}

/// The number of the simulated process.
func getpid() -> Int32 { SimulatedTask.current.process.id }
