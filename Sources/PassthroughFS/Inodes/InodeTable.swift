// SPDX-License-Identifier: MIT

import FUSE
import Glibc
import Synchronization
import SystemPackage

// The inodes that the kernel knows.
//
// Life of a record: free -> live (an inode was looked up for the first time) -> dying (the kernel gave back the last
// lookup; operations may still use it) -> free, with the generation stepped and the descriptor closed.
//
// Ownership. A slot belongs for good to the stripe that its low bits name, and a key to the stripe that its hash's low
// bits name; a key's record is in a slot of its own stripe. So a node id alone tells which lock guards its record, and
// nothing has to be read to find out.
//   The stripe's lock guards: the chains of its buckets, its list of free slots, `lookups` and `next` of its records,
//   and every step of `state` to or from live.
//   Key, type and descriptor are written while the record is free, by the thread that holds the lock, and read by
//   lock holders and by those who hold a pin.
//   Pins are counted in `state` without the lock, so that an operation on a known inode takes none.
//
// Lock order: none; no thread holds two of these locks, and no system call is made under one.
//
// Why no descriptor is used after it was closed: it is closed by whoever sees the record dying *and* without pins.
// Clearing the live bit and dropping a pin are read-modify-writes of one word, so exactly one of them sees that, and
// after the live bit is cleared no pin can be added. The kernel sends the last FORGET only when no request holds the
// inode, so a pin hardly ever delays a close; but nothing here rests on that. A node id from before is told by its
// generation: ESTALE. Generations wrap after 2^32 reuses of one slot.
//
// Memory orders. Going live is a release, pinning an acquire: who has a pin sees key, type and descriptor. Dropping a
// pin is a release and seeing the record abandoned an acquire, so that all use comes before the close; hence
// `acquiringAndReleasing` for both. Relaxed elsewhere, where the lock orders.

/// The table from node ids to inodes, and from inodes to node ids.
///
/// Limits: 67,108,864 slots, of which each of the 64 stripes has its share (fewer where the address space is limited;
/// 65,536 at least); ENFILE when a stripe is full. The descriptors that it keeps count against `RLIMIT_NOFILE`.
final class InodeTable: Sendable {
    static let stripeCount = 64
    private static let stripeMask: UInt64 = 63

    /// What a stripe's lock guards besides the records. Fills up a cache line, so that stripes do not share one.
    private struct Stripe {
        /// The first of the free slots, 0 for none.
        var free: UInt32 = 0
        /// The next slot that was never used is `untouched * stripeCount + stripe`. 0 is left out in each stripe: slot
        /// 0 would make node id 0, and slot 1 is the root's.
        var untouched: UInt32 = 1
        /// Records that are live.
        var live: Int = 0
        var padding: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    }

    private let records: MappedArray<InodeRecord>
    /// The first slot of each chain, 0 for none.
    private let buckets: MappedArray<UInt32>
    private let stripes: InlineArray<64, Mutex<Stripe>>

    /// Makes a table that knows the root alone. It takes over `root`.
    init(root: FileDescriptor, device: UInt64, inode: UInt64, slots: Int = 1 << 26) throws(Errno) {
        records = try MappedArray(count: slots, least: min(slots, 1 << 16))
        buckets = try MappedArray(count: min(slots, 1 << 22), least: min(slots, 1 << 10))
        stripes = InlineArray { _ in Mutex(Stripe()) }
        // The root is in no chain: should a lookup reach it again (through a bind mount within the source), it gets a
        // node of its own, for the kernel refuses an answer that names node 1.
        records[1].device = device
        records[1].inode = inode
        records[1].type = UInt32(S_IFDIR)
        records[1].descriptor = root.rawValue
        records[1].lookups = 1
        records[1].state.store(InodeRecord.State.live(generation: 0), ordering: .releasing)
    }

    deinit { closeAll() }

    // MARK: Use

