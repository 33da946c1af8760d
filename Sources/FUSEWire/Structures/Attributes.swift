// SPDX-License-Identifier: MIT

/// The attributes of an inode, as stat(2) has them.
///
/// In C: `struct fuse_attr`.
public struct Attr: WireStruct {
    public var ino: UInt64
    public var size: UInt64
    /// In units of 512 bytes.
    public var blocks: UInt64
    /// Seconds since 1970, two's complement; nanoseconds further down.
    public var atime: UInt64
    public var mtime: UInt64
    public var ctime: UInt64
    public var atimensec: UInt32
    public var mtimensec: UInt32
    public var ctimensec: UInt32
    /// File type and permission bits.
    public var mode: UInt32
    public var nlink: UInt32
    public var uid: UInt32
    public var gid: UInt32
    /// Of a device: the kernel's 32-bit encoding (`new_encode_dev`).
    public var rdev: UInt32
    /// Preferred I/O size.
    public var blksize: UInt32
    /// `AttrFlags` (7.32; padding before that).
    public var flags: UInt32

    @inlinable
    public init(
        ino: UInt64 = 0, size: UInt64 = 0, blocks: UInt64 = 0, atime: UInt64 = 0, mtime: UInt64 = 0,
        ctime: UInt64 = 0, atimensec: UInt32 = 0, mtimensec: UInt32 = 0, ctimensec: UInt32 = 0, mode: UInt32 = 0,
        nlink: UInt32 = 0, uid: UInt32 = 0, gid: UInt32 = 0, rdev: UInt32 = 0, blksize: UInt32 = 0, flags: UInt32 = 0
    ) {
        self.ino = ino
        self.size = size
        self.blocks = blocks
        self.atime = atime
        self.mtime = mtime
        self.ctime = ctime
        self.atimensec = atimensec
        self.mtimensec = mtimensec
        self.ctimensec = ctimensec
        self.mode = mode
        self.nlink = nlink
        self.uid = uid
        self.gid = gid
        self.rdev = rdev
        self.blksize = blksize
        self.flags = flags
    }
}

/// GETATTR. In C: `struct fuse_getattr_in`.
public struct GetattrIn: WireStruct {
    /// `GetattrFlags`.
    public var getattr_flags: UInt32
    public var dummy: UInt32
    /// Valid with `GetattrFlags.fh`.
    public var fh: UInt64

    @inlinable
    public init(getattr_flags: UInt32 = 0, dummy: UInt32 = 0, fh: UInt64 = 0) {
        self.getattr_flags = getattr_flags
        self.dummy = dummy
        self.fh = fh
    }
}

/// The answer to GETATTR and SETATTR. In C: `struct fuse_attr_out`.
public struct AttrOut: WireStruct {
    /// How long the kernel may rely on `attr`, in seconds, plus `attr_valid_nsec`.
    public var attr_valid: UInt64
    public var attr_valid_nsec: UInt32
    public var dummy: UInt32
    public var attr: Attr

    @inlinable
    public init(attr_valid: UInt64 = 0, attr_valid_nsec: UInt32 = 0, dummy: UInt32 = 0, attr: Attr = Attr()) {
        self.attr_valid = attr_valid
        self.attr_valid_nsec = attr_valid_nsec
        self.dummy = dummy
        self.attr = attr
    }
}

/// SETATTR: chmod, chown, truncate, utimensat, and the clearing of set-user-id bits. In C: `struct fuse_setattr_in`.
public struct SetattrIn: WireStruct {
    /// `SetattrValid`: which of the fields below count.
    public var valid: UInt32
    public var padding: UInt32
    public var fh: UInt64
    public var size: UInt64
    public var lock_owner: UInt64
    public var atime: UInt64
    public var mtime: UInt64
    public var ctime: UInt64
    public var atimensec: UInt32
    public var mtimensec: UInt32
    public var ctimensec: UInt32
    public var mode: UInt32
    public var unused4: UInt32
    public var uid: UInt32
    public var gid: UInt32
    public var unused5: UInt32

