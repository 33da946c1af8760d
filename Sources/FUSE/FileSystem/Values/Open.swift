// SPDX-License-Identifier: MIT

public import SystemPackage

/// How a file is to be opened.
public struct OpenRequest: Hashable, Sendable {
    /// The caller's `open(2)` flags as they came, access mode included, without `O_CREAT`, `O_EXCL` and `O_NOCTTY`.
    /// `O_TRUNC` is there only for filesystems that asked for the capability `atomicOTrunc`.
    public var flags: Int32
    /// With `O_TRUNC`: set-user-id, set-group-id and file capabilities are to go. C counterpart:
    /// `FUSE_OPEN_KILL_SUIDGID` (protocol 7.33).
    public var killPrivileges: Bool

    public init(flags: Int32, killPrivileges: Bool = false) {
        self.flags = flags
        self.killPrivileges = killPrivileges
    }

    /// Reading, writing or both. C counterpart: `flags & O_ACCMODE`.
    public var accessMode: FileDescriptor.AccessMode { .init(rawValue: flags & 3) }

    /// The file is opened to be run (`execve(2)`), as a program or as what interprets one. Not where a program reads or maps it by
    /// itself. C counterpart: `__FMODE_EXEC`, which the kernel leaves in the flags.
    public var executes: Bool { flags & 0x20 != 0 }

    /// The flags without the access mode.
    public var options: FileDescriptor.OpenOptions { .init(rawValue: flags & ~3) }
}

/// The answer to an open. It owns the backing file that it names, if it names one.
public struct Opened: ~Copyable, Sendable {
    public var handle: FileHandle
    public var io: IO
    /// The kernel need not send FLUSH at each `close(2)`: right where closing can report no error, and the kernel
    /// holds the POSIX locks. C counterpart: `FOPEN_NOFLUSH` (protocol 7.35).
    public var skipsFlush: Bool
    /// The file has no position: `lseek` and `pread` fail. C counterpart: `FOPEN_NONSEEKABLE`.
    public var nonSeekable: Bool

    public init(handle: FileHandle = .none, io: consuming IO = .cached, skipsFlush: Bool = false, nonSeekable: Bool = false) {
        self.handle = handle
        self.io = io
        self.skipsFlush = skipsFlush
        self.nonSeekable = nonSeekable
    }

    /// How the reads and writes of an open file go.
    ///
    /// It is a wish. What is already open on the same inode can rule a mode out, and the kernel would fail an open
    /// that breaks its rules: the session then picks the nearest mode that is right.
    public struct IO: ~Copyable, Sendable {
        /// How it is to go, without the backing file.
        public enum Mode: Hashable, Sendable {
            case cached
            case keepingCache
            case direct
            case passthrough
            case passthroughDirect
        }

        public let mode: Mode
        /// How it goes where it is not passed through.
        let served: Served
        /// For whom its file is to be registered; nil where none is.
        public let opener: Opener?
        /// The backing file's descriptor; nil where there is none.
        public let descriptor: FileDescriptor?
        private let backing: BackingFile?

        /// Through the kernel's page cache; the filesystem sees what the cache lacks. What is cached of earlier opens
        /// is dropped now.
        public static var cached: IO { IO(.cached, .cached) }
        /// As `cached`, and what is cached of earlier opens is still good. Not for an inode that is opened in passthrough
        /// at other times: what is written then does not reach the cache. C counterpart: `FOPEN_KEEP_CACHE`.
        public static var keepingCache: IO { IO(.keepingCache, .keepingCache) }
        /// Each read and write goes to the filesystem. C counterpart: `FOPEN_DIRECT_IO`.
        public static var direct: IO { IO(.direct, .direct) }

        /// The kernel reads, writes and maps this file by itself. All opens of an inode share one registration, so they must
        /// name the same file; where registrations are kept (``BackingOptions/kept``), also those after the last close.
        ///
        /// Where passthrough cannot be had, the open goes on as `otherwise` says, and the session says why once.
        ///
        /// The kernel writes with the rights of this process, as they are `for` the opener: see ``Opener``.
        public static func passthrough(
            _ file: consuming BackingFile, otherwise: Served = .cached, for opener: Opener = Opener()
        ) -> IO {
            IO(.passthrough, otherwise, opener, file)
        }

