// SPDX-License-Identifier: MIT

/// How I/O on a freshly opened file goes: `OpenOut.open_flags`. In C: `FOPEN_*`.
public struct OpenFlags: WireFlags {
    public var rawValue: UInt32

    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Reads and writes go to the server, past the page cache.
    @inlinable public static var directIO: Self { Self(rawValue: 1 << 0) }
    /// What is cached of the file stays good.
    @inlinable public static var keepCache: Self { Self(rawValue: 1 << 1) }
    /// lseek(2) fails.
    @inlinable public static var nonseekable: Self { Self(rawValue: 1 << 2) }
    /// The listing of this directory may be cached.
    @inlinable public static var cacheDir: Self { Self(rawValue: 1 << 3) }
    /// No file position: several reads and writes may be under way at once.
    @inlinable public static var stream: Self { Self(rawValue: 1 << 4) }
    /// No FLUSH at close, unless `InitFlags.writebackCache` is on. 7.35.
    @inlinable public static var noflush: Self { Self(rawValue: 1 << 5) }
    /// Direct writes to one inode may run at once. 7.38.
    @inlinable public static var parallelDirectWrites: Self { Self(rawValue: 1 << 6) }
    /// `OpenOut.backing_id` names the file that the kernel reads and writes itself. 7.40.
    @inlinable public static var passthrough: Self { Self(rawValue: 1 << 7) }

    public static var names: [(flag: Self, name: StaticString)] {
        [
            (.directIO, "DIRECT_IO"), (.keepCache, "KEEP_CACHE"), (.nonseekable, "NONSEEKABLE"),
            (.cacheDir, "CACHE_DIR"), (.stream, "STREAM"), (.noflush, "NOFLUSH"),
            (.parallelDirectWrites, "PARALLEL_DIRECT_WRITES"), (.passthrough, "PASSTHROUGH"),
        ]
    }
}

/// What OPEN and CREATE ask for beside the flags of open(2): `open_flags` (7.33). In C: `FUSE_OPEN_*`.
public struct OpenInFlags: WireFlags {
    public var rawValue: UInt32

    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// With O_TRUNC: clear set-user-id, and set-group-id if group-executable. 7.33.
    @inlinable public static var killSuidgid: Self { Self(rawValue: 1 << 0) }

    public static var names: [(flag: Self, name: StaticString)] {
        [(.killSuidgid, "KILL_SUIDGID")]
    }
}

/// `ReleaseIn.release_flags`. In C: `FUSE_RELEASE_*`.
public struct ReleaseFlags: WireFlags {
    public var rawValue: UInt32

    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Do what FLUSH does, too. Kernels that send FLUSH do not set it.
    @inlinable public static var flush: Self { Self(rawValue: 1 << 0) }
    /// Drop the flock(2) lock of `lock_owner`.
    @inlinable public static var flockUnlock: Self { Self(rawValue: 1 << 1) }

    public static var names: [(flag: Self, name: StaticString)] {
        [
            (.flush, "FLUSH"), (.flockUnlock, "FLOCK_UNLOCK"),
        ]
    }
}

/// `FsyncIn.fsync_flags`. In C: `FUSE_FSYNC_*`.
public struct FsyncFlags: WireFlags {
    public var rawValue: UInt32

    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The data is enough, as fdatasync(2).
    @inlinable public static var fdatasync: Self { Self(rawValue: 1 << 0) }

    public static var names: [(flag: Self, name: StaticString)] {
        [(.fdatasync, "FDATASYNC")]
    }
}
