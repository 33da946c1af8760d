// SPDX-License-Identifier: MIT

import FUSE
import Glibc
import Synchronization
import SystemPackage

// The inodes that the kernel knows.
//
// Life of a record: free -> live (an inode was looked up for the first time) -> dying (the kernel gave back the last
// lookup; operations may still use it) -> free. A record's descriptor comes and goes meanwhile: `DescriptorSlot` has
// the rules, and why none is used after it was closed. Opened again it is by the record's handle; a record without one
// keeps its descriptor.
//
// Ownership. A slot belongs for good to the stripe that its number tells, and a key to the stripe that its hash's low
// bits name; a key's record is in a slot of its own stripe. So a node id alone tells which lock guards its record, and
// nothing has to be read to find out.
//   The stripe's lock guards: its chains and how many there are, its slots, `lookups` and `next` of its records, and
//   every step of a record's state but pinning.
//   Key, type and handle are written while the record is free, by the thread that holds the lock, and read by lock
//   holders and by those who hold a pin.
//   Pins are counted without the lock, so that an operation on a known inode takes none.
//
// Lock order: none; no thread holds two of these locks, and no system call is made under one. What an operation under
// the lock finds to be closed, listed or given back to the system is done after it.
//
// The kernel sends the last FORGET only when no request holds the inode, so a pin hardly ever delays a close; but nothing
// here rests on that. A node id from before is told by its generation: ESTALE. Generations are a stripe's own, so that a
// slot need not remember any, and its memory can go back. They wrap after 2^32 inodes of one stripe.

/// The table from node ids to inodes, and from inodes to node ids.
///
/// Limits: 67,108,864 slots, of which each of the 64 stripes has its share (fewer where the address space is limited;
/// 65,536 at least); ENFILE when a stripe is full. An inode takes 133 bytes: its record, its share of the chains and of
/// what is known of slots. Descriptors are bounded by the limit that is set, except of inodes that have no handle.
final class InodeTable: Sendable {
    /// What a stripe's lock guards besides the records. Fills up a cache line, so that stripes do not share one.
    private struct Stripe {
        var slots = SlotStripe()
        /// Chains in use; grows with the number of records, one at a time (linear hashing).
        var chains: UInt32 = 1
        /// Records that are live.
        var live: Int = 0
        var padding: (UInt64, UInt64) = (0, 0)
    }

    private let records: MappedArray<InodeRecord>
    private let blocks: MappedArray<SlotBlock>
    /// The first slot of each chain, 0 for none. Each stripe has its stretch of them.
    private let buckets: MappedArray<UInt32>
    private let chainLimit: UInt32
    private let stripes: InlineArray<64, Mutex<Stripe>>
    private let ring: ClockRing
    /// Inodes that have handles, and keep their descriptors all the same.
    private let kept = Atomic<Int>(0)
    private let mostKept = Atomic<Int>(.max)
    private let relief: DescriptorRelief
    /// nil in a table whose inodes have no handles.
    private let mounts: SourceMounts?

    /// Makes a table that knows the root alone. It takes over `root`.
    init(
        root: FileDescriptor, device: UInt64, inode: UInt64, slots: Int = 1 << 26, mounts: SourceMounts? = nil,
        relief: DescriptorRelief = DescriptorRelief()
    ) throws(Errno) {
        records = try MappedArray(count: slots, least: min(slots, 1 << 16))
        blocks = try MappedArray(count: records.count / SlotStripe.slotsPerBlock, least: 1)
        buckets = try MappedArray(count: max(64, min(records.count, 1 << 24)), least: 64)
        chainLimit = UInt32(truncatingIfNeeded: buckets.count / SlotStripe.count)
        stripes = InlineArray { _ in Mutex(Stripe()) }
        ring = try ClockRing()
        self.relief = relief
        self.mounts = mounts
        // The root is in no chain: should a lookup reach it again (through a bind mount within the source), it gets a
        // node of its own, for the kernel refuses an answer that names node 1.
        records[1].device = device
        records[1].inode = inode
        records[1].type = UInt32(S_IFDIR)
        records[1].lookups = 1
        _ = records[1].slot.begin(0, root, kept: true)
        relief.add { [weak self] count in self?.evict(count) ?? 0 }
    }

    deinit { closeAll() }

    /// How many descriptors may be open for inodes that have handles.
    var descriptorLimit: Int {
        get { ring.limit }
        set { ring.setLimit(newValue) }
    }

    /// How many inodes that have handles may keep their descriptors, see ``keep(_:)``.
    var keptLimit: Int {
        get { mostKept.load(ordering: .relaxed) }
        set { mostKept.store(newValue, ordering: .relaxed) }
    }

    // MARK: Use

