// SPDX-License-Identifier: MIT

/// OPEN and OPENDIR. In C: `struct fuse_open_in`.
public struct OpenIn: WireStruct {
    /// Those of open(2), without O_CREAT, O_EXCL and O_NOCTTY.
    public var flags: UInt32
    /// `OpenInFlags` (7.33; padding before that).
    public var open_flags: UInt32

    @inlinable
    public init(flags: UInt32 = 0, open_flags: UInt32 = 0) {
        self.flags = flags
        self.open_flags = open_flags
    }
}

/// CREATE and TMPFILE (7.37); the name follows. In C: `struct fuse_create_in`.
public struct CreateIn: WireStruct {
    /// Those of open(2).
    public var flags: UInt32
    public var mode: UInt32
    /// The caller's; applied already unless `InitFlags.dontMask` is negotiated.
    public var umask: UInt32
    /// `OpenInFlags` (7.33; padding before that).
    public var open_flags: UInt32

    @inlinable
    public init(flags: UInt32 = 0, mode: UInt32 = 0, umask: UInt32 = 0, open_flags: UInt32 = 0) {
        self.flags = flags
        self.mode = mode
        self.umask = umask
        self.open_flags = open_flags
    }
}

/// The answer to OPEN and OPENDIR, and the second part of that to CREATE and TMPFILE. In C: `struct fuse_open_out`.
public struct OpenOut: WireStruct {
    /// The server's name for the open file: every later request on it carries it.
    public var fh: UInt64
    /// `OpenFlags`.
    public var open_flags: UInt32
    /// The registered backing file, with `OpenFlags.passthrough` (7.40; padding before that).
    public var backing_id: Int32

    @inlinable
    public init(fh: UInt64 = 0, open_flags: UInt32 = 0, backing_id: Int32 = 0) {
        self.fh = fh
        self.open_flags = open_flags
        self.backing_id = backing_id
    }
}

/// RELEASE and RELEASEDIR: the last reference to an open file is gone. In C: `struct fuse_release_in`.
public struct ReleaseIn: WireStruct {
    public var fh: UInt64
    /// Those of open(2).
    public var flags: UInt32
    /// `ReleaseFlags`.
    public var release_flags: UInt32
    /// Valid with `ReleaseFlags.flockUnlock`.
    public var lock_owner: UInt64

    @inlinable
    public init(fh: UInt64 = 0, flags: UInt32 = 0, release_flags: UInt32 = 0, lock_owner: UInt64 = 0) {
        self.fh = fh
        self.flags = flags
        self.release_flags = release_flags
        self.lock_owner = lock_owner
    }
}

/// FLUSH: one descriptor of an open file is closed. In C: `struct fuse_flush_in`.
public struct FlushIn: WireStruct {
    public var fh: UInt64
    public var unused: UInt32
    public var padding: UInt32
    /// Whose POSIX locks go with the close.
    public var lock_owner: UInt64

    @inlinable
    public init(fh: UInt64 = 0, unused: UInt32 = 0, padding: UInt32 = 0, lock_owner: UInt64 = 0) {
        self.fh = fh
        self.unused = unused
        self.padding = padding
        self.lock_owner = lock_owner
    }
}

/// FSYNC and FSYNCDIR. In C: `struct fuse_fsync_in`.
public struct FsyncIn: WireStruct {
    public var fh: UInt64
    /// `FsyncFlags`.
    public var fsync_flags: UInt32
    public var padding: UInt32

    @inlinable
    public init(fh: UInt64 = 0, fsync_flags: UInt32 = 0, padding: UInt32 = 0) {
        self.fh = fh
        self.fsync_flags = fsync_flags
        self.padding = padding
    }
}

/// SYNCFS (7.34). In C: `struct fuse_syncfs_in`.
public struct SyncfsIn: WireStruct {
    public var padding: UInt64

    @inlinable
    public init(padding: UInt64 = 0) {
        self.padding = padding
    }
}