    @inlinable
    public init(
        valid: UInt32 = 0, padding: UInt32 = 0, fh: UInt64 = 0, size: UInt64 = 0, lock_owner: UInt64 = 0,
        atime: UInt64 = 0, mtime: UInt64 = 0, ctime: UInt64 = 0, atimensec: UInt32 = 0, mtimensec: UInt32 = 0,
        ctimensec: UInt32 = 0, mode: UInt32 = 0, unused4: UInt32 = 0, uid: UInt32 = 0, gid: UInt32 = 0,
        unused5: UInt32 = 0
    ) {
        self.valid = valid
        self.padding = padding
        self.fh = fh
        self.size = size
        self.lock_owner = lock_owner
        self.atime = atime
        self.mtime = mtime
        self.ctime = ctime
        self.atimensec = atimensec
        self.mtimensec = mtimensec
        self.ctimensec = ctimensec
        self.mode = mode
        self.unused4 = unused4
        self.uid = uid
        self.gid = gid
        self.unused5 = unused5
    }
}

/// A timestamp as statx(2) has it (7.39). In C: `struct fuse_sx_time`.
public struct SxTime: WireStruct {
    public var tv_sec: Int64
    public var tv_nsec: UInt32
    public var __reserved: Int32

    @inlinable
    public init(tv_sec: Int64 = 0, tv_nsec: UInt32 = 0, __reserved: Int32 = 0) {
        self.tv_sec = tv_sec
        self.tv_nsec = tv_nsec
        self.__reserved = __reserved
    }
}

/// The attributes of an inode, bit for bit as statx(2) has them (7.39). In C: `struct fuse_statx`.
public struct Statx: WireStruct {
    /// The STATX_* bits of what is filled in.
    public var mask: UInt32
    public var blksize: UInt32
    /// STATX_ATTR_* bits.
    public var attributes: UInt64
    public var nlink: UInt32
    public var uid: UInt32
    public var gid: UInt32
    public var mode: UInt16
    public var __spare0: InlineArray<1, UInt16>
    public var ino: UInt64
    public var size: UInt64
    /// In units of 512 bytes.
    public var blocks: UInt64
    /// Those of `attributes` that the filesystem knows.
    public var attributes_mask: UInt64
    public var atime: SxTime
    public var btime: SxTime
    public var ctime: SxTime
    public var mtime: SxTime
    public var rdev_major: UInt32
    public var rdev_minor: UInt32
    public var dev_major: UInt32
    public var dev_minor: UInt32
    public var __spare2: InlineArray<14, UInt64>

    @inlinable
    public init(
        mask: UInt32 = 0, blksize: UInt32 = 0, attributes: UInt64 = 0, nlink: UInt32 = 0, uid: UInt32 = 0,
        gid: UInt32 = 0, mode: UInt16 = 0, __spare0: InlineArray<1, UInt16> = InlineArray(repeating: 0),
        ino: UInt64 = 0, size: UInt64 = 0, blocks: UInt64 = 0, attributes_mask: UInt64 = 0, atime: SxTime = SxTime(),
        btime: SxTime = SxTime(), ctime: SxTime = SxTime(), mtime: SxTime = SxTime(), rdev_major: UInt32 = 0,
        rdev_minor: UInt32 = 0, dev_major: UInt32 = 0, dev_minor: UInt32 = 0,
        __spare2: InlineArray<14, UInt64> = InlineArray(repeating: 0)
    ) {
        self.mask = mask
        self.blksize = blksize
        self.attributes = attributes
        self.nlink = nlink
        self.uid = uid
        self.gid = gid
        self.mode = mode
        self.__spare0 = __spare0
        self.ino = ino
        self.size = size
        self.blocks = blocks
        self.attributes_mask = attributes_mask
        self.atime = atime
        self.btime = btime
        self.ctime = ctime
        self.mtime = mtime
        self.rdev_major = rdev_major
        self.rdev_minor = rdev_minor
        self.dev_major = dev_major
        self.dev_minor = dev_minor
        self.__spare2 = __spare2
    }
}

