// SPDX-License-Identifier: MIT

/// `NotifyCode.poll`: waiters look again. In C: `struct fuse_notify_poll_wakeup_out`.
public struct NotifyPollWakeupOut: WireStruct {
    public var kh: UInt64

    @inlinable
    public init(kh: UInt64 = 0) {
        self.kh = kh
    }
}

/// `NotifyCode.invalInode`: drop the attributes, and cached data of a range. In C: `struct
/// fuse_notify_inval_inode_out`.
public struct NotifyInvalInodeOut: WireStruct {
    /// A node id, as the kernel knows it.
    public var ino: UInt64
    /// Negative: attributes only.
    public var off: Int64
    /// 0 or less: to the end of the file.
    public var len: Int64

    @inlinable
    public init(ino: UInt64 = 0, off: Int64 = 0, len: Int64 = 0) {
        self.ino = ino
        self.off = off
        self.len = len
    }
}

/// `NotifyCode.invalEntry`: drop a name; `namelen` bytes and a NUL follow. In C: `struct
/// fuse_notify_inval_entry_out`.
public struct NotifyInvalEntryOut: WireStruct {
    public var parent: UInt64
    public var namelen: UInt32
    /// `ExpireFlags` (7.38; padding before that).
    public var flags: UInt32

    @inlinable
    public init(parent: UInt64 = 0, namelen: UInt32 = 0, flags: UInt32 = 0) {
        self.parent = parent
        self.namelen = namelen
        self.flags = flags
    }
}

/// `NotifyCode.delete`: a name is gone, watchers are told; `namelen` bytes and a NUL follow.
///
/// In C: `struct fuse_notify_delete_out`.
public struct NotifyDeleteOut: WireStruct {
    public var parent: UInt64
    public var child: UInt64
    public var namelen: UInt32
    public var padding: UInt32

    @inlinable
    public init(parent: UInt64 = 0, child: UInt64 = 0, namelen: UInt32 = 0, padding: UInt32 = 0) {
        self.parent = parent
        self.child = child
        self.namelen = namelen
        self.padding = padding
    }
}

/// `NotifyCode.store`: put data into the page cache; `size` bytes follow. In C: `struct fuse_notify_store_out`.
public struct NotifyStoreOut: WireStruct {
    public var nodeid: UInt64
    public var offset: UInt64
    public var size: UInt32
    public var padding: UInt32

    @inlinable
    public init(nodeid: UInt64 = 0, offset: UInt64 = 0, size: UInt32 = 0, padding: UInt32 = 0) {
        self.nodeid = nodeid
        self.offset = offset
        self.size = size
        self.padding = padding
    }
}

/// `NotifyCode.retrieve`: the kernel sends cached data back in NOTIFY_REPLY. In C: `struct fuse_notify_retrieve_out`.
public struct NotifyRetrieveOut: WireStruct {
    /// The `unique` that the NOTIFY_REPLY will carry.
    public var notify_unique: UInt64
    public var nodeid: UInt64
    public var offset: UInt64
    public var size: UInt32
    public var padding: UInt32

    @inlinable
    public init(
        notify_unique: UInt64 = 0, nodeid: UInt64 = 0, offset: UInt64 = 0, size: UInt32 = 0, padding: UInt32 = 0
    ) {
        self.notify_unique = notify_unique
        self.nodeid = nodeid
        self.offset = offset
        self.size = size
        self.padding = padding
    }
}

/// NOTIFY_REPLY: what `NotifyCode.retrieve` asked for; `size` bytes of data follow. No reply.
///
/// Laid out as `WriteIn` is. In C: `struct fuse_notify_retrieve_in`.
public struct NotifyRetrieveIn: WireStruct {
    public var dummy1: UInt64
    public var offset: UInt64
    public var size: UInt32
    public var dummy2: UInt32
    public var dummy3: UInt64
    public var dummy4: UInt64

    @inlinable
    public init(
        dummy1: UInt64 = 0, offset: UInt64 = 0, size: UInt32 = 0, dummy2: UInt32 = 0, dummy3: UInt64 = 0,
        dummy4: UInt64 = 0
    ) {
        self.dummy1 = dummy1
        self.offset = offset
        self.size = size
        self.dummy2 = dummy2
        self.dummy3 = dummy3
        self.dummy4 = dummy4
    }
}

/// `NotifyCode.prune` (7.45): let go of inodes that nobody uses; `count` node ids of 64 bits follow.
///
/// In C: `struct fuse_notify_prune_out`.
public struct NotifyPruneOut: WireStruct {
    public var count: UInt32
    public var padding: UInt32
    public var spare: UInt64

    @inlinable
    public init(count: UInt32 = 0, padding: UInt32 = 0, spare: UInt64 = 0) {
        self.count = count
        self.padding = padding
        self.spare = spare
    }
}