    /// Lends an inode to an operation. Throws ESTALE for a node id that stands for nothing (any more), and for an inode
    /// that was removed by others while nobody had it open.
    ///
    /// Not while a caller's ids are assumed: its descriptor may have to be opened.
    func pin(_ node: NodeID) throws(Errno) -> Inode {
        let address = NodeAddress(node)
        let index = Int(address.slot)
        guard index > 0, index < records.count, let state = records[index].slot.pin(address.generation) else {
            throw .staleNFSFileHandle
        }
        return try lend(address.slot, isOpen: state.isOpen)
    }

    /// Lends a pinned record's inode. On failure the pin is given back.
    private func lend(_ slot: UInt32, isOpen: Bool) throws(Errno) -> Inode {
        let index = Int(slot)
        if !isOpen {
            do throws(Errno) { try reopen(slot) } catch {
                unpin(slot)
                throw error
            }
        }
        return Inode(
            descriptor: records[index].slot.descriptor, type: records[index].type, device: records[index].device, slot: slot,
            table: self)
    }

    func unpin(_ slot: UInt32) {
        if records[Int(slot)].slot.unpin() { retire(slot) }
    }

    /// Holds an inode that is in use, with its descriptor, until ``unpin(_:)``. False: it was forgotten meanwhile.
    func pinAgain(_ node: NodeID) -> Bool {
        records[Int(NodeAddress(node).slot)].slot.pin(NodeAddress(node).generation) != nil
    }

    /// The device that a node's inode is on. Throws ESTALE.
    func device(of node: NodeID) throws(Errno) -> UInt64 {
        let address = NodeAddress(node)
        let index = Int(address.slot)
        guard index > 0, index < records.count, records[index].slot.pin(address.generation) != nil else {
            throw .staleNFSFileHandle
        }
        defer { unpin(address.slot) }
        return records[index].device
    }

    /// Opens a pinned record's descriptor.
    private func reopen(_ slot: UInt32) throws(Errno) {
        let index = Int(slot)
        guard let mounts, !records[index].handle.isNone else { throw .staleNFSFileHandle }
        let handle = records[index].handle
        let descriptor = try relief.relieving { () throws(Errno) in
            try SystemCall.open(handle, on: mounts.descriptor(handle.mount))
        }
        let (isTaken, enlist) = withStripe(of: slot) { _ in records[index].slot.install(descriptor) }
        if !isTaken { SystemCall.close(descriptor) }
        if enlist { self.enlist(slot) }
    }

    private func withStripe<R>(of slot: UInt32, _ body: (inout Stripe) -> R) -> R {
        stripes[SlotStripe.stripe(of: slot)].withLock { stripe in body(&stripe) }
    }

    // MARK: Eviction

    private func enlist(_ slot: UInt32) {
        let leftOver = ring.enlist(slot) { evict(slot: $0) }
        if leftOver != 0 { withStripe(of: leftOver) { _ in records[Int(leftOver)].slot.unlist() } }
    }

    private func evict(slot: UInt32) -> DescriptorSlot.Eviction {
        withStripe(of: slot) { _ in records[Int(slot)].slot.evict() }
    }

    /// Closes descriptors that nobody uses, up to so many.
    func evict(_ count: Int) -> Int {
        let (closed, leftOver) = ring.evict(count) { evict(slot: $0) }
        if leftOver != 0 { withStripe(of: leftOver) { _ in records[Int(leftOver)].slot.unlist() } }
        return closed
    }

    // MARK: Lookup counts

    /// The node of an inode, with one lookup more. Takes over `descriptor`, which is `O_PATH` and of this inode, and a use
    /// of the handle's mount. Throws ENFILE.
    func lookup(
        device: UInt64, inode: UInt64, type: UInt32, descriptor: FileDescriptor, handle: InodeHandle = .none
    ) throws(Errno) -> NodeID {
        let hash = InodeTable.hash(device: device, inode: inode)
        let stripe = Int(truncatingIfNeeded: hash & 63)

        enum Outcome {
            case known(NodeAddress, isTaken: Bool, enlist: Bool)
            case new(NodeAddress, enlist: Bool)
            case full
        }
        let outcome: Outcome = stripes[stripe].withLock { state in
            let bucket = InodeTable.bucket(hash, stripe, state.chains, chainLimit)
            var slot = buckets[bucket]
            while slot != 0 {
                let index = Int(slot)
                if records[index].inode == inode, records[index].device == device, records[index].handle == handle {
                    records[index].lookups &+= 1
                    let (isTaken, enlist) = records[index].slot.install(descriptor)
                    let generation = records[index].slot.current.generation
                    return .known(NodeAddress(slot: slot, generation: generation), isTaken: isTaken, enlist: enlist)
                }
                slot = records[index].next
            }
            guard let slot = state.slots.take(in: blocks, of: stripe) else { return .full }
            let index = Int(slot)
            records[index].lookups = 1
            records[index].device = device
            records[index].inode = inode
            records[index].type = type
            records[index].handle = handle
            records[index].next = buckets[bucket]
            buckets[bucket] = slot
            state.live &+= 1
            let generation = state.slots.nextGeneration()
            let enlist = records[index].slot.begin(generation, descriptor, kept: handle.isNone)
            if state.live > Int(state.chains), state.chains < chainLimit { addChain(stripe, &state) }
            return .new(NodeAddress(slot: slot, generation: generation), enlist: enlist)
        }
        switch outcome {
        case .new(let address, let enlist):
            if enlist { self.enlist(address.slot) }
            return address.node
        case .known(let address, let isTaken, let enlist):
            if !isTaken { SystemCall.close(descriptor) }
            if enlist { self.enlist(address.slot) }
            mounts?.release(handle.mount)
            return address.node
        case .full:
            SystemCall.close(descriptor)
            mounts?.release(handle.mount)
            throw .tooManyOpenFilesInSystem
        }
    }

