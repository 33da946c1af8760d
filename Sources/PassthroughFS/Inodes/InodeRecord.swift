// SPDX-License-Identifier: MIT

import FUSE
import Synchronization

/// What is kept of an inode that the kernel knows. Plain data of a fixed size, all zeros where a slot was never used,
/// nothing in it a Swift reference: so that a table of them can outlive the process one day.
struct InodeRecord: ~Copyable {
    /// See ``State``.
    let state: Atomic<UInt64>
    /// How many lookups the kernel has yet to give back. The stripe's lock guards it.
    var lookups: UInt64
    /// Device and inode number of the source's inode: the key. Written before the record goes live.
    var device: UInt64
    var inode: UInt64
    /// How the inode is reached: an `O_PATH` descriptor of it. Written before the record goes live.
    var descriptor: Int32
    /// The file type, as `S_IFMT` has it. Written before the record goes live.
    var type: UInt32
    /// The next slot in the bucket's chain, or in the list of free slots; 0 ends it. The stripe's lock guards it.
    var next: UInt32
    var unused: UInt32
    /// Fills up a cache line. Here a kernel file handle can go, or where one is kept.
    var reserved: (UInt64, UInt64)

    /// Generation (upper half), live or not (bit 31), and how many operations use the record (below).
    struct State {
        var bits: UInt64

        static var live: UInt64 { 1 << 31 }

        var generation: UInt32 { UInt32(truncatingIfNeeded: bits >> 32) }
        var isLive: Bool { bits & State.live != 0 }
        var pins: UInt32 { UInt32(truncatingIfNeeded: bits) & 0x7fff_ffff }

        /// Nobody uses it, and nobody will.
        var isAbandoned: Bool { !isLive && pins == 0 }

        static func live(generation: UInt32) -> UInt64 { UInt64(generation) << 32 | live }
        static func free(generation: UInt32) -> UInt64 { UInt64(generation) << 32 }
    }
}

/// A node id of the mirror: the slot of its record, and which of the inodes that were there one after the other.
struct NodeAddress {
    var slot: UInt32
    var generation: UInt32

    init(slot: UInt32, generation: UInt32) {
        self.slot = slot
        self.generation = generation
    }

    init(_ node: NodeID) {
        slot = UInt32(truncatingIfNeeded: node.rawValue)
        generation = UInt32(truncatingIfNeeded: node.rawValue >> 32)
    }

    var node: NodeID { NodeID(rawValue: UInt64(generation) << 32 | UInt64(slot)) }
}
