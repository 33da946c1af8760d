// SPDX-License-Identifier: MIT
//
// A request and the way of its reply. It has one owner: the session, from `receive()` on; whoever has deferred the reply,
// until he gives it. The owner commits it, once, and that is the only way a reply leaves. So nothing that holds a request
// can lose its memory, or the descriptor that the reply must go out by, to the next request.

import FUSEWire
public import SystemPackage

/// A request that owns its reply.
public struct Exchange: ~Copyable, Sendable {
    let slot: ExchangeSlot

    /// - Parameter slot: has the request, and sends the reply; this exchange's alone until that is committed.
    public init(_ slot: ExchangeSlot) { self.slot = slot }

    /// Lends the room for the body of the reply, empty, and answers with what is left in it.
    public borrowing func filled(_ write: (inout OutputRawSpan) throws(Errno) -> Void) throws(Errno) -> Reply {
        var room = room
        try write(&room)
        return .body(room.byteCount)
    }

    /// Sends the reply. The exchange is over then, unless the kernel has refused it: then the owner has it back, and can commit
    /// another reply.
    public consuming func commit(_ reply: Reply) -> CommitOutcome {
        do throws(Errno) {
            try slot.commit(reply)
        } catch {
            return .refused(error, self)
        }
        return .taken
    }
}

/// What a request is answered with.
public enum Reply: Equatable, Sendable {
    /// So many bytes of the exchange's room.
    case body(Int)
    /// An error alone.
    case error(Errno)
    /// It gets none: FORGET and the like.
    case none
}

/// What became of a reply.
public enum CommitOutcome: ~Copyable, Sendable {
    /// The kernel has it, or will get it.
    case taken
    /// The kernel did not take it. ENOENT: nobody waits for it any more, the connection was aborted. (For a caller that is
    /// killed the kernel waits: `request_wait_answer` in `fs/fuse/dev.c`.)
    case refused(Errno, Exchange)
}

/// A transport's part of an exchange: it has the request and the room for its reply, and sends that. It is in use from the moment
/// on when its channel has received a request into it until the reply is committed; the channel receives nothing into it meanwhile.
///
/// A class to inherit from, and no protocol: so an exchange is one reference, and its request is found without a call.
open class ExchangeSlot: @unchecked Sendable {
    /// Where request and reply lie. Set by the channel, before it hands out an exchange.
    ///
    /// Not checked for overlapping accesses, which costs more than all that is done with it: a slot has one owner at a time.
    @safe @exclusivity(unchecked)
    public final var memory: ExchangeMemory

    public init(_ memory: ExchangeMemory = ExchangeMemory()) { self.memory = memory }

    /// Sends the reply to the request in the slot. Called by one thread at a time, not always the one that received the request.
    /// Throws what the kernel refused it with; the slot then stays in use.
    open func commit(_ reply: Reply) throws(Errno) { throw .notSupported }
}
