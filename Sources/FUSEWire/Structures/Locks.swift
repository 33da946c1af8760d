// SPDX-License-Identifier: MIT

/// A POSIX lock's range. In C: `struct fuse_file_lock`.
public struct FuseFileLock: WireStruct {
    public var start: UInt64
    /// The last byte, inclusive; INT64_MAX for the end of the file, wherever it is.
    public var end: UInt64
    /// F_RDLCK, F_WRLCK or F_UNLCK.
    public var type: UInt32
    /// Of the process (thread group) that holds it.
    public var pid: UInt32

    @inlinable
    public init(start: UInt64 = 0, end: UInt64 = 0, type: UInt32 = 0, pid: UInt32 = 0) {
        self.start = start
        self.end = end
        self.type = type
        self.pid = pid
    }
}

/// GETLK, SETLK and SETLKW. In C: `struct fuse_lk_in`.
public struct LkIn: WireStruct {
    public var fh: UInt64
    /// Who asks: a number that means nothing else.
    public var owner: UInt64
    public var lk: FuseFileLock
    /// `LockFlags`.
    public var lk_flags: UInt32
    public var padding: UInt32

    @inlinable
    public init(
        fh: UInt64 = 0, owner: UInt64 = 0, lk: FuseFileLock = FuseFileLock(), lk_flags: UInt32 = 0, padding: UInt32 = 0
    ) {
        self.fh = fh
        self.owner = owner
        self.lk = lk
        self.lk_flags = lk_flags
        self.padding = padding
    }
}

/// The answer to GETLK: a lock in the way, or F_UNLCK. In C: `struct fuse_lk_out`.
public struct LkOut: WireStruct {
    public var lk: FuseFileLock

    @inlinable
    public init(lk: FuseFileLock = FuseFileLock()) {
        self.lk = lk
    }
}
