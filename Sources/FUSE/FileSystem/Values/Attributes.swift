// SPDX-License-Identifier: MIT

public import SystemPackage

/// A point in time, to the nanosecond. C counterpart: `struct timespec`, counted from 1970-01-01 00:00 UTC.
public struct Timestamp: Hashable, Sendable {
    /// Whole seconds; negative before 1970.
    public var seconds: Int64
    /// 0 to 999,999,999, counted forwards from `seconds`.
    public var nanoseconds: UInt32

    @inlinable public init(seconds: Int64 = 0, nanoseconds: UInt32 = 0) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }
}

/// How long the kernel may rely on an answer without asking again.
public struct Timeout: Hashable, Sendable {
    public var seconds: UInt64
    /// 0 to 999,999,999.
    public var nanoseconds: UInt32

    @inlinable public init(seconds: UInt64, nanoseconds: UInt32 = 0) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    /// Not at all: the kernel asks each time.
    @inlinable public static var zero: Timeout { Timeout(seconds: 0) }
    /// For as long as it is mounted, or until a notification.
    @inlinable public static var forever: Timeout { Timeout(seconds: UInt64(Int64.max) / 1_000_000_000) }

    @inlinable public static func seconds(_ count: UInt64) -> Timeout { Timeout(seconds: count) }
    @inlinable public static func milliseconds(_ count: UInt64) -> Timeout {
        Timeout(seconds: count / 1000, nanoseconds: UInt32(truncatingIfNeeded: count % 1000) &* 1_000_000)
    }
}

/// What `stat(2)` shows of a file. C counterpart: `struct fuse_attr`.
public struct Attributes: Hashable, Sendable {
    /// The inode number that users see. It need not be the node id.
    public var inode: UInt64
    /// In bytes.
    public var size: UInt64
    /// What the file occupies, in units of 512 bytes.
    public var blocks: UInt64
    public var accessed: Timestamp
    public var modified: Timestamp
    public var changed: Timestamp
    /// When the file was made, where that is known. Only the answer to ``FileSystem/statx(_:handle:for:)`` carries it.
    public var created: Timestamp?
    /// The file's type and permissions.
    public var mode: FileMode
    public var linkCount: UInt32
    public var owner: UserID
    public var group: GroupID
    /// For device nodes: which device. In the kernel's 32-bit encoding, as ``DeviceNumber`` makes it.
    public var device: DeviceNumber
    /// The size that suits I/O best, in bytes.
    public var blockSize: UInt32

    /// Attributes with all times 1970 and everything else as given. `blocks` follows from the size.
    public init(
        inode: UInt64 = 0, mode: FileMode, size: UInt64 = 0, linkCount: UInt32 = 1, owner: UserID = UserID(0),
        group: GroupID = GroupID(0)
    ) {
        self.inode = inode
        self.size = size
        self.blocks = size / 512 &+ (size % 512 == 0 ? 0 : 1)
        self.accessed = Timestamp()
        self.modified = Timestamp()
        self.changed = Timestamp()
        self.mode = mode
        self.linkCount = linkCount
        self.owner = owner
        self.group = group
        self.device = DeviceNumber(major: 0, minor: 0)
        self.blockSize = 4096
    }

    /// The attributes of a regular file.
    public static func file(inode: UInt64 = 0, size: UInt64, permissions: FilePermissions = [.ownerReadWrite, .groupRead, .otherRead]) -> Attributes {
        Attributes(inode: inode, mode: FileMode(type: .regular, permissions: permissions), size: size)
    }

    /// The attributes of a directory.
    public static func directory(
        inode: UInt64 = 0,
        permissions: FilePermissions = [.ownerReadWriteExecute, .groupReadExecute, .otherReadExecute]
    ) -> Attributes {
        Attributes(inode: inode, mode: FileMode(type: .directory, permissions: permissions), linkCount: 2)
    }
}

/// Which device a device node stands for.
public struct DeviceNumber: Hashable, Sendable {
    /// Up to 4,095.
    public var major: UInt32
    /// Up to 1,048,575.
    public var minor: UInt32

    public init(major: UInt32, minor: UInt32) {
        self.major = major
        self.minor = minor
    }

    /// Takes the 32 bits in which FUSE carries it. Source: `new_encode_dev` in `include/linux/kdev_t.h`.
    @usableFromInline
    init(encoded: UInt32) {
        major = (encoded >> 8) & 0xfff
        minor = (encoded & 0xff) | ((encoded >> 12) & 0xfff00)
    }

    package var encoded: UInt32 { (minor & 0xff) | ((major & 0xfff) << 8) | ((minor & 0xfff00) << 12) }
}

/// A file's attributes, and for how long they hold.
public struct AttributesReply: Hashable, Sendable {
    public var attributes: Attributes
    public var timeout: Timeout

    public init(_ attributes: Attributes, timeout: Timeout = .seconds(1)) {
        self.attributes = attributes
        self.timeout = timeout
    }
}

/// What `chmod`, `chown`, `truncate` and `utimensat` change: nil where a thing stays as it is. All nil is a request
/// too, see ``killPrivileges``.
public struct AttributeChanges: Hashable, Sendable {
    public enum Time: Hashable, Sendable {
        /// The moment of the change, by the filesystem's clock.
        case now
        case at(Timestamp)
    }

    public var mode: FilePermissions?
    public var owner: UserID?
    public var group: GroupID?
    public var size: UInt64?
    public var accessed: Time?
    public var modified: Time?
    public var changed: Timestamp?
    /// Set-user-id, set-group-id and file capabilities are to go, as after any change of content or owner by another.
    /// True where the kernel says so (`FATTR_KILL_SUIDGID`), and for the request without any change that precedes an
    /// unprivileged write. Source: `fuse_do_setattr` and `file_remove_privs` in Linux.
    public var killPrivileges: Bool
    /// The owner of the locks that a `ftruncate` must respect, where the filesystem serves mandatory locks.
    public var lockOwner: LockOwner?

    public init() { killPrivileges = false }

    /// Whether nothing but privileges would change.
    public var isEmpty: Bool {
        mode == nil && owner == nil && group == nil && size == nil && accessed == nil && modified == nil && changed == nil
    }
}

/// What `statfs(2)` shows. C counterpart: `struct fuse_kstatfs`.
public struct FileSystemStatistics: Hashable, Sendable {
    /// In units of `fragmentSize`.
    public var blocks: UInt64 = 0
    public var freeBlocks: UInt64 = 0
    /// Free to users without privilege.
    public var availableBlocks: UInt64 = 0
    public var files: UInt64 = 0
    public var freeFiles: UInt64 = 0
    /// In bytes.
    public var blockSize: UInt32 = 4096
    public var maximumNameLength: UInt32 = 255
    /// In bytes.
    public var fragmentSize: UInt32 = 4096

    public init() {}
}

extension Attributes {
    /// Whether the kernel takes them: `fuse_invalid_attr` in Linux.
    var areValid: Bool {
        switch mode.type {
        case .regular, .directory, .symbolicLink, .characterSpecial, .blockSpecial, .fifo, .socket: size <= Int64.max
        default: false
        }
    }
}
