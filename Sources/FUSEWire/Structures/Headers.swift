// SPDX-License-Identifier: MIT

/// Opens every request.
///
/// In C: `struct fuse_in_header`.
public struct InHeader: WireStruct {
    /// Bytes of the whole message, this header included.
    public var len: UInt32
    /// An `Opcode`.
    public var opcode: UInt32
    /// Names the request: the reply repeats it. Never 0. Bit 63 says that the kernel sends the request again
    /// (`FUSEProtocol.uniqueResend`, 7.40); the reply carries that bit too.
    public var unique: UInt64
    /// The inode that the operation is on; of a name, the directory. 0 where there is none.
    public var nodeid: UInt64
    /// The caller's filesystem user id; all ones where the mount is id-mapped and the operation creates nothing
    /// (7.41).
    public var uid: UInt32
    public var gid: UInt32
    /// The calling thread, as seen from the server's pid namespace; 0 where it has no number there or the kernel
    /// itself asks.
    public var pid: UInt32
    /// The extensions at the message's end, in units of 8 bytes (7.38; padding before that).
    public var total_extlen: UInt16
    public var padding: UInt16

    @inlinable
    public init(
        len: UInt32 = 0, opcode: UInt32 = 0, unique: UInt64 = 0, nodeid: UInt64 = 0, uid: UInt32 = 0,
        gid: UInt32 = 0, pid: UInt32 = 0, total_extlen: UInt16 = 0, padding: UInt16 = 0
    ) {
        self.len = len
        self.opcode = opcode
        self.unique = unique
        self.nodeid = nodeid
        self.uid = uid
        self.gid = gid
        self.pid = pid
        self.total_extlen = total_extlen
        self.padding = padding
    }
}

/// Opens every reply and every notification.
///
/// In C: `struct fuse_out_header`.
public struct OutHeader: WireStruct {
    /// Bytes of the whole message, this header included.
    public var len: UInt32
    /// 0 or a negated errno, in -511...0: the kernel refuses others and the caller hangs. In a notification (`unique`
    /// 0) it is the `NotifyCode`.
    public var error: Int32
    /// That of the request; 0 for a notification.
    public var unique: UInt64

    @inlinable
    public init(len: UInt32 = 0, error: Int32 = 0, unique: UInt64 = 0) {
        self.len = len
        self.error = error
        self.unique = unique
    }
}
