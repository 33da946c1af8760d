// SPDX-License-Identifier: MIT

/// What a name stands for: the answer to a lookup, and to everything that creates.
///
/// Each entry that reaches the kernel counts as one lookup of its node, which the kernel gives back later with
/// ``FileSystem/forget(_:lookups:)``. An entry whose reply did not reach the kernel is given back by the session.
/// C counterpart: `struct fuse_entry_out`.
public struct Entry: Hashable, Sendable {
    public var node: NodeID
    /// Tells apart the inodes that had this node id one after the other, for file handles that outlive the inode.
    public var generation: UInt64
    public var attributes: Attributes
    /// For how long the name stands for this node.
    public var entryTimeout: Timeout
    /// For how long the attributes hold.
    public var attributesTimeout: Timeout

    public init(
        node: NodeID, generation: UInt64 = 0, attributes: Attributes, entryTimeout: Timeout = .seconds(1),
        attributesTimeout: Timeout = .seconds(1)
    ) {
        self.node = node
        self.generation = generation
        self.attributes = attributes
        self.entryTimeout = entryTimeout
        self.attributesTimeout = attributesTimeout
    }

    /// Says that there is no such name, and that the kernel may remember so. Throwing
    /// `Errno.noSuchFileOrDirectory` says the same without being remembered.
    public static func absent(for timeout: Timeout) -> Entry {
        var entry = Entry(node: 0, attributes: Attributes(mode: .init(rawValue: 0)), entryTimeout: timeout)
        entry.attributesTimeout = .zero
        return entry
    }
}
