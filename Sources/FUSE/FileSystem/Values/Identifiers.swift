// SPDX-License-Identifier: MIT

/// Names an inode of one mounted filesystem: the number that the kernel sends with every request about it.
///
/// The filesystem chooses it in ``FileSystem/lookup(_:in:for:)``, and owes the kernel that it stays valid until
/// ``FileSystem/forget(_:lookups:)`` has taken back every lookup. It is no inode number: that one is
/// ``Attributes/inode``. C counterpart: `nodeid`.
public struct NodeID: RawRepresentable, Hashable, Sendable, ExpressibleByIntegerLiteral {
    public let rawValue: UInt64

    @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
    @inlinable public init(integerLiteral value: UInt64) { rawValue = value }

    /// The root of the mount. It needs no lookup, and is never forgotten before the unmount. C counterpart:
    /// `FUSE_ROOT_ID`.
    @inlinable public static var root: NodeID { 1 }
}

/// Names one open file or directory. The filesystem chooses it when it answers an open; the kernel hands it back with
/// every request on that open file, and at the end with a release. C counterpart: `fh`.
public struct FileHandle: RawRepresentable, Hashable, Sendable, ExpressibleByIntegerLiteral {
    public let rawValue: UInt64

    @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
    @inlinable public init(integerLiteral value: UInt64) { rawValue = value }

    /// What a filesystem without state per open file answers.
    @inlinable public static var none: FileHandle { 0 }
}

/// Names one request, and its reply. C counterpart: `unique`.
public struct RequestID: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt64

    @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
}

/// An open file: the inode, and the handle that the filesystem gave to this open of it.
public struct OpenFile: Hashable, Sendable {
    public let node: NodeID
    public let handle: FileHandle

    @inlinable public init(node: NodeID, handle: FileHandle) {
        self.node = node
        self.handle = handle
    }
}

/// Identifies the owner of a POSIX lock: all descriptors of one process share it. The kernel scrambles it, so it is
/// good for comparing alone. C counterpart: `lock_owner`.
public struct LockOwner: RawRepresentable, Hashable, Sendable {
    public let rawValue: UInt64

    @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
}