    /// Lends an inode to an operation. Throws ESTALE for a node id that stands for nothing (any more).
    func pin(_ node: NodeID) throws(Errno) -> Inode {
        let address = NodeAddress(node)
        let slot = Int(address.slot)
        guard slot > 0, slot < records.count else { throw .staleNFSFileHandle }
        var seen = records[slot].state.load(ordering: .relaxed)
        while true {
            let state = InodeRecord.State(bits: seen)
            guard state.isLive, state.generation == address.generation else { throw .staleNFSFileHandle }
            let (exchanged, original) = records[slot].state.weakCompareExchange(
                expected: seen, desired: seen &+ 1, successOrdering: .acquiring, failureOrdering: .relaxed)
            if exchanged { break }
            seen = original
        }
        return Inode(
            descriptor: FileDescriptor(rawValue: records[slot].descriptor), type: records[slot].type,
            device: records[slot].device, slot: address.slot, table: self)
    }

    func unpin(_ slot: UInt32) {
        let (_, new) = records[Int(slot)].state.wrappingSubtract(1, ordering: .acquiringAndReleasing)
        if InodeRecord.State(bits: new).isAbandoned { retire(slot) }
    }

    // MARK: Lookup counts

    /// The node of an inode, with one lookup more. Takes over `descriptor`, which is `O_PATH` and of this inode: while
    /// it is open, no other inode can have this key. Throws ENFILE.
    func lookup(device: UInt64, inode: UInt64, type: UInt32, descriptor: FileDescriptor) throws(Errno) -> NodeID {
        let hash = InodeTable.hash(device: device, inode: inode)
        let bucket = Int(truncatingIfNeeded: hash) & (buckets.count &- 1)
        let stripe = Int(truncatingIfNeeded: hash & InodeTable.stripeMask)

        enum Outcome {
            case known(NodeID)
            case new(NodeID)
            case full
        }
        let outcome: Outcome = stripes[stripe].withLock { stripeState in
            var slot = buckets[bucket]
            while slot != 0 {
                let index = Int(slot)
                if records[index].inode == inode, records[index].device == device {
                    records[index].lookups &+= 1
                    let state = InodeRecord.State(bits: records[index].state.load(ordering: .relaxed))
                    return .known(NodeAddress(slot: slot, generation: state.generation).node)
                }
                slot = records[index].next
            }
            if stripeState.free != 0 {
                slot = stripeState.free
                stripeState.free = records[Int(slot)].next
            } else {
                let fresh = UInt64(stripeState.untouched) &* UInt64(InodeTable.stripeCount) &+ UInt64(stripe)
                guard fresh < UInt64(records.count) else { return .full }
                slot = UInt32(truncatingIfNeeded: fresh)
                stripeState.untouched &+= 1
            }
            let index = Int(slot)
            records[index].lookups = 1
            records[index].device = device
            records[index].inode = inode
            records[index].type = type
            records[index].descriptor = descriptor.rawValue
            records[index].next = buckets[bucket]
            buckets[bucket] = slot
            stripeState.live &+= 1
            let generation = InodeRecord.State(bits: records[index].state.load(ordering: .relaxed)).generation
            records[index].state.store(InodeRecord.State.live(generation: generation), ordering: .releasing)
            return .new(NodeAddress(slot: slot, generation: generation).node)
        }
        switch outcome {
        case .new(let node):
            return node
        case .known(let node):
            SystemCall.close(descriptor)
            return node
        case .full:
            SystemCall.close(descriptor)
            throw .tooManyOpenFilesInSystem
        }
    }

    /// One lookup more of a node that is known. Throws ESTALE.
    func retain(_ node: NodeID) throws(Errno) {
        let address = NodeAddress(node)
        guard address.slot > 0, Int(address.slot) < records.count else { throw .staleNFSFileHandle }
        let known = stripes[Int(address.slot) % InodeTable.stripeCount].withLock { _ in
            let index = Int(address.slot)
            let state = InodeRecord.State(bits: records[index].state.load(ordering: .relaxed))
            guard state.isLive, state.generation == address.generation else { return false }
            records[index].lookups &+= 1
            return true
        }
        if !known { throw .staleNFSFileHandle }
    }

