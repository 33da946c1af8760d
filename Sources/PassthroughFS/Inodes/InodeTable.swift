// SPDX-License-Identifier: MIT

import FUSE
import Glibc
import Synchronization
import SystemPackage

// The inodes that the kernel knows.
//
// Life of a record: free -> live (an inode was looked up for the first time) -> dying (the kernel gave back the last
// lookup; operations may still use it) -> free. A live record with no lookup is remembered, see `ForgottenInodes`: it takes
// no descriptor, and does not keep a removed file's space; a new lookup, or a file handle, makes it known again. A record's descriptor comes and goes meanwhile: `DescriptorSlot` has
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
    struct Stripe {
        var slots = SlotStripe()
        /// Chains in use; grows with the number of records, one at a time.
        var chains: UInt32 = 1
        /// Records that are live.
        var live: Int = 0
        /// Those of them that the kernel does not know any more.
        var forgotten: Int = 0
        var padding: UInt64 = 0
    }

    let records: MappedArray<InodeRecord>
    private let blocks: MappedArray<SlotBlock>
    let chains: InodeChains
    let stripes: InlineArray<64, Mutex<Stripe>>
    let ring: ClockRing
    let keeping = Keeping()
    let idle: IdleInodes
    private let relief: DescriptorRelief
    /// nil in a table whose inodes have no handles.
    private let mounts: SourceMounts?
    private let remembered: ForgottenInodes

    /// Makes a table that knows the root alone. It takes over `root`; on failure it is closed.
    /// - Parameters:
    ///   - remembered: how many inodes stay known by their node ids after the kernel has forgotten them.
    ///   - forgetsIdle: the kernel is asked to forget inodes without handles that nobody uses; otherwise only those that are on
    ///     another device than the root.
    init(
        root: FileDescriptor, device: UInt64, inode: UInt64, slots: Int = 1 << 26, mounts: SourceMounts? = nil,
        remembered: Int = 0, forgetsIdle: Bool = true, relief: DescriptorRelief = DescriptorRelief()
    ) throws(Errno) {
        idle = IdleInodes(isEager: forgetsIdle)
        do throws(Errno) {
            records = try MappedArray(count: slots, least: min(slots, 1 << 16))
            blocks = try MappedArray(count: records.count / SlotStripe.slotsPerBlock, least: 1)
            chains = try InodeChains(records: records.count)
            ring = try ClockRing()
        } catch {
            SystemCall.close(root)
            throw error
        }
        stripes = InlineArray { _ in Mutex(Stripe()) }
        self.relief = relief
        self.mounts = mounts
        self.remembered = ForgottenInodes(capacity: remembered)
        // The root is in no chain: should a lookup reach it again (through a bind mount within the source), it gets a
        // node of its own, for the kernel refuses an answer that names node 1.
        records[1].device = device
        records[1].inode = inode
        records[1].type = UInt16(S_IFDIR)
        records[1].lookups = 1
        _ = records[1].slot.begin(0, root, kept: true)
        relief.add(self) { [unowned self] count in evict(count) }
        relief.add(self, last: true) { [unowned self] count in relieveBare(count) }
    }

    deinit {
        relief.remove(self)
        closeAll()
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
    func lend(_ slot: UInt32, isOpen: Bool) throws(Errno) -> Inode {
        let index = Int(slot)
        if !isOpen {
            do throws(Errno) { try reopen(slot) } catch {
                unpin(slot)
                throw error
            }
        }
        return Inode(
            descriptor: records[index].slot.descriptor, type: UInt32(records[index].type), restrictions: records[index].restrictions,
            device: records[index].device, slot: slot, table: self)
    }

    func unpin(_ slot: UInt32) {
        if records[Int(slot)].slot.unpin() { retire(slot) }
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

    func withStripe<R>(of slot: UInt32, _ body: (inout Stripe) -> R) -> R {
        stripes[SlotStripe.stripe(of: slot)].withLock { stripe in body(&stripe) }
    }

    // MARK: Lookup counts

    /// The node of an inode, with one lookup more. Takes over `descriptor`, which is `O_PATH` and of this inode, and a use
    /// of the handle's mount. Throws ENFILE.
    func lookup(
        device: UInt64, inode: UInt64, type: UInt32, descriptor: FileDescriptor, handle: InodeHandle = .none,
        restrictions: MountRestrictions = []
    ) throws(Errno) -> NodeID {
        let hash = InodeChains.hash(device: device, inode: inode)
        let stripe = InodeChains.stripe(of: hash)

        enum Outcome {
            case known(NodeAddress, isTaken: Bool, enlist: Bool)
            case new(NodeAddress, enlist: Bool)
            case full
        }
        let outcome: Outcome = stripes[stripe].withLock { state in
            var slot = chains.first(hash, of: state.chains)
            while slot != 0 {
                let index = Int(slot)
                if records[index].inode == inode, records[index].device == device, records[index].handle == handle,
                    records[index].restrictions == restrictions {
                    addLookup(index, &state)
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
            records[index].type = UInt16(truncatingIfNeeded: type)
            records[index].restrictions = restrictions
            records[index].handle = handle
            records[index].remembrance = Remembrance.absent.rawValue
            records[index].anchor = .none
            records[index].stores.store(0, ordering: .relaxed)
            records[index].listing.store(0, ordering: .relaxed)
            records[index].listingUse.store(0, ordering: .relaxed)
            chains.add(slot, hash, of: state.chains, in: records)
            state.live &+= 1
            let generation = state.slots.nextGeneration()
            let enlist = records[index].slot.begin(generation, descriptor, kept: handle.isNone)
            if state.live > Int(state.chains), state.chains < chains.limit {
                chains.split(stripe, state.chains, in: records)
                state.chains &+= 1
            }
            return .new(NodeAddress(slot: slot, generation: generation), enlist: enlist)
        }
        switch outcome {
        case .new(let address, let enlist):
            if enlist { self.enlist(address.slot) }
            if handle.isNone { noteBare(on: device) }
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

    /// With the lock.
    func addLookup(_ index: Int, _ stripe: inout Stripe) {
        if records[index].lookups == 0 { stripe.forgotten &-= 1 }
        records[index].lookups &+= 1
    }

    /// One lookup more of a node that is known, or remembered. Throws ESTALE.
    func retain(_ node: NodeID) throws(Errno) {
        let address = NodeAddress(node)
        guard address.slot > 0, Int(address.slot) < records.count else { throw .staleNFSFileHandle }
        let known = withStripe(of: address.slot) { stripe in
            guard isLive(address) else { return false }
            addLookup(Int(address.slot), &stripe)
            return true
        }
        if !known { throw .staleNFSFileHandle }
    }

    func isLive(_ address: NodeAddress) -> Bool {
        let state = records[Int(address.slot)].slot.current
        return state.isLive && state.generation == address.generation
    }

    /// Takes lookups back. What is unknown, or more than were given out, is the kernel's mistake and does no harm.
    func forget(_ node: NodeID, lookups: UInt64) {
        let address = NodeAddress(node)
        guard node != .root, address.slot > 0, Int(address.slot) < records.count else { return }
        enum Outcome {
            case none
            case remembered(isNew: Bool, closing: FileDescriptor?)
            case abandoned
        }
        let outcome: Outcome = withStripe(of: address.slot) { stripe in
            let index = Int(address.slot)
            guard isLive(address), records[index].lookups > 0 else { return .none }
            guard lookups >= records[index].lookups else {
                records[index].lookups &-= lookups
                return .none
            }
            records[index].lookups = 0
            stripe.forgotten &+= 1
            guard isWorthRemembering(index) else { return end(address.slot, &stripe) ? .abandoned : .none }
            let isNew = records[index].remembrance == Remembrance.absent.rawValue
            records[index].remembrance = (isNew ? Remembrance.once : .again).rawValue
            return .remembered(isNew: isNew, closing: records[index].slot.shed())
        }
        switch outcome {
        case .none: break
        case .abandoned: retire(address.slot)
        case .remembered(let isNew, let closing):
            if let closing { SystemCall.close(closing) }
            if isNew { remember(address.slot) }
        }
    }

    /// Without a name it goes when nobody has it open. In a mount of its own it would keep that from being unmounted.
    private func isWorthRemembering(_ index: Int) -> Bool {
        records[index].handle.mount == SourceMounts.source && !isHeld(index)
    }

    /// A record without lookups goes out of its chain. With the lock; true: the caller retires it.
    private func end(_ slot: UInt32, _ stripe: inout Stripe) -> Bool {
        chains.remove(slot, of: stripe.chains, in: records)
        stripe.live &-= 1
        stripe.forgotten &-= 1
        return records[Int(slot)].slot.end()
    }

    /// Gives a record a place among the forgotten, and sees to the one whose place it was.
    private func remember(_ slot: UInt32) {
        enum Outcome { case none, again, abandoned }
        var oldest = remembered.add(slot)
        while oldest != 0 {
            let index = Int(oldest)
            let outcome: Outcome = withStripe(of: oldest) { stripe in
                let was = records[index].remembrance
                // It lost its last name, and was given back; what is in the slot now has no place yet.
                guard records[index].slot.current.isLive, was != Remembrance.absent.rawValue else { return .none }
                let isForgotten = records[index].lookups == 0
                let isAgain = was == Remembrance.again.rawValue && isForgotten
                records[index].remembrance = (isAgain ? Remembrance.once : .absent).rawValue
                guard isForgotten else { return .none }
                return isAgain ? .again : end(oldest, &stripe) ? .abandoned : .none
            }
            if outcome == .abandoned { retire(oldest) }
            oldest = outcome == .again ? remembered.add(oldest) : 0
        }
    }

    /// Makes an abandoned record free. Only the one thread comes here that saw it become abandoned.
    private func retire(_ slot: UInt32) {
        let index = Int(slot)
        let handle = records[index].handle
        let wasKept = records[index].slot.current.isKept && !handle.isNone
        let anchor = records[index].anchor
        if handle.isNone, slot > 1 { noteBareGone(from: records[index].device) }
        let (descriptor, emptied) = withStripe(of: slot) { stripe in
            (records[index].slot.free(), stripe.slots.give(slot, in: blocks))
        }
        if let descriptor { SystemCall.close(descriptor) }
        mounts?.release(handle.mount)
        if wasKept { noteReleased() }
        if !anchor.isNone { release(anchor) }
        if let emptied {
            records.giveBack(Int(emptied) &* SlotStripe.slotsPerBlock, count: SlotStripe.slotsPerBlock)
            withStripe(of: slot) { stripe in stripe.slots.addEmpty(emptied, in: blocks) }
        }
    }

    // MARK: The whole

    /// How many inodes the kernel knows, the root aside.
    var count: Int {
        var count = 0
        for stripe in stripes.indices { count &+= stripes[stripe].withLock { $0.live &- $0.forgotten } }
        return count
    }

    /// How many lookups of a node the kernel has yet to give back; nil for a node that is not known.
    func lookups(of node: NodeID) -> UInt64? {
        let address = NodeAddress(node)
        guard address.slot > 0, Int(address.slot) < records.count else { return nil }
        return withStripe(of: address.slot) { _ in
            isLive(address) && records[Int(address.slot)].lookups > 0 ? records[Int(address.slot)].lookups : nil
        }
    }

    /// How many mounts within the source are in use.
    var mountCount: Int { mounts?.count ?? 0 }

    /// Whether this is the source's root.
    func isRoot(device: UInt64, inode: UInt64) -> Bool { records[1].device == device && records[1].inode == inode }

    /// Whether a node's descriptor is open at the moment.
    func isOpen(_ node: NodeID) -> Bool { records[Int(NodeAddress(node).slot)].slot.current.isOpen }

    /// Forgets everything, the root too: every node is stale from now on. Only when no operation is running.
    func closeAll() {
        endIdle()
        for stripe in stripes.indices {
            let rows = stripes[stripe].withLock { $0.slots.untouched }
            for row in 1..<max(1, rows) {
                let block = SlotStripe.block(row, of: stripe)
                for slot in (block &* 32)..<(block &* 32 &+ 32) {
                    let isAbandoned = withStripe(of: slot) { stripe in
                        guard records[Int(slot)].slot.current.isLive else { return false }
                        if records[Int(slot)].lookups > 0 { stripe.forgotten &+= 1 }
                        records[Int(slot)].lookups = 0
                        return end(slot, &stripe)
                    }
                    if isAbandoned { retire(slot) }
                }
            }
        }
        guard records[1].slot.current.isLive, records[1].slot.end() else { return }
        if let root = records[1].slot.free() { SystemCall.close(root) }
    }

    /// Closes descriptors that nobody uses, up to so many.
    func evict(_ count: Int) -> Int { ring.evict(count, of: self) }
}

extension InodeTable: RingTable {
    func unlist(_ slot: UInt32) { withStripe(of: slot) { _ in records[Int(slot)].slot.unlist() } }

    func evict(slot: UInt32) -> DescriptorSlot.Eviction { withStripe(of: slot) { _ in records[Int(slot)].slot.evict() } }
}
