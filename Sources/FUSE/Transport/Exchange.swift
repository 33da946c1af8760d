// SPDX-License-Identifier: MIT
//
// A request and the way of its reply. It has one owner: the session, from `receive()` on; whoever has deferred the reply,
// until he gives it. The owner commits it, once, and that is the only way a reply leaves. So nothing that holds a request
// can lose its memory, or the descriptor that the reply must go out by, to the next request.

import FUSEWire
public import SystemPackage

/// A request that owns its reply.
public struct Exchange: ~Copyable, Sendable {
    let memory: ExchangeMemory
    let slot: any ExchangeSlot

    /// - Parameters:
    ///   - memory: where the request lies, and where its reply's body is to be written: the slot's, and this exchange's alone
    ///     until it is committed.
    ///   - slot: sends the reply.
    public init(_ memory: ExchangeMemory, _ slot: any ExchangeSlot) {
        self.memory = memory
        self.slot = slot
    }

    /// The request as it came.
    public var request: ReceivedRequest { @_lifetime(borrow self) get { memory.request } }

    /// The room for the body of the reply, empty. Each call starts anew.
    public var room: OutputRawSpan { @_lifetime(borrow self) get { memory.room } }

    /// Lends the room for the body of the reply, empty, and answers with what is left in it.
    public borrowing func filled(_ write: (inout OutputRawSpan) throws(Errno) -> Void) throws(Errno) -> Reply {
        var room = room
        try write(&room)
        return .body(room.byteCount)
    }

    /// What has been written to the room, so many bytes of it.
    @_lifetime(borrow self)
    public func body(_ byteCount: Int) -> RawSpan { memory.body(byteCount) }

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

/// A transport's part of an exchange. It is in use from the moment on when its channel has received a request into it until
/// its reply is committed; the channel receives nothing into it meanwhile.
public protocol ExchangeSlot: AnyObject, Sendable {
    /// Sends the reply to the request in the slot. Called by one thread at a time, not always the one that received the request.
    /// Throws what the kernel refused it with; the slot then stays in use.
    func commit(_ reply: Reply) throws(Errno)
}
