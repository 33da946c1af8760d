// SPDX-License-Identifier: MIT

/// The part of a ring entry's header that is the ring's own (7.42). In C: `struct fuse_uring_ent_in_out`.
public struct UringEntInOut: WireStruct {
    public var flags: UInt64
    /// Names the request when its reply is committed.
    public var commit_id: UInt64
    /// Bytes in the entry's payload buffer.
    public var payload_sz: UInt32
    public var padding: UInt32
    public var reserved: UInt64

    @inlinable
    public init(
        flags: UInt64 = 0, commit_id: UInt64 = 0, payload_sz: UInt32 = 0, padding: UInt32 = 0, reserved: UInt64 = 0
    ) {
        self.flags = flags
        self.commit_id = commit_id
        self.payload_sz = payload_sz
        self.padding = padding
        self.reserved = reserved
    }
}

/// The header buffer of a ring entry (7.42). In C: `struct fuse_uring_req_header`.
public struct UringReqHeader: WireStruct {
    /// `InHeader`, and after the operation `OutHeader`.
    public var in_out: InlineArray<128, UInt8>
    /// The operation's structure (`Opcode.operationSize`).
    public var op_in: InlineArray<128, UInt8>
    public var ring_ent_in_out: UringEntInOut

    @inlinable
    public init(
        in_out: InlineArray<128, UInt8> = InlineArray(repeating: 0),
        op_in: InlineArray<128, UInt8> = InlineArray(repeating: 0), ring_ent_in_out: UringEntInOut = UringEntInOut()
    ) {
        self.in_out = in_out
        self.op_in = op_in
        self.ring_ent_in_out = ring_ent_in_out
    }
}

/// What a submission carries in its 80 bytes of command (7.42). In C: `struct fuse_uring_cmd_req`.
public struct UringCmdReq: WireStruct {
    public var flags: UInt64
    /// The entry whose reply is committed.
    public var commit_id: UInt64
    /// The queue: the number of a processor.
    public var qid: UInt16
    public var padding: InlineArray<6, UInt8>

    @inlinable
    public init(
        flags: UInt64 = 0, commit_id: UInt64 = 0, qid: UInt16 = 0,
        padding: InlineArray<6, UInt8> = InlineArray(repeating: 0)
    ) {
        self.flags = flags
        self.commit_id = commit_id
        self.qid = qid
        self.padding = padding
    }
}
