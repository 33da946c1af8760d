// SPDX-License-Identifier: MIT

/// A name's inode: the answer to LOOKUP, MKNOD, MKDIR, SYMLINK, LINK, and the first part of that to CREATE and
/// TMPFILE.
///
/// Each one sent raises the inode's lookup count by one, until FORGET takes it back. In C: `struct fuse_entry_out`.
public struct EntryOut: WireStruct {
    /// 0 says that the name does not exist and that this, too, may be relied on for `entry_valid`.
    public var nodeid: UInt64
    /// Together with `nodeid` unique for the life of the filesystem.
    public var generation: UInt64
    /// How long the kernel may rely on the name, in seconds, plus `entry_valid_nsec`.
    public var entry_valid: UInt64
    /// How long the kernel may rely on `attr`, in seconds, plus `attr_valid_nsec`.
    public var attr_valid: UInt64
    public var entry_valid_nsec: UInt32
    public var attr_valid_nsec: UInt32
    public var attr: Attr

    @inlinable
    public init(
        nodeid: UInt64 = 0, generation: UInt64 = 0, entry_valid: UInt64 = 0, attr_valid: UInt64 = 0,
        entry_valid_nsec: UInt32 = 0, attr_valid_nsec: UInt32 = 0, attr: Attr = Attr()
    ) {
        self.nodeid = nodeid
        self.generation = generation
        self.entry_valid = entry_valid
        self.attr_valid = attr_valid
        self.entry_valid_nsec = entry_valid_nsec
        self.attr_valid_nsec = attr_valid_nsec
        self.attr = attr
    }
}

/// FORGET: the kernel gives lookups back. No reply. In C: `struct fuse_forget_in`.
public struct ForgetIn: WireStruct {
    /// How many.
    public var nlookup: UInt64

    @inlinable
    public init(nlookup: UInt64 = 0) {
        self.nlookup = nlookup
    }
}

/// One element of BATCH_FORGET. In C: `struct fuse_forget_one`.
public struct ForgetOne: WireStruct {
    public var nodeid: UInt64
    /// How many lookups of `nodeid` the kernel gives back.
    public var nlookup: UInt64

    @inlinable
    public init(nodeid: UInt64 = 0, nlookup: UInt64 = 0) {
        self.nodeid = nodeid
        self.nlookup = nlookup
    }
}

/// BATCH_FORGET: `count` times `ForgetOne` follows. No reply. In C: `struct fuse_batch_forget_in`.
public struct BatchForgetIn: WireStruct {
    public var count: UInt32
    public var dummy: UInt32

    @inlinable
    public init(count: UInt32 = 0, dummy: UInt32 = 0) {
        self.count = count
        self.dummy = dummy
    }
}

/// MKNOD; the name follows. In C: `struct fuse_mknod_in`.
public struct MknodIn: WireStruct {
    public var mode: UInt32
    /// Of a device: the kernel's 32-bit encoding (`new_encode_dev`).
    public var rdev: UInt32
    /// The caller's; applied already unless `InitFlags.dontMask` is negotiated.
    public var umask: UInt32
    public var padding: UInt32

    @inlinable
    public init(mode: UInt32 = 0, rdev: UInt32 = 0, umask: UInt32 = 0, padding: UInt32 = 0) {
        self.mode = mode
        self.rdev = rdev
        self.umask = umask
        self.padding = padding
    }
}

/// MKDIR; the name follows. In C: `struct fuse_mkdir_in`.
public struct MkdirIn: WireStruct {
    public var mode: UInt32
    /// The caller's; applied already unless `InitFlags.dontMask` is negotiated.
    public var umask: UInt32

    @inlinable
    public init(mode: UInt32 = 0, umask: UInt32 = 0) {
        self.mode = mode
        self.umask = umask
    }
}

/// RENAME; the old name and the new one follow. In C: `struct fuse_rename_in`.
public struct RenameIn: WireStruct {
    /// The node id of the directory that the new name is in.
    public var newdir: UInt64

    @inlinable
    public init(newdir: UInt64 = 0) {
        self.newdir = newdir
    }
}

/// RENAME2: renameat2(2); the old name and the new one follow. In C: `struct fuse_rename2_in`.
public struct Rename2In: WireStruct {
    /// The node id of the directory that the new name is in.
    public var newdir: UInt64
    /// RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT.
    public var flags: UInt32
    public var padding: UInt32

    @inlinable
    public init(newdir: UInt64 = 0, flags: UInt32 = 0, padding: UInt32 = 0) {
        self.newdir = newdir
        self.flags = flags
        self.padding = padding
    }
}

/// LINK; the new name follows, and the header's `nodeid` is the directory that it is in. In C: `struct fuse_link_in`.
public struct LinkIn: WireStruct {
    public var oldnodeid: UInt64

    @inlinable
    public init(oldnodeid: UInt64 = 0) {
        self.oldnodeid = oldnodeid
    }
}