/// STATX (7.39). In C: `struct fuse_statx_in`.
public struct StatxIn: WireStruct {
    /// `GetattrFlags`.
    public var getattr_flags: UInt32
    public var reserved: UInt32
    public var fh: UInt64
    /// The AT_STATX_* bits of the call.
    public var sx_flags: UInt32
    /// The STATX_* bits that are wanted.
    public var sx_mask: UInt32

    @inlinable
    public init(
        getattr_flags: UInt32 = 0, reserved: UInt32 = 0, fh: UInt64 = 0, sx_flags: UInt32 = 0, sx_mask: UInt32 = 0
    ) {
        self.getattr_flags = getattr_flags
        self.reserved = reserved
        self.fh = fh
        self.sx_flags = sx_flags
        self.sx_mask = sx_mask
    }
}

/// The answer to STATX (7.39). In C: `struct fuse_statx_out`.
public struct StatxOut: WireStruct {
    /// How long the kernel may rely on `stat`, in seconds, plus `attr_valid_nsec`.
    public var attr_valid: UInt64
    public var attr_valid_nsec: UInt32
    public var flags: UInt32
    public var spare: InlineArray<2, UInt64>
    public var stat: Statx

    @inlinable
    public init(
        attr_valid: UInt64 = 0, attr_valid_nsec: UInt32 = 0, flags: UInt32 = 0,
        spare: InlineArray<2, UInt64> = InlineArray(repeating: 0), stat: Statx = Statx()
    ) {
        self.attr_valid = attr_valid
        self.attr_valid_nsec = attr_valid_nsec
        self.flags = flags
        self.spare = spare
        self.stat = stat
    }
}

/// ACCESS: access(2) and chdir(2), without `default_permissions` only. In C: `struct fuse_access_in`.
public struct AccessIn: WireStruct {
    /// R_OK, W_OK, X_OK.
    public var mask: UInt32
    public var padding: UInt32

    @inlinable
    public init(mask: UInt32 = 0, padding: UInt32 = 0) {
        self.mask = mask
        self.padding = padding
    }
}

/// The state of a filesystem, as statfs(2) has it. In C: `struct fuse_kstatfs`.
public struct Kstatfs: WireStruct {
    /// In units of `frsize`, as are `bfree` and `bavail`.
    public var blocks: UInt64
    public var bfree: UInt64
    public var bavail: UInt64
    public var files: UInt64
    public var ffree: UInt64
    public var bsize: UInt32
    public var namelen: UInt32
    public var frsize: UInt32
    public var padding: UInt32
    public var spare: InlineArray<6, UInt32>

    @inlinable
    public init(
        blocks: UInt64 = 0, bfree: UInt64 = 0, bavail: UInt64 = 0, files: UInt64 = 0, ffree: UInt64 = 0,
        bsize: UInt32 = 0, namelen: UInt32 = 0, frsize: UInt32 = 0, padding: UInt32 = 0,
        spare: InlineArray<6, UInt32> = InlineArray(repeating: 0)
    ) {
        self.blocks = blocks
        self.bfree = bfree
        self.bavail = bavail
        self.files = files
        self.ffree = ffree
        self.bsize = bsize
        self.namelen = namelen
        self.frsize = frsize
        self.padding = padding
        self.spare = spare
    }
}

/// The answer to STATFS, which has no structure of its own in the request. In C: `struct fuse_statfs_out`.
public struct StatfsOut: WireStruct {
    public var st: Kstatfs

    @inlinable
    public init(st: Kstatfs = Kstatfs()) {
        self.st = st
    }
}