        /// As `passthrough` for this file's maps, and beside other opens; each of its own reads and writes goes to the
        /// filesystem. For files with which more is to be done than the kernel does. C counterpart: `FOPEN_PASSTHROUGH`
        /// with `FOPEN_DIRECT_IO`.
        public static func passthroughDirect(
            _ file: consuming BackingFile, otherwise: Served = .cached, for opener: Opener = Opener()
        ) -> IO {
            IO(.passthroughDirect, otherwise, opener, file)
        }

        private init(_ mode: Mode, _ served: Served) {
            self.mode = mode
            self.served = served
            opener = nil
            descriptor = nil
            backing = nil
        }

        private init(_ mode: Mode, _ served: Served, _ opener: Opener, _ file: consuming BackingFile) {
            self.mode = mode
            self.served = served
            self.opener = opener
            descriptor = file.descriptor
            backing = consume file
        }

        /// Who opens a file that is passed through: it decides with which rights the kernel's own writes are made.
        ///
        /// One registration has one kind of rights. While a file is open with another kind, who writes is served direct.
        /// The kinds differ in ``leavesPrivileges``, and in whether there are ``limits``; whose these are is decided by the
        /// open that made the registration, for all that share it.
        public struct Opener: Hashable, Sendable {
            /// It is open for writing.
            public var writes: Bool
            /// What is written leaves set-user-id and set-group-id bits, as with root: the opener has CAP_FSETID. Otherwise it
            /// takes them. The kernel asks the filesystem to take them only where it knows of them, and it may not: others set
            /// them a moment ago, not through this mount.
            public var leavesPrivileges: Bool
            /// Whose limits hold for what is written; nil or root: this process's. They are blocks that a filesystem keeps for root
            /// or another user, and quotas, which CAP_SYS_RESOURCE overrides. To have a file registered so takes CAP_SETUID and
            /// CAP_SETGID.
            public var limits: Caller?

            public init(writes: Bool = true, leavesPrivileges: Bool = false, limits: Caller? = nil) {
                self.writes = writes
                self.leavesPrivileges = leavesPrivileges
                self.limits = limits
            }
        }

        /// How a file is served where it is not passed through.
        public enum Served: Sendable {
            case cached
            case keepingCache
            case direct
        }
    }
}

/// The answer to a create: what the name stands for now, and how it was opened.
public struct Created: ~Copyable, Sendable {
    public var entry: Entry
    public var opened: Opened

    public init(entry: Entry, opened: consuming Opened) {
        self.entry = entry
        self.opened = opened
    }
}

/// The answer to an opendir.
public struct OpenedDirectory: Sendable {
    public var handle: FileHandle
    /// The kernel may remember the entries, and answer later readings of the directory by itself until its
    /// modification time changes. C counterpart: `FOPEN_CACHE_DIR`.
    public var cachesEntries: Bool
    /// What is remembered of earlier readings is still good. C counterpart: `FOPEN_KEEP_CACHE`.
    public var keepsCache: Bool

    public init(handle: FileHandle = .none, cachesEntries: Bool = false, keepsCache: Bool = false) {
        self.handle = handle
        self.cachesEntries = cachesEntries
        self.keepsCache = keepsCache
    }
}

/// What is to be created, and with which permissions.
public struct NewFile: Hashable, Sendable {
    /// Type and permissions. The caller's umask has been applied, except where the filesystem asked for
    /// `InitFlags.dontMask`.
    public var mode: FileMode
    /// The caller's umask.
    public var umask: FilePermissions
    /// For device nodes.
    public var device: DeviceNumber

    public init(mode: FileMode, umask: FilePermissions = [], device: DeviceNumber = DeviceNumber(major: 0, minor: 0)) {
        self.mode = mode
        self.umask = umask
        self.device = device
    }
}
