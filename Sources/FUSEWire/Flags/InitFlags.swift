// SPDX-License-Identifier: MIT

/// What INIT negotiates: the kernel offers, the reply picks from what was offered.
///
/// On the wire in two words: `flags`, and `flags2` where `initExt` is set.
public struct InitFlags: WireFlags {
    public var rawValue: UInt64

    @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }

    /// Several READs of one open file may be under way at once.
    @inlinable public static var asyncRead: Self { Self(rawValue: 1 << 0) }
    /// The server keeps the POSIX locks (GETLK, SETLK, SETLKW).
    @inlinable public static var posixLocks: Self { Self(rawValue: 1 << 1) }
    /// Named by the protocol, used by no kernel.
    @inlinable public static var fileOps: Self { Self(rawValue: 1 << 2) }
    /// OPEN carries O_TRUNC and the server truncates; otherwise a SETATTR does.
    @inlinable public static var atomicOTrunc: Self { Self(rawValue: 1 << 3) }
    /// LOOKUP of "." and ".." works on any node id, also a forgotten one: NFS export needs it.
    @inlinable public static var exportSupport: Self { Self(rawValue: 1 << 4) }
    /// A WRITE may be larger than a page.
    @inlinable public static var bigWrites: Self { Self(rawValue: 1 << 5) }
    /// The kernel leaves modes alone; the server applies the umask that the request carries.
    @inlinable public static var dontMask: Self { Self(rawValue: 1 << 6) }
    /// The kernel can splice from a pipe into the device.
    @inlinable public static var spliceWrite: Self { Self(rawValue: 1 << 7) }
    /// Spliced pages may be moved into the page cache.
    @inlinable public static var spliceMove: Self { Self(rawValue: 1 << 8) }
    /// The kernel can splice from the device into a pipe.
    @inlinable public static var spliceRead: Self { Self(rawValue: 1 << 9) }
    /// The server keeps the flock(2) locks.
    @inlinable public static var flockLocks: Self { Self(rawValue: 1 << 10) }
    /// IOCTL comes for directories too.
    @inlinable public static var hasIoctlDir: Self { Self(rawValue: 1 << 11) }
    /// Cached data is dropped when attributes show another size or modification time.
    @inlinable public static var autoInvalData: Self { Self(rawValue: 1 << 12) }
    /// Directories are read with READDIRPLUS.
    @inlinable public static var doReaddirplus: Self { Self(rawValue: 1 << 13) }
    /// READDIR or READDIRPLUS, as the kernel judges from the caller's lookups; goes with `doReaddirplus`.
    @inlinable public static var readdirplusAuto: Self { Self(rawValue: 1 << 14) }
    /// Direct I/O is sent without waiting for the part before it.
    @inlinable public static var asyncDIO: Self { Self(rawValue: 1 << 15) }
    /// Writes gather in the page cache. Size and times are then the kernel's, and it reads in files open for
    /// writing.
    @inlinable public static var writebackCache: Self { Self(rawValue: 1 << 16) }
    /// ENOSYS to OPEN means: opens succeed, and no OPEN and RELEASE comes any more.
    @inlinable public static var noOpenSupport: Self { Self(rawValue: 1 << 17) }
    /// LOOKUP and READDIR may run at once in one directory.
    @inlinable public static var parallelDirops: Self { Self(rawValue: 1 << 18) }
    /// The server clears set-user-id bits and capabilities on WRITE, chown and truncate, whoever asks.
    @inlinable public static var handleKillpriv: Self { Self(rawValue: 1 << 19) }
    /// The kernel checks POSIX ACLs, which it reads as extended attributes.
    @inlinable public static var posixACL: Self { Self(rawValue: 1 << 20) }
    /// Reading the device of an aborted connection gives ECONNABORTED instead of ENODEV.
    @inlinable public static var abortError: Self { Self(rawValue: 1 << 21) }
    /// `InitOut.max_pages` counts.
    @inlinable public static var maxPages: Self { Self(rawValue: 1 << 22) }
    /// READLINK's answers are cached.
    @inlinable public static var cacheSymlinks: Self { Self(rawValue: 1 << 23) }
    /// ENOSYS to OPENDIR means: opens succeed, and no OPENDIR and RELEASEDIR comes any more.
    @inlinable public static var noOpendirSupport: Self { Self(rawValue: 1 << 24) }
    /// Cached data is dropped when the server says so, not when attributes change.
    @inlinable public static var explicitInvalData: Self { Self(rawValue: 1 << 25) }
    /// `InitOut.map_alignment` counts.
    @inlinable public static var mapAlignment: Self { Self(rawValue: 1 << 26) }
    /// `AttrFlags.submount` makes an inode the root of a mount of its own. 7.32.
    @inlinable public static var submounts: Self { Self(rawValue: 1 << 27) }
    /// As `handleKillpriv`, but as Linux does it: requests say when the caller's rights make it needed, and the
    /// set-group-id bit goes from group-executable files only. 7.33.
    @inlinable public static var handleKillprivV2: Self { Self(rawValue: 1 << 28) }
    /// `SetxattrIn` has its full length. 7.33.
    @inlinable public static var setxattrExt: Self { Self(rawValue: 1 << 29) }
    /// `flags2` counts, in `InitIn` and in `InitOut`. 7.36.
    @inlinable public static var initExt: Self { Self(rawValue: 1 << 30) }
    /// Not to be used. 7.36.
    @inlinable public static var initReserved: Self { Self(rawValue: 1 << 31) }
    /// Creating requests carry the new inode's security contexts. 7.36.
    @inlinable public static var securityCtx: Self { Self(rawValue: 1 << 32) }
    /// `AttrFlags.dax` chooses DAX inode by inode. 7.36.
    @inlinable public static var hasInodeDax: Self { Self(rawValue: 1 << 33) }
    /// Creating requests carry the caller's supplementary group, if it is the directory's. 7.38.
    @inlinable public static var createSuppGroup: Self { Self(rawValue: 1 << 34) }
    /// The kernel knows `ExpireFlags.expireOnly`. 7.38.
    @inlinable public static var hasExpireOnly: Self { Self(rawValue: 1 << 35) }
    /// Shared mappings of files opened with `OpenFlags.directIO` are allowed. 7.39.
    @inlinable public static var directIOAllowMmap: Self { Self(rawValue: 1 << 36) }
    /// Opens may name a backing file; needs `InitOut.max_stack_depth` and excludes `writebackCache`. 7.40.
    @inlinable public static var passthrough: Self { Self(rawValue: 1 << 37) }
    /// The mount cannot be exported over NFS: file handles of it cannot be opened. 7.40.
    @inlinable public static var noExportSupport: Self { Self(rawValue: 1 << 38) }
    /// The kernel knows `NotifyCode.resend`. 7.40.
    @inlinable public static var hasResend: Self { Self(rawValue: 1 << 39) }
    /// The mount may be id-mapped; needs `default_permissions`. 7.41.
    @inlinable public static var allowIdmap: Self { Self(rawValue: 1 << 40) }
    /// Requests may travel over io_uring. 7.42.
    @inlinable public static var overIOUring: Self { Self(rawValue: 1 << 41) }
    /// `InitOut.request_timeout` counts. 7.43.
    @inlinable public static var requestTimeout: Self { Self(rawValue: 1 << 42) }

    public static var names: [(flag: Self, name: StaticString)] {
        [
            (.asyncRead, "ASYNC_READ"), (.posixLocks, "POSIX_LOCKS"), (.fileOps, "FILE_OPS"),
            (.atomicOTrunc, "ATOMIC_O_TRUNC"), (.exportSupport, "EXPORT_SUPPORT"), (.bigWrites, "BIG_WRITES"),
            (.dontMask, "DONT_MASK"), (.spliceWrite, "SPLICE_WRITE"), (.spliceMove, "SPLICE_MOVE"),
            (.spliceRead, "SPLICE_READ"), (.flockLocks, "FLOCK_LOCKS"), (.hasIoctlDir, "HAS_IOCTL_DIR"),
            (.autoInvalData, "AUTO_INVAL_DATA"), (.doReaddirplus, "DO_READDIRPLUS"),
            (.readdirplusAuto, "READDIRPLUS_AUTO"), (.asyncDIO, "ASYNC_DIO"), (.writebackCache, "WRITEBACK_CACHE"),
            (.noOpenSupport, "NO_OPEN_SUPPORT"), (.parallelDirops, "PARALLEL_DIROPS"),
            (.handleKillpriv, "HANDLE_KILLPRIV"), (.posixACL, "POSIX_ACL"), (.abortError, "ABORT_ERROR"),
            (.maxPages, "MAX_PAGES"), (.cacheSymlinks, "CACHE_SYMLINKS"), (.noOpendirSupport, "NO_OPENDIR_SUPPORT"),
            (.explicitInvalData, "EXPLICIT_INVAL_DATA"), (.mapAlignment, "MAP_ALIGNMENT"),
            (.submounts, "SUBMOUNTS"), (.handleKillprivV2, "HANDLE_KILLPRIV_V2"), (.setxattrExt, "SETXATTR_EXT"),
            (.initExt, "INIT_EXT"), (.initReserved, "INIT_RESERVED"), (.securityCtx, "SECURITY_CTX"),
            (.hasInodeDax, "HAS_INODE_DAX"), (.createSuppGroup, "CREATE_SUPP_GROUP"),
            (.hasExpireOnly, "HAS_EXPIRE_ONLY"), (.directIOAllowMmap, "DIRECT_IO_ALLOW_MMAP"),
            (.passthrough, "PASSTHROUGH"), (.noExportSupport, "NO_EXPORT_SUPPORT"), (.hasResend, "HAS_RESEND"),
            (.allowIdmap, "ALLOW_IDMAP"), (.overIOUring, "OVER_IO_URING"), (.requestTimeout, "REQUEST_TIMEOUT"),
        ]
    }
}

extension InitFlags {
    /// Puts the two words of the wire together.
    @inlinable
    public init(low: UInt32, high: UInt32) {
        self.init(rawValue: UInt64(high) << 32 | UInt64(low))
    }

    /// The word that goes into `flags`.
    @inlinable public var low: UInt32 { UInt32(truncatingIfNeeded: rawValue) }

    /// The word that goes into `flags2`.
    @inlinable public var high: UInt32 { UInt32(truncatingIfNeeded: rawValue >> 32) }

    /// What the kernel offers. Without `initExt` the second word is not looked at, as the kernel does it.
    @inlinable
    public init(_ message: InitIn) {
        let low = InitFlags(low: message.flags, high: 0)
        self = low.contains(.initExt) ? InitFlags(low: message.flags, high: message.flags2) : low
    }

    /// What a server picked. Without `initExt` the second word is not looked at, as the kernel does it.
    @inlinable
    public init(_ message: InitOut) {
        let low = InitFlags(low: message.flags, high: 0)
        self = low.contains(.initExt) ? InitFlags(low: message.flags, high: message.flags2) : low
    }
}
