// SPDX-License-Identifier: MIT

public import FUSEWire

/// What the kernel and the server can agree on when the connection starts, each by the kernel's name.
public typealias Capabilities = InitFlags

/// How `rename` treats an existing target. C counterpart: the flags of `renameat2(2)`.
public struct RenameFlags: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Fail with EEXIST where the target exists. C counterpart: `RENAME_NOREPLACE`.
    public static var noReplace: RenameFlags { RenameFlags(rawValue: 1) }
    /// Swap the two. C counterpart: `RENAME_EXCHANGE`.
    public static var exchange: RenameFlags { RenameFlags(rawValue: 2) }
    /// Leave a whiteout in the source's place. C counterpart: `RENAME_WHITEOUT`.
    public static var whiteout: RenameFlags { RenameFlags(rawValue: 4) }
}

/// What `access(2)` asks. Empty: whether the file exists.
public struct AccessCheck: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static var execute: AccessCheck { AccessCheck(rawValue: 1) }
    public static var write: AccessCheck { AccessCheck(rawValue: 2) }
    public static var read: AccessCheck { AccessCheck(rawValue: 4) }
}

/// What comes with a write besides the data.
public struct WriteOptions: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The kernel writes cached pages back: the handle and the caller are not those of the process that wrote. C
    /// counterpart: `FUSE_WRITE_CACHE`.
    public static var fromCache: WriteOptions { WriteOptions(rawValue: 1) }
    /// Set-user-id, set-group-id and file capabilities are to go. C counterpart: `FUSE_WRITE_KILL_SUIDGID`.
    public static var killPrivileges: WriteOptions { WriteOptions(rawValue: 4) }
    /// The file is open with `O_APPEND`: the data belong at its end, wherever that is by now. The offset is where the
    /// kernel believes it to be, which differs where others write the file behind its back. C counterpart: `O_APPEND` in
    /// `fuse_write_in.flags`.
    public static var append: WriteOptions { WriteOptions(rawValue: 1 << 31) }
    /// The data are to be on stable storage before the answer, and what it takes to read them again. So for files opened with
    /// `O_DSYNC`, and single writes with `RWF_DSYNC`. C counterpart: `O_DSYNC` in `fuse_write_in.flags`.
    public static var dataSync: WriteOptions { WriteOptions(rawValue: 1 << 30) }
    /// All attributes, too; always with ``dataSync``. C counterpart: `O_SYNC` in `fuse_write_in.flags`.
    public static var sync: WriteOptions { WriteOptions(rawValue: 1 << 29) }
}

/// How `setxattr` treats an attribute that exists or not.
public struct XattrOptions: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Fail with EEXIST where the attribute exists. C counterpart: `XATTR_CREATE`.
    public static var create: XattrOptions { XattrOptions(rawValue: 1) }
    /// Fail with ENODATA where it does not. C counterpart: `XATTR_REPLACE`.
    public static var replace: XattrOptions { XattrOptions(rawValue: 2) }
    /// A POSIX ACL is being set by one who may not keep set-group-id: the bit is to go. C counterpart:
    /// `FUSE_SETXATTR_ACL_KILL_SGID`.
    public static var killSetGroupID: XattrOptions { XattrOptions(rawValue: 1 << 31) }
}

/// A range of a file that is locked, or is to be. C counterpart: `struct fuse_file_lock`.
public struct FileLock: Hashable, Sendable {
    public enum Kind: Int32, Sendable {
        case read = 0
        case write = 1
        case unlock = 2
    }

    public var kind: Kind
    /// The first byte.
    public var start: UInt64
    /// The last byte; `Int64.max` for the end of the file, wherever it moves.
    public var end: UInt64
    /// The process that holds it.
    public var process: Int32

    public init(kind: Kind, start: UInt64, end: UInt64, process: Int32 = 0) {
        self.kind = kind
        self.start = start
        self.end = end
        self.process = process
    }
}