    /// One lookup more of a node that is known. Throws ESTALE.
    func retain(_ node: NodeID) throws(Errno) {
        let address = NodeAddress(node)
        guard address.slot > 0, Int(address.slot) < records.count else { throw .staleNFSFileHandle }
        let known = withStripe(of: address.slot) { _ in
            guard isLive(address) else { return false }
            records[Int(address.slot)].lookups &+= 1
            return true
        }
        if !known { throw .staleNFSFileHandle }
    }

    private func isLive(_ address: NodeAddress) -> Bool {
        let state = records[Int(address.slot)].slot.current
        return state.isLive && state.generation == address.generation
    }

    /// Takes lookups back. What is unknown, or more than were given out, is the kernel's mistake and does no harm.
    func forget(_ node: NodeID, lookups: UInt64) {
        let address = NodeAddress(node)
        guard node != .root, address.slot > 0, Int(address.slot) < records.count else { return }
        let isAbandoned = withStripe(of: address.slot) { stripe in
            let index = Int(address.slot)
            guard isLive(address) else { return false }
            guard lookups >= records[index].lookups else {
                records[index].lookups &-= lookups
                return false
            }
            records[index].lookups = 0
            unchain(address.slot, stripe.chains)
            stripe.live &-= 1
            return records[index].slot.end()
        }
        if isAbandoned { retire(address.slot) }
    }

    /// Makes an abandoned record free. Only the one thread comes here that saw it become abandoned.
    private func retire(_ slot: UInt32) {
        let index = Int(slot)
        let handle = records[index].handle
        let (descriptor, emptied) = withStripe(of: slot) { stripe in
            if records[index].slot.current.isKept, !handle.isNone { kept.subtract(1, ordering: .relaxed) }
            return (records[index].slot.free(), stripe.slots.give(slot, in: blocks))
        }
        if let descriptor { SystemCall.close(descriptor) }
        mounts?.release(handle.mount)
        if let emptied {
            records.giveBack(Int(emptied) &* SlotStripe.slotsPerBlock, count: SlotStripe.slotsPerBlock)
            withStripe(of: slot) { stripe in stripe.slots.addEmpty(emptied, in: blocks) }
        }
    }

    // MARK: Inodes that lose their last name

    /// Keeps an inode's descriptor open until it is forgotten: without a name it lives only as long as somebody holds it.
    /// Not beyond the limit: descriptors that cannot be evicted must not use up all of them. Throws ESTALE.
    func keep(_ node: NodeID) throws(Errno) {
        let inode = try pin(node)
        _ = keep(inode, NodeAddress(node).slot)
    }

    private func keep(_ inode: borrowing Inode, _ slot: UInt32) -> Bool {
        withStripe(of: slot) { _ in
            guard !records[Int(slot)].slot.current.isKept else { return false }
            if kept.wrappingAdd(1, ordering: .relaxed).newValue > keptLimit {
                kept.subtract(1, ordering: .relaxed)
                return false
            }
            records[Int(slot)].slot.keep()
            return true
        }
    }

