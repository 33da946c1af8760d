// SPDX-License-Identifier: MIT

/// `GetattrIn.getattr_flags`. In C: `FUSE_GETATTR_*`.
public struct GetattrFlags: WireFlags {
    public var rawValue: UInt32

    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// `fh` counts.
    @inlinable public static var fh: Self { Self(rawValue: 1 << 0) }

    public static var names: [(flag: Self, name: StaticString)] {
        [(.fh, "FH")]
    }
}

/// Which fields of `SetattrIn` count. In C: `FATTR_*`.
public struct SetattrValid: WireFlags {
    public var rawValue: UInt32

    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// `mode`.
    @inlinable public static var mode: Self { Self(rawValue: 1 << 0) }
    /// `uid`.
    @inlinable public static var uid: Self { Self(rawValue: 1 << 1) }
    /// `gid`.
    @inlinable public static var gid: Self { Self(rawValue: 1 << 2) }
    /// `size`: truncate or extend.
    @inlinable public static var size: Self { Self(rawValue: 1 << 3) }
    /// `atime` and `atimensec`.
    @inlinable public static var atime: Self { Self(rawValue: 1 << 4) }
    /// `mtime` and `mtimensec`.
    @inlinable public static var mtime: Self { Self(rawValue: 1 << 5) }
    /// `fh`: the call was made on an open file.
    @inlinable public static var fh: Self { Self(rawValue: 1 << 6) }
    /// Set the access time to the server's now; goes with `atime`.
    @inlinable public static var atimeNow: Self { Self(rawValue: 1 << 7) }
    /// Set the modification time to the server's now; goes with `mtime`.
    @inlinable public static var mtimeNow: Self { Self(rawValue: 1 << 8) }
    /// `lock_owner`: of a truncation, for mandatory locks.
    @inlinable public static var lockOwner: Self { Self(rawValue: 1 << 9) }
    /// `ctime` and `ctimensec`: from the writeback cache.
    @inlinable public static var ctime: Self { Self(rawValue: 1 << 10) }
    /// Clear set-user-id, and set-group-id if group-executable. 7.33.
    @inlinable public static var killSuidgid: Self { Self(rawValue: 1 << 11) }

    public static var names: [(flag: Self, name: StaticString)] {
        [
            (.mode, "MODE"), (.uid, "UID"), (.gid, "GID"), (.size, "SIZE"), (.atime, "ATIME"), (.mtime, "MTIME"),
            (.fh, "FH"), (.atimeNow, "ATIME_NOW"), (.mtimeNow, "MTIME_NOW"), (.lockOwner, "LOCKOWNER"),
            (.ctime, "CTIME"), (.killSuidgid, "KILL_SUIDGID"),
        ]
    }
}

/// `Attr.flags` (7.32). In C: `FUSE_ATTR_*`.
public struct AttrFlags: WireFlags {
    public var rawValue: UInt32

    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The inode is the root of another filesystem. 7.32.
    @inlinable public static var submount: Self { Self(rawValue: 1 << 0) }
    /// Use DAX for this file. 7.36.
    @inlinable public static var dax: Self { Self(rawValue: 1 << 1) }

    public static var names: [(flag: Self, name: StaticString)] {
        [
            (.submount, "SUBMOUNT"), (.dax, "DAX"),
        ]
    }
}

/// `ReadIn.read_flags`. In C: `FUSE_READ_*`.
public struct ReadFlags: WireFlags {
    public var rawValue: UInt32

    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// `lock_owner` counts.
    @inlinable public static var lockOwner: Self { Self(rawValue: 1 << 1) }

    public static var names: [(flag: Self, name: StaticString)] {
        [(.lockOwner, "LOCKOWNER")]
    }
}

/// `WriteIn.write_flags`. In C: `FUSE_WRITE_*`.
public struct WriteFlags: WireFlags {
    public var rawValue: UInt32

    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Dirty pages are written back: `fh`, and the caller in the header, are not the writer's.
    @inlinable public static var cache: Self { Self(rawValue: 1 << 0) }
    /// `lock_owner` counts.
    @inlinable public static var lockOwner: Self { Self(rawValue: 1 << 1) }
    /// Clear set-user-id, and set-group-id if group-executable.
    @inlinable public static var killSuidgid: Self { Self(rawValue: 1 << 2) }

    public static var names: [(flag: Self, name: StaticString)] {
        [
            (.cache, "CACHE"), (.lockOwner, "LOCKOWNER"), (.killSuidgid, "KILL_SUIDGID"),
        ]
    }
}

