// SPDX-License-Identifier: MIT

import Synchronization

/// Requests that came by the ring of ``RingReturns``, for the threads that have no entry of their own. Each bell is heard by one of
/// them, who rings it again where there is more.
final class RingHandover: Sendable {
    private struct State {
        var slots: [RingSlot] = []
        var isOver = false
        var waiting = 0
    }

    private let state = Mutex(State())
    private let bell = Bell()

    func give(_ slot: RingSlot) {
        state.withLock { $0.slots.append(slot) }
        bell.ring()
    }

    /// Nothing comes any more. Requests that nobody has taken are nobody's: the connection is over.
    func end() {
        state.withLock { $0.isOver = true }
        bell.ring()
    }

    /// Whether a thread waits for requests.
    var isAwaited: Bool { state.withLock { $0.waiting > 0 } }

    /// Waits for a request. Nil: it is over.
    func next() -> RingSlot? {
        state.withLock { $0.waiting += 1 }
        defer { state.withLock { $0.waiting -= 1 } }
        while true {
            let (slot, isOver, isMore): (RingSlot?, Bool, Bool) = state.withLock { state in
                if state.isOver || state.slots.isEmpty { return (nil, state.isOver, state.isOver) }
                let slot = state.slots.removeFirst()
                return (slot, false, !state.slots.isEmpty)
            }
            if isMore { bell.ring() }
            if isOver || slot != nil { return slot }
            bell.wait()
        }
    }
}
