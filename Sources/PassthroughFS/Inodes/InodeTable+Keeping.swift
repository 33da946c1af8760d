// SPDX-License-Identifier: MIT

import FUSE
import Glibc
import Synchronization
import SystemPackage

// Inodes that lose their last name. Without a name an inode lives only as long as somebody holds it, and its handle opens
// it only so long. So it is held until the kernel forgets it:
//   by its descriptor, which is then kept, while there are descriptors for that;
//   a regular file by a mapping of it (`Anchor`) when those are used up: it needs no descriptor, which comes and goes as before;
//   what cannot be mapped by its descriptor still, which takes from those that can be evicted.
//
// Shared state: the stripe's lock guards a record's `anchor`, and that it is kept. The numbers are atomic and relaxed: they
// bound what is held, and order nothing.

/// How many inodes are held without a name, and may be.
struct Keeping: ~Copyable, Sendable {
    /// Those that have handles, and keep their descriptors all the same.
    fileprivate let kept = Atomic<Int>(0)
    fileprivate let keptLimit = Atomic<Int>(ClockRing.greatest)
    fileprivate let anchors = Atomic<Int>(0)
    fileprivate let anchorLimit = Atomic<Int>(0)
    fileprivate let descriptorLimit = Atomic<Int>(ClockRing.greatest)

    /// Counts one more, unless they are too many then. nil: they are.
    fileprivate static func count(_ number: borrowing Atomic<Int>, upTo limit: Int) -> Int? {
        let count = number.wrappingAdd(1, ordering: .relaxed).newValue
        if count <= limit { return count }
        number.subtract(1, ordering: .relaxed)
        return nil
    }
}

extension InodeTable {
    // MARK: Limits

    /// How many descriptors may be open for inodes that have handles.
    var descriptorLimit: Int {
        get { keeping.descriptorLimit.load(ordering: .relaxed) }
        set {
            keeping.descriptorLimit.store(newValue, ordering: .relaxed)
            ring.setLimit(newValue, of: self)
        }
    }

    /// How many inodes that have handles may keep their descriptors, see ``keep(_:)``, before they take from the others'.
    var keptLimit: Int {
        get { keeping.keptLimit.load(ordering: .relaxed) }
        set { keeping.keptLimit.store(newValue, ordering: .relaxed) }
    }

    /// How many may be held by mappings.
    var anchorLimit: Int {
        get { keeping.anchorLimit.load(ordering: .relaxed) }
        set { keeping.anchorLimit.store(newValue, ordering: .relaxed) }
    }

    private static var leastEvictable: Int { 8 }

    /// Makes the ring smaller by what is kept beyond its share, or larger again; by eights, for it takes a while.
    private func share(with kept: Int) {
        let over = kept &- keptLimit
        if over >= 0, over & 7 == 0 { ring.setLimit(max(descriptorLimit &- over, InodeTable.leastEvictable), of: self) }
    }

    /// A kept descriptor is gone, or may be evicted.
    func noteReleased() { share(with: keeping.kept.wrappingSubtract(1, ordering: .relaxed).newValue) }

    // MARK: Holding

    /// Holds an inode that has no name until it is forgotten. Not beyond what there is for inodes: descriptors that cannot
    /// be evicted must not use up all of them. Throws ESTALE.
    func keep(_ node: NodeID) throws(Errno) {
        let inode = try pin(node)
        _ = keep(inode, NodeAddress(node).slot)
    }

    /// Whether its descriptor, or a mapping, holds it. With the lock.
    func isHeld(_ index: Int) -> Bool { records[index].slot.current.isKept || !records[index].anchor.isNone }

    /// True: it is held, and was not before.
    private func keep(_ inode: borrowing Inode, _ slot: UInt32) -> Bool {
        if keepDescriptor(slot, upTo: keptLimit) { return true }
        if inode.type == S_IFREG, anchor(inode, slot) { return true }
        return keepDescriptor(slot, upTo: keptLimit &+ max(0, descriptorLimit &- InodeTable.leastEvictable))
    }

    private func keepDescriptor(_ slot: UInt32, upTo most: Int) -> Bool {
        let count: Int? = withStripe(of: slot) { _ in
            guard !isHeld(Int(slot)), let count = Keeping.count(keeping.kept, upTo: most) else { return nil }
            records[Int(slot)].slot.keep()
            return count
        }
        if let count { share(with: count) }
        return count != nil
    }

    private func anchor(_ inode: borrowing Inode, _ slot: UInt32) -> Bool {
        guard Keeping.count(keeping.anchors, upTo: anchorLimit) != nil else { return false }
        guard let anchor = try? SystemCall.anchor(inode.descriptor) else {
            keeping.anchors.subtract(1, ordering: .relaxed)
            return false
        }
        let isTaken = withStripe(of: slot) { _ in
            if isHeld(Int(slot)) { return false }
            records[Int(slot)].anchor = anchor
            return true
        }
        if !isTaken { release(anchor) }
        return isTaken
    }

    /// Lets go what a record had, which has it no longer.
    func release(_ anchor: Anchor) {
        SystemCall.release(anchor)
        keeping.anchors.subtract(1, ordering: .relaxed)
    }

    /// How many inodes are held by mappings.
    var anchorCount: Int { keeping.anchors.load(ordering: .relaxed) }

    /// Holds the newest inode that is known by this key, if there is one that is not held already.
    func keep(device: UInt64, inode: UInt64) -> NodeID? {
        let hash = InodeChains.hash(device: device, inode: inode)
        let stripe = InodeChains.stripe(of: hash)
        let found: (NodeAddress, SlotState)? = stripes[stripe].withLock { state in
            var slot = chains.first(hash, of: state.chains)
            while slot != 0, records[Int(slot)].inode != inode || records[Int(slot)].device != device {
                slot = records[Int(slot)].next
            }
            guard slot != 0, records[Int(slot)].lookups > 0, !isHeld(Int(slot)) else { return nil }
            let generation = records[Int(slot)].slot.current.generation
            return records[Int(slot)].slot.pin(generation).map { (NodeAddress(slot: slot, generation: generation), $0) }
        }
        guard let (address, state) = found, let inode = try? lend(address.slot, isOpen: state.isOpen) else { return nil }
        return keep(inode, address.slot) ? address.node : nil
    }

    /// It has a name after all.
    func stopKeeping(_ node: NodeID) {
        let address = NodeAddress(node)
        guard address.slot > 1, Int(address.slot) < records.count else { return }
        let index = Int(address.slot)
        let (anchor, wasKept, enlist): (Anchor, Bool, Bool) = withStripe(of: address.slot) { _ in
            guard isLive(address), !records[index].handle.isNone else { return (.none, false, false) }
            let anchor = records[index].anchor
            records[index].anchor = .none
            let wasKept = records[index].slot.current.isKept
            return (anchor, wasKept, wasKept && records[index].slot.stopKeeping())
        }
        if !anchor.isNone { release(anchor) }
        if wasKept { noteReleased() }
        if enlist { self.enlist(address.slot) }
    }
}
