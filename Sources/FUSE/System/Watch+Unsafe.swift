// SPDX-License-Identifier: MIT
//
// A thread that looks after something now and then: registrations that nobody uses, descriptors that nobody uses.
//
// Life cycle: the thread starts when there is something to look after and none runs, and ends when there is nothing left, or
// with its owner. So a process that holds nothing has no timer and no wake-up.
//
// Nothing is left unwatched: who gives it something to look after makes that visible first and asks for the thread then; the
// thread, when it ends, first says that it does not run and then looks again. One of the two sees the other, as long as what
// is looked after is written and read with sequentially consistent order, as `isRunning` is.
//
// Locks: `state`, for starting and ending alone; what is watched is not called under it. `looking` is held during a look, so that
// who ends the watch can wait for the one that is under way; it comes before `state`.

import Synchronization
import SystemPackage

/// What a ``Watch`` looks after.
package protocol Watched: AnyObject, Sendable {
    /// Whether there is something to look after.
    var isHolding: Bool { get }
    /// Looks, and answers how many milliseconds to wait before the next look.
    func look() -> Int
}

/// Looks after something now and then, for as long as there is something to look after.
package final class Watch: Sendable {
    private struct State {
        var isRunning = false
        var isOver = false
    }

    private let state = Mutex(State())
    private let isRunning = Atomic(false)
    private let bell = Bell()
    private let looking = Mutex<Void>(())

    package init() {}

    /// Starts the thread, unless it runs; the first look is so many milliseconds later. Where no thread can be had the next one
    /// who asks tries again. What is watched is not kept alive by it: it ends the watch before it goes.
    package func start(_ watched: some Watched, after milliseconds: Int) {
        guard !isRunning.load(ordering: .sequentiallyConsistent) else { return }
        let isNew = state.withLock { state in
            guard !state.isRunning, !state.isOver else { return false }
            state.isRunning = true
            isRunning.store(true, ordering: .sequentiallyConsistent)
            return true
        }
        guard isNew else { return }
        do throws(Errno) {
            // Safe: whoever is watched waits in ``end()`` for a look that is under way, and there is none after that. (No weak
            // reference: an object that has one is slower to retain, for as long as it lives.)
            try startThread { [self, unowned(unsafe) watched] in
                var delay = milliseconds
                while true {
                    bell.wait(milliseconds: delay)
                    let next: Int? = looking.withLock { _ in
                        if state.withLock({ $0.isOver }) { return nil }
                        let next = unsafe watched.look()
                        if unsafe watched.isHolding { return next }
                        stop()
                        if unsafe watched.isHolding { unsafe start(watched, after: milliseconds) }
                        return nil
                    }
                    guard let next else { return }
                    delay = next
                }
            }
        } catch {
            stop()
        }
    }

    /// Has the next look made now, where the thread runs.
    package func hurry() { bell.ring() }

    /// Ends the thread, for good. A look that is under way is waited for.
    package func end() {
        state.withLock { $0.isOver = true }
        bell.ring()
        looking.withLock { _ in }
    }

    private func stop() {
        state.withLock { state in
            state.isRunning = false
            isRunning.store(false, ordering: .sequentiallyConsistent)
        }
    }
}
