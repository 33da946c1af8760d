// SPDX-License-Identifier: MIT
//
// Requests that wait for an entry, and one that waits for a request: the kernel does not bring them together by itself. A request that finds no
// entry free is queued, and taken out of the queue by an entry that comes with a reply (`fuse_uring_get_next_fuse_req` in Linux). One
// that is registered anew only waits for the next request to come (`fuse_uring_do_register`). So where the handlers of all the others
// block, on something that a queued request is to bring about, say, a further entry alone would be of no use. After each
// registration a request is caused, therefore, that comes to this very queue and is answered at once: its entry comes with a
// reply then, and takes the first that is queued. Whoever has that one, and leaves no entry waiting, registers the next.
//
// The request is a STATFS, by a thread that runs on the queue's processor and asks for the figures of the mount by its device number
// (`ustat(2)`): so nothing of the mount is held open, which would keep it from being unmounted, and it does not matter what is mounted
// on top of it. The thread waits for the answer, which may itself be queued for long: where all are waiting, a further one is started.
//
// Locks: `state`, around the lists alone.

import CLinux
import Glibc
import Synchronization
import SystemPackage

final class RingNudger: Sendable {
    private struct State {
        var processors: [Int] = []
        var threads: Set<Int32> = []
        var idle = 0
        var isOver = false
    }

    private let state = Mutex(State())
    private let bell = Bell()
    /// The minor number of the mount's device.
    private let device: UInt32
    private static let patience = 1000

    init(_ connection: Int) { device = UInt32(truncatingIfNeeded: connection) }

    /// Throws where the call cannot be made here.
    static func check() throws(Errno) {
        // No filesystem has this number, and so there is something wrong with it where the call is known.
        if clinux_ask_by_device(0) < 0 {
            let error = Errno(rawValue: errno)
            guard error == .invalidArgument else { throw error }
        }
    }

    /// Has a request come to the processor's queue. Throws where there is no thread to be had for it.
    func nudge(_ processor: Int) throws(Errno) {
        let (isOver, starts) = state.withLock { state in
            state.processors.append(processor)
            if state.idle == 0 { return (state.isOver, true) }
            state.idle -= 1
            return (state.isOver, false)
        }
        if isOver { return }
        if starts { try startThread { [self] in run() } } else { bell.ring() }
    }

    /// Whether the caller of a request is a thread of this.
    func isCaller(_ thread: UInt32) -> Bool { state.withLock { $0.threads.contains(Int32(bitPattern: thread)) } }

    /// The connection is over.
    func end() {
        state.withLock { $0.isOver = true }
        bell.ring()
    }

    private func run() {
        let thread = clinux_gettid()
        state.withLock { _ = $0.threads.insert(thread) }
        defer { state.withLock { _ = $0.threads.remove(thread) } }
        while true {
            let processor: Int? = state.withLock { $0.isOver || $0.processors.isEmpty ? nil : $0.processors.removeFirst() }
            if let processor {
                // Nobody's requests come from one that is not online.
                if Processors.run(on: processor) { _ = clinux_ask_by_device(device) }
                continue
            }
            let isOver = state.withLock { state in
                if state.processors.isEmpty { state.idle += 1 }
                return state.isOver
            }
            if isOver {
                bell.ring()
                return
            }
            if bell.wait(milliseconds: Self.patience) { continue }
            // Nobody wants it any more, unless it was counted on at this very moment.
            if state.withLock({ state in
                guard state.idle > 0, state.processors.isEmpty else { return false }
                state.idle -= 1
                return true
            }) { return }
        }
    }
}
