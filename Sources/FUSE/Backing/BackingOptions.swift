// SPDX-License-Identifier: MIT

/// How the session deals with the files that a filesystem hands to the kernel: ``FileSystem/backings``.
public struct BackingOptions: Sendable {
    /// Where the ids of backing files come from, on kernels that let the server choose (``BackingDialect/server``); and
    /// how the session finds what it knows of an inode.
    public enum IDs: Sendable {
        /// The session keeps a dictionary by node, and takes the lowest free id.
        case allocated
        /// The filesystem numbers its inodes, from 1 to `Int32.max`, as with slots of a table: nothing is allocated, and
        /// nothing looked up. Two inodes that the kernel knows at one time must have different numbers; a number may be
        /// used again once ``FileSystem/forget(_:lookups:)`` has taken back the last lookup, for a node with another
        /// ``NodeID``. The numbers should be dense: memory comes in blocks of 4,096 numbers, and one that is far from all others
        /// takes 10 KiB for itself while its file is open or kept. A number that is none (0 or less) is a mistake: its file is
        /// never passed through.
        ///
        /// It is asked for each open, release and forget, on any thread, and answers the same as long as the kernel knows
        /// the node. What is asked for a node that is not known does not matter.
        case chosen(@Sendable (NodeID) -> BackingID)
    }

    public var ids: IDs
    /// How many files stay registered after their last close, so that the next open costs no call. Dropped are those
    /// first that were used the longest ago. 0 keeps none.
    ///
    /// A node must then stand for one file as long as the kernel knows it. Where the file changes, call
    /// ``Backings/drop(_:)``.
    public var kept: Int
    /// For how long one stays registered at the most. It holds the source's file system busy, and the space of a file
    /// that others remove: nobody tells the kernel or the filesystem of that. nil: without limit. A century at the most.
    public var keptFor: Duration? { didSet { keptFor = Self.bounded(keptFor) } }
    /// How deeply backing files may be stacked: 1 takes files of ordinary filesystems; 2 also those of a filesystem that is
    /// itself stacked on another, as overlayfs is, but then nothing can be stacked on this mount. For the whole connection;
    /// ``SessionOptions/maxStackDepth`` decides otherwise. C counterpart: `max_stack_depth`.
    public var stackDepth: UInt32

    public init(ids: IDs = .allocated, kept: Int = 0, keptFor: Duration? = .seconds(10), stackDepth: UInt32 = 1) {
        self.ids = ids
        self.stackDepth = stackDepth
        self.kept = max(0, kept)
        self.keptFor = Self.bounded(keptFor)
    }

    /// What can be reckoned with in nanoseconds.
    private static func bounded(_ time: Duration?) -> Duration? {
        time.map { min(max($0, .zero), .seconds(100 * 366 * 86400)) }
    }
}