    /// Takes lookups back. What is unknown, or more than were given out, is the kernel's mistake and does no harm.
    func forget(_ node: NodeID, lookups: UInt64) {
        let address = NodeAddress(node)
        guard node != .root, address.slot > 0, Int(address.slot) < records.count else { return }
        let isAbandoned = stripes[Int(address.slot) % InodeTable.stripeCount].withLock { stripeState in
            let index = Int(address.slot)
            let state = InodeRecord.State(bits: records[index].state.load(ordering: .relaxed))
            guard state.isLive, state.generation == address.generation else { return false }
            guard lookups >= records[index].lookups else {
                records[index].lookups &-= lookups
                return false
            }
            records[index].lookups = 0
            unlink(address.slot)
            stripeState.live &-= 1
            let (_, new) = records[index].state.bitwiseAnd(~InodeRecord.State.live, ordering: .acquiringAndReleasing)
            return InodeRecord.State(bits: new).isAbandoned
        }
        if isAbandoned { retire(address.slot) }
    }

    /// Takes a record out of its chain. The stripe's lock is held.
    private func unlink(_ slot: UInt32) {
        let hash = InodeTable.hash(device: records[Int(slot)].device, inode: records[Int(slot)].inode)
        let bucket = Int(truncatingIfNeeded: hash) & (buckets.count &- 1)
        let next = records[Int(slot)].next
        if buckets[bucket] == slot {
            buckets[bucket] = next
            return
        }
        var before = Int(buckets[bucket])
        while before != 0, records[before].next != slot { before = Int(records[before].next) }
        if before != 0 { records[before].next = next }
    }

    /// Makes an abandoned record free. Only the one thread comes here that saw it become abandoned.
    private func retire(_ slot: UInt32) {
        let index = Int(slot)
        let descriptor = FileDescriptor(rawValue: records[index].descriptor)
        stripes[index % InodeTable.stripeCount].withLock { stripeState in
            let generation = InodeRecord.State(bits: records[index].state.load(ordering: .relaxed)).generation
            records[index].descriptor = -1
            records[index].state.store(InodeRecord.State.free(generation: generation &+ 1), ordering: .releasing)
            records[index].next = stripeState.free
            stripeState.free = slot
        }
        SystemCall.close(descriptor)
    }

    // MARK: The whole

    /// How many inodes are known, the root aside.
    var count: Int {
        var count = 0
        for stripe in stripes.indices { count &+= stripes[stripe].withLock { $0.live } }
        return count
    }

    /// How many lookups of a node the kernel has yet to give back; nil for a node that is not known.
    func lookups(of node: NodeID) -> UInt64? {
        let address = NodeAddress(node)
        guard address.slot > 0, Int(address.slot) < records.count else { return nil }
        return stripes[Int(address.slot) % InodeTable.stripeCount].withLock { _ in
            let state = InodeRecord.State(bits: records[Int(address.slot)].state.load(ordering: .relaxed))
            return state.isLive && state.generation == address.generation ? records[Int(address.slot)].lookups : nil
        }
    }

    /// Forgets everything, the root too: every node is stale from now on. Only when no operation is running.
    func closeAll() {
        for stripe in stripes.indices {
            let end = stripes[stripe].withLock { $0.untouched }
            for ordinal in 1..<max(1, end) {
                let slot = ordinal &* UInt32(InodeTable.stripeCount) &+ UInt32(stripe)
                let state = InodeRecord.State(bits: records[Int(slot)].state.load(ordering: .relaxed))
                if state.isLive { forget(NodeAddress(slot: slot, generation: state.generation).node, lookups: .max) }
            }
        }
        let old = records[1].state.exchange(InodeRecord.State.free(generation: 1), ordering: .acquiringAndReleasing)
        if InodeRecord.State(bits: old).isLive { SystemCall.close(FileDescriptor(rawValue: records[1].descriptor)) }
    }

    /// Inode numbers come in runs, and in strides: each bit of the key must reach the low bits. The finalizer of
    /// MurmurHash3, by its published constants.
    static func hash(device: UInt64, inode: UInt64) -> UInt64 {
        var hash = inode ^ (device &* 0x9e37_79b9_7f4a_7c15)
        hash ^= hash >> 33
        hash = hash &* 0xff51_afd7_ed55_8ccd
        hash ^= hash >> 33
        hash = hash &* 0xc4ce_b9fe_1a85_ec53
        hash ^= hash >> 33
        return hash
    }
}
