// SPDX-License-Identifier: MIT
//
// What one thread has in hand, so that an interrupt finds its way to it: and to no request but its own.
//
// A signal hits a thread, not a request. Sent a moment too late it would interrupt the next request of that thread,
// whose caller never asked for it. So thread and sender agree, each with one store and one load:
//
//     the thread, when a handler has returned:        the sender, under `aim`:
//         request := none                                 isAimedAt := true
//         isAimedAt? then wait for `aim`                  barrier in all threads (membarrier(2))
//         receive the next request                        request still the one? then send
//                                                         isAimedAt := false
//
// The barrier falls into the thread's stream of instructions somewhere. Is it after `request := none`, the sender sees
// that and sends nothing. Is it before, then the thread's look at `isAimedAt` is after it too and sees true: the thread
// waits until the signal is sent. The signal is then pending while the thread is inside the system call that receives
// the next request, and is delivered at the latest when that returns: before the next handler. So the thread needs
// neither lock nor fence of its own; the sender, which has all the time, pays for both. Within the thread the two
// accesses stay in order because no compiler moves atomic accesses across each other.
//
// Ownership: `request`, `slot`, `unawaited` and `thread` are written by the thread alone; `slot` before `request`, and whoever
// else reads it does so for a handler that runs. One thread at a time has a hand. `deferred`
// and `unawaited` name a request, and no two have one name: what is set late, by who defers what has been replied to, or read
// late, says nothing about another one.

import CLinux
import FUSEWire
import Glibc
import Synchronization
import SystemPackage

/// What one thread serves at the moment.
final class Hand: @unchecked Sendable {
    let channel: any Channel
    /// The kernel's number of the thread.
    let thread: Int32
    /// The `unique` of the request in hand; 0 for none, as no request has that.
    private let request = Atomic<UInt64>(0)
    private let isAimedAt = Atomic<Bool>(false)
    private let aim = Mutex<Void>(())
    /// The request whose handler has taken the duty to reply away from the thread.
    private let deferred = Atomic<UInt64>(0)
    /// Where the request in hand lies: in a slot that the exchange holds, which the thread has.
    private unowned(unsafe) var slot: ExchangeSlot?
    /// The request in hand, or one before it, that nobody waits for: the `release` of a file.
    private let unawaited = Atomic<UInt64>(0)

    /// Of the calling thread.
    init(_ channel: any Channel) {
        self.channel = channel
        thread = clinux_gettid()
    }

    func holds(_ unique: UInt64) -> Bool { request.load(ordering: .relaxed) == unique }

    /// The request in hand whose caller waits for it, if there is one.
    var awaited: UInt64? {
        let unique = request.load(ordering: .acquiring)
        return unique != 0 && unawaited.load(ordering: .relaxed) != unique ? unique : nil
    }

    // MARK: The thread's part

    /// What needs an answer; of anything else the name may be another's: that of a NOTIFY_REPLY is the library's.
    func take(_ unique: UInt64, _ opcode: Opcode, _ slot: ExchangeSlot) {
        unsafe self.slot = slot
        if opcode == .release || opcode == .releasedir { unawaited.store(unique, ordering: .relaxed) }
        request.store(unique, ordering: .releasing)
    }

    func putDown() { request.store(0, ordering: .relaxed) }

    /// Before the next request is received.
    func settle() { if isAimedAt.load(ordering: .acquiring) { aim.withLock { _ in } } }

    /// From within the handler: somebody else replies to this request.
    func deferReply(to unique: UInt64) { deferred.store(unique, ordering: .relaxed) }

    /// From within the handler: lends the request.
    func withRequest<Result>(_ body: (borrowing ReceivedRequest) -> Result?) -> Result? {
        guard let slot = unsafe slot else { return nil }
        return body(slot.memory.request)
    }

    /// Whether somebody else replies to the request that the handler was called for.
    func hasDeferred(_ unique: UInt64) -> Bool { unique != 0 && deferred.load(ordering: .relaxed) == unique }

    /// Throws where somebody else replies: what the handler has returned counts for nothing, and is not to be looked at.
    func check(_ message: borrowing RequestMessage) throws(Errno) { if hasDeferred(message.header.unique) { throw .deferred } }

    // MARK: The sender's part

    /// Sends the thread a signal if it has just this request in hand.
    func interrupt(_ unique: UInt64, with signal: Int32) {
        aim.withLock { _ in
            isAimedAt.store(true, ordering: .relaxed)
            guard clinux_membarrier(CInt(CLINUX_MEMBARRIER_PRIVATE_EXPEDITED)) == 0 else {
                // Cannot happen where registering for it succeeded.
                isAimedAt.store(false, ordering: .releasing)
                return
            }
            if holds(unique) { _ = clinux_tgkill(getpid(), thread, signal) }
            isAimedAt.store(false, ordering: .releasing)
        }
    }
}