    /// Keeps the descriptor of the newest inode that is known by this key, if there is one that is not kept already.
    func keep(device: UInt64, inode: UInt64) -> NodeID? {
        let hash = InodeTable.hash(device: device, inode: inode)
        let stripe = Int(truncatingIfNeeded: hash & 63)
        let found: (NodeAddress, SlotState)? = stripes[stripe].withLock { state in
            var slot = buckets[InodeTable.bucket(hash, stripe, state.chains, chainLimit)]
            while slot != 0, records[Int(slot)].inode != inode || records[Int(slot)].device != device {
                slot = records[Int(slot)].next
            }
            let generation = records[Int(slot)].slot.current.generation
            guard slot != 0, !records[Int(slot)].slot.current.isKept,
                let state = records[Int(slot)].slot.pin(generation)
            else { return nil }
            return (NodeAddress(slot: slot, generation: generation), state)
        }
        guard let (address, state) = found, let inode = try? lend(address.slot, isOpen: state.isOpen) else { return nil }
        return keep(inode, address.slot) ? address.node : nil
    }

    /// It has a name after all.
    func stopKeeping(_ node: NodeID) {
        let address = NodeAddress(node)
        guard address.slot > 1, Int(address.slot) < records.count else { return }
        let enlist = withStripe(of: address.slot) { _ in
            guard isLive(address), !records[Int(address.slot)].handle.isNone, records[Int(address.slot)].slot.current.isKept
            else { return false }
            kept.subtract(1, ordering: .relaxed)
            return records[Int(address.slot)].slot.stopKeeping()
        }
        if enlist { self.enlist(address.slot) }
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
        return withStripe(of: address.slot) { _ in isLive(address) ? records[Int(address.slot)].lookups : nil }
    }

    /// Whether a node's descriptor is open at the moment.
    func isOpen(_ node: NodeID) -> Bool { records[Int(NodeAddress(node).slot)].slot.current.isOpen }

    /// Forgets everything, the root too: every node is stale from now on. Only when no operation is running.
    func closeAll() {
        for stripe in stripes.indices {
            let rows = stripes[stripe].withLock { $0.slots.untouched }
            for row in 1..<max(1, rows) {
                let block = SlotStripe.block(row, of: stripe)
                for slot in (block &* 32)..<(block &* 32 &+ 32) {
                    let state = records[Int(slot)].slot.current
                    if state.isLive { forget(NodeAddress(slot: slot, generation: state.generation).node, lookups: .max) }
                }
            }
        }
        guard records[1].slot.current.isLive, records[1].slot.end() else { return }
        if let root = records[1].slot.free() { SystemCall.close(root) }
    }

    // MARK: Chains

    /// Where a key's chain starts. With n chains: the hash's bits below the next power of two, and one bit less where that
    /// chain does not exist yet. The bits below name the stripe.
    private static func bucket(_ hash: UInt64, _ stripe: Int, _ chains: UInt32, _ limit: UInt32) -> Int {
        let bits = UInt32(truncatingIfNeeded: hash >> 6)
        let mask = UInt32.max >> UInt32((chains &- 1).leadingZeroBitCount)
        var chain = chains == 1 ? 0 : bits & mask
        if chain >= chains { chain &= mask >> 1 }
        return stripe &* Int(limit) &+ Int(chain)
    }

    /// Makes one chain more, of what belongs there in the one that it splits off from. The stripe's lock is held.
    private func addChain(_ stripe: Int, _ state: inout Stripe) {
        let new = state.chains
        let parent = new & ~(1 << (31 &- UInt32(new.leadingZeroBitCount)))
        state.chains = new &+ 1
        let base = stripe &* Int(chainLimit)
        var slot = buckets[base &+ Int(parent)]
        buckets[base &+ Int(parent)] = 0
        buckets[base &+ Int(new)] = 0
        // In their order: of two with one device and number the newer comes first.
        var lastOfParent = 0
        var lastOfNew = 0
        while slot != 0 {
            let index = Int(slot)
            slot = records[index].next
            records[index].next = 0
            let hash = InodeTable.hash(device: records[index].device, inode: records[index].inode)
            let bucket = InodeTable.bucket(hash, stripe, state.chains, chainLimit)
            let isNew = bucket == base &+ Int(new)
            let last = isNew ? lastOfNew : lastOfParent
            if last == 0 { buckets[bucket] = UInt32(truncatingIfNeeded: index) } else {
                records[last].next = UInt32(truncatingIfNeeded: index)
            }
            if isNew { lastOfNew = index } else { lastOfParent = index }
        }
    }

    /// Takes a record out of its chain. The stripe's lock is held.
    private func unchain(_ slot: UInt32, _ chains: UInt32) {
        let hash = InodeTable.hash(device: records[Int(slot)].device, inode: records[Int(slot)].inode)
        let bucket = InodeTable.bucket(hash, SlotStripe.stripe(of: slot), chains, chainLimit)
        let next = records[Int(slot)].next
        if buckets[bucket] == slot {
            buckets[bucket] = next
            return
        }
        var before = Int(buckets[bucket])
        while before != 0, records[before].next != slot { before = Int(records[before].next) }
        if before != 0 { records[before].next = next }
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