/// `LkIn.lk_flags`. In C: `FUSE_LK_*`.
public struct LockFlags: WireFlags {
    public var rawValue: UInt32

    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// A flock(2) lock, on the whole file.
    @inlinable public static var flock: Self { Self(rawValue: 1 << 0) }

    public static var names: [(flag: Self, name: StaticString)] {
        [(.flock, "FLOCK")]
    }
}

/// `flags` of `IoctlIn` and `IoctlOut`. In C: `FUSE_IOCTL_*`.
public struct IoctlFlags: WireFlags {
    public var rawValue: UInt32

    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// A 32-bit process calls a 64-bit kernel.
    @inlinable public static var compat: Self { Self(rawValue: 1 << 0) }
    /// The command's number does not tell the sizes; the server may ask for data with `retry`. CUSE only.
    @inlinable public static var unrestricted: Self { Self(rawValue: 1 << 1) }
    /// The reply lists the memory that the request is to carry and its answer to fill.
    @inlinable public static var retry: Self { Self(rawValue: 1 << 2) }
    /// The caller's addresses have 32 bits.
    @inlinable public static var is32Bit: Self { Self(rawValue: 1 << 3) }
    /// The file is a directory.
    @inlinable public static var dir: Self { Self(rawValue: 1 << 4) }
    /// An x32 process: 32-bit addresses, 64-bit time.
    @inlinable public static var compatX32: Self { Self(rawValue: 1 << 5) }

    public static var names: [(flag: Self, name: StaticString)] {
        [
            (.compat, "COMPAT"), (.unrestricted, "UNRESTRICTED"), (.retry, "RETRY"), (.is32Bit, "32BIT"),
            (.dir, "DIR"), (.compatX32, "COMPAT_X32"),
        ]
    }
}

/// `PollIn.flags`. In C: `FUSE_POLL_*`.
public struct PollFlags: WireFlags {
    public var rawValue: UInt32

    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Someone waits: send `NotifyCode.poll` when the answer changes.
    @inlinable public static var scheduleNotify: Self { Self(rawValue: 1 << 0) }

    public static var names: [(flag: Self, name: StaticString)] {
        [(.scheduleNotify, "SCHEDULE_NOTIFY")]
    }
}

/// `SetxattrIn.setxattr_flags` (7.33). In C: `FUSE_SETXATTR_*`.
public struct SetxattrFlags: WireFlags {
    public var rawValue: UInt32

    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// With `system.posix_acl_access`: clear set-group-id. 7.33.
    @inlinable public static var aclKillSgid: Self { Self(rawValue: 1 << 0) }

    public static var names: [(flag: Self, name: StaticString)] {
        [(.aclKillSgid, "ACL_KILL_SGID")]
    }
}

/// `NotifyInvalEntryOut.flags` (7.38). In C: `FUSE_EXPIRE_ONLY`.
public struct ExpireFlags: WireFlags {
    public var rawValue: UInt32

    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Let the name's timeout run out instead of dropping it: mounts below and open files stay. 7.38.
    @inlinable public static var expireOnly: Self { Self(rawValue: 1 << 0) }

    public static var names: [(flag: Self, name: StaticString)] {
        [(.expireOnly, "EXPIRE_ONLY")]
    }
}

/// `BackingMap.flags`. In C: `FUSE_BACKING_FLAG_*`.
public struct BackingFlags: WireFlags {
    public var rawValue: UInt32

    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// `id` is the server's choice. Not in mainline kernels, which refuse it with EINVAL.
    @inlinable public static var serverID: Self { Self(rawValue: 1 << 0) }

    public static var names: [(flag: Self, name: StaticString)] {
        [(.serverID, "SERVER_ID")]
    }
}

/// `SetupmappingIn.flags`. In C: `FUSE_SETUPMAPPING_FLAG_*`.
public struct SetupMappingFlags: WireFlags {
    public var rawValue: UInt64

    @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Map for writing.
    @inlinable public static var write: Self { Self(rawValue: 1 << 0) }
    /// Map for reading.
    @inlinable public static var read: Self { Self(rawValue: 1 << 1) }

    public static var names: [(flag: Self, name: StaticString)] {
        [
            (.write, "WRITE"), (.read, "READ"),
        ]
    }
}

/// `flags` of `CuseInitIn` and `CuseInitOut`. In C: `CUSE_*`.
public struct CUSEInitFlags: WireFlags {
    public var rawValue: UInt32

    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// IOCTLs come with `IoctlFlags.unrestricted`.
    @inlinable public static var unrestrictedIoctl: Self { Self(rawValue: 1 << 0) }

    public static var names: [(flag: Self, name: StaticString)] {
        [(.unrestrictedIoctl, "UNRESTRICTED_IOCTL")]
    }
}
