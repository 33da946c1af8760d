// SPDX-License-Identifier: MIT
//
// How a ring comes up. After INIT the kernel sends nothing until every possible processor's queue has an entry (`is_ring_ready`), or one
// REGISTER has failed: then everything goes by `/dev/fuse`, for good, and entries that are registered already stay idle. So the first
// thread of each queue registers its entry and waits here until all have; and where one cannot (no memory, no thread), it says
// so, and has a REGISTER fail on purpose where the kernel does not know. That is safe in any order: the queue that has failed
// never gets an entry, so the ring cannot become ready any more.

import Synchronization
import SystemPackage

final class RingStart: Sendable {
    private struct State {
        var missing: Int
        var failure: Failure?
    }

    struct Failure: Sendable {
        /// Whose queue it was.
        let processor: Int
        let error: Errno
    }

    private let state: Mutex<State>
    private let bell = Bell()

    /// For so many queues.
    init(_ queues: Int) { state = Mutex(State(missing: queues)) }

    /// A queue has its entry.
    func succeeded() {
        if state.withLock({ state in
            state.missing -= 1
            return state.missing == 0
        }) { bell.ring() }
    }

    /// A queue will not get one. True for the first that fails.
    @discardableResult
    func failed(_ failure: Failure) -> Bool {
        let isFirst = state.withLock { state in
            defer { state.failure = state.failure ?? failure }
            return state.failure == nil
        }
        bell.ring()
        return isFirst
    }

    /// Nil while it is open.
    var isReady: Bool? {
        state.withLock { $0.failure != nil ? false : $0.missing == 0 ? true : nil }
    }

    var failure: Failure? { state.withLock { $0.failure } }

    /// Waits until it is decided. False: requests come by `/dev/fuse`.
    func wait() -> Bool {
        while true {
            if let isReady {
                // For the next who waits.
                bell.ring()
                return isReady
            }
            bell.wait()
        }
    }
}
