// SPDX-License-Identifier: MIT

import FUSE
import Synchronization

/// What is kept of an inode that the kernel knows. Plain data of a fixed size, two cache lines; all zeros where a slot was
/// never used; nothing in it a Swift reference: so that a table of them can outlive the process one day.
struct InodeRecord: ~Copyable {
    /// Life, use, and an `O_PATH` descriptor that may be there.
    let slot: DescriptorSlot
    /// The next slot in the bucket's chain; 0 ends it. The stripe's lock guards it.
    var next: UInt32
    /// How many lookups the kernel has yet to give back. The stripe's lock guards it.
    var lookups: UInt64
    /// Device and inode number of the source's inode: with the handle the key. Written before the record goes live.
    var device: UInt64
    var inode: UInt64
    /// The file type, as `S_IFMT` has it. Written before the record goes live.
    var type: UInt16
    /// What its mount rules out that the source's does not. Part of the key. Written before the record goes live.
    var restrictions: MountRestrictions
    /// Its place among the forgotten, a ``Remembrance``. The stripe's lock guards it.
    var remembrance: UInt8
    /// Of a directory: what reading it took, and what was looked up in it since, a ``ListingUse``.
    let listingUse: Atomic<UInt32>
    /// How the inode is reached without the descriptor. Written before the record goes live.
    var handle: InodeHandle
    /// What holds it without a name in this process, where that is not the descriptor. The stripe's lock guards it.
    var anchor: Anchor
    /// Who may store into it through a mapping, see ``StoreState``.
    let stores: Atomic<UInt64>
    /// Of a directory: what the kernel may keep of its listing, a ``ListingMark``.
    let listing: Atomic<UInt64>
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
