// SPDX-License-Identifier: MIT
//
// A filesystem is not to be called any more once it is stopped. Workers are counted by their pool; everyone else who
// calls one (a deferred reply that nobody received, an interrupt told) goes through this gate.
//
// One mutex orders everything. Nobody holds it while inside: the gate counts who is.

import Synchronization

/// Lets calls through until it is closed.
final class Gate: Sendable {
    private struct State {
        var inside = 0
        var isClosed = false
    }

    private let state = Mutex(State())
    private let empty = Bell()

    /// True: go on, and ``leave()`` afterwards. False: it is closed.
    func enter() -> Bool {
        state.withLock { state in
            if !state.isClosed { state.inside += 1 }
            return !state.isClosed
        }
    }

    func leave() {
        let isLast = state.withLock { state in
            state.inside -= 1
            return state.isClosed && state.inside == 0
        }
        if isLast { empty.ring() }
    }

    /// Waits until all who are inside have left, and lets nobody in any more.
    func close() {
        state.withLock { $0.isClosed = true }
        while state.withLock({ $0.inside > 0 }) { empty.wait() }
    }
}
