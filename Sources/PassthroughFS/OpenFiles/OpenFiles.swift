// SPDX-License-Identifier: MIT

import FUSE
import Synchronization
import SystemPackage

// The files and directories that users have open through the mount.
//
// A record is an inode, and how it was opened. Its descriptor comes and goes, as that of an inode: `DescriptorSlot` has the
// rules, and why none is used after it was closed. Opened again it is by the inode, with the flags of the first time
// less O_TRUNC: the kernel holds the inode as long as it holds the open file, so the inode is known.
//
// Life of a record: free -> live (opened) -> dying (released; operations may still use it) -> free. The kernel sends the
// release when the last reference to the open file is gone, which each request on it holds; nothing here rests on that.
// A handle from before is told by its generation: EBADF.
//
// Ownership is as in the inode table: a stripe's lock guards its slots and every step of a record's state but pinning; no
// system call is made under it, and no thread holds two. Kind, node, flags and opener are written while the record is free. The
// position is for whoever took it, and is written by who installs a descriptor: nobody has the position then, as
// only users of a descriptor take it.

/// What is kept of an open file: plain data, all zeros where there is none.
struct OpenFileRecord: ~Copyable {
    let slot: DescriptorSlot
    /// See ``OpenFiles/Kind``.
    var kind: UInt32
    var node: NodeID
    /// Of a directory: the position that its descriptor has, or ``OpenFiles/busy``.
    let position: Atomic<UInt64>
    /// The flags to open it with again.
    var flags: Int32
    /// Who opened it.
    var user: UInt32
    var group: UInt32
    /// 1: it is counted as one that may store through a mapping.
    var stores: UInt32
    /// Fills up a cache line.
    var reserved: (UInt32, UInt32, UInt32, UInt32)
}

/// The open files: a handle is a slot and a generation, so that a wrong or late handle finds nothing, and all that is left
/// open can be closed in the end.
///
/// Limits: 2^24 open files, of which each of 64 stripes has its share; EMFILE beyond. How many of them have a descriptor
/// is bounded by the limit that is set, except for those that could not be opened again.
///
/// What opening again cannot give back, and users may see of a file that is served through the daemon, once more are open
/// than the limit: while it has no descriptor others may run it as a program, make it immutable, or remount the source
/// read-only, though it is open for writing; the next write then fails with ETXTBSY, EPERM or EROFS. A passthrough file
/// is open in the kernel all the time.
final class OpenFiles: Sendable {
    enum Kind: UInt32 {
        case file = 1
        case directory = 2
    }

    /// Whoever put it there uses the descriptor's position.
    static let busy: UInt64 = .max
    /// The position is not known: no directory has this one.
    static let unknown: UInt64 = .max - 1

    private let records: MappedArray<OpenFileRecord>
    private let blocks: MappedArray<SlotBlock>
    private let stripes: InlineArray<64, Mutex<SlotStripe>>
    private let ring: ClockRing
    private let relief: DescriptorRelief
    /// What they are of; without it nothing can be opened again.
    private let inodes: InodeTable?

    init(of inodes: InodeTable? = nil, relief: DescriptorRelief = DescriptorRelief()) throws(Errno) {
        records = try MappedArray(count: 1 << 24, least: 1 << 16)
        blocks = try MappedArray(count: records.count / SlotStripe.slotsPerBlock, least: 1)
        stripes = InlineArray { _ in Mutex(SlotStripe()) }
        ring = try ClockRing()
        self.relief = relief
        self.inodes = inodes
        relief.add(self) { [unowned self] count in evict(count) }
    }

    deinit {
        relief.remove(self)
        closeAll()
    }

    /// How many descriptors may be open for what can be opened again.
    var descriptorLimit: Int {
        get { ring.limit }
        set { ring.setLimit(newValue, of: self) }
    }

    // MARK: Opening and releasing

    /// Takes over a descriptor. On failure it is closed.
    /// - Parameters:
    ///   - node: what it is of, and `flags`: how to open it again.
    ///   - opener: who has it open.
    ///   - stores: see ``InodeTable/addStorer(to:)``.
    ///   - kept: it cannot be opened again, and must stay.
    func insert(
        _ descriptor: FileDescriptor, _ kind: Kind, of node: NodeID = .root, by opener: Caller = .root, flags: Int32 = 0, kept: Bool = false,
        stores: Bool = false
    ) throws(Errno) -> FileHandle {
        // Opens of one file follow each other; those of many spread.
        let stripe = Int(truncatingIfNeeded: (node.rawValue ^ node.rawValue >> 6) & 63)
        let kept = kept || inodes == nil
        let found: (slot: UInt32, generation: UInt32, enlist: Bool)? = stripes[stripe].withLock { state in
            guard let slot = state.take(in: blocks, of: stripe) else { return nil }
            let index = Int(slot)
            records[index].kind = kind.rawValue
            records[index].node = node
            records[index].flags = flags
            records[index].user = opener.user.rawValue
            records[index].group = opener.group.rawValue
            records[index].stores = stores ? 1 : 0
            records[index].position.store(0, ordering: .relaxed)
            let generation = state.nextGeneration()
            return (slot, generation, records[index].slot.begin(generation, descriptor, kept: kept))
        }
        guard let found else {
            SystemCall.close(descriptor)
            throw .tooManyOpenFiles
        }
        if found.enlist { ring.enlist(found.slot, of: self) }
        return FileHandle(rawValue: UInt64(found.generation) << 32 | UInt64(found.slot))
    }

    /// Closes what is behind a handle, once.
    /// - Returns: the node of a file that may have been stored into through a mapping.
    @discardableResult
    func close(_ handle: FileHandle, _ kind: Kind) -> NodeID? {
        guard let (slot, generation) = address(handle) else { return nil }
        let (isAbandoned, stored): (Bool, NodeID?) = withStripe(of: slot) { _ in
            let state = records[Int(slot)].slot.current
            guard state.isLive, state.generation == generation, records[Int(slot)].kind == kind.rawValue else { return (false, nil) }
            let stored = records[Int(slot)].stores == 1 ? records[Int(slot)].node : nil
            return (records[Int(slot)].slot.end(), stored)
        }
        if isAbandoned { retire(slot) }
        return stored
    }

    /// Closes what is open. Only when no operation is running.
    func closeAll() {
        for stripe in stripes.indices {
            let rows = stripes[stripe].withLock { $0.untouched }
            for row in 1..<max(1, rows) {
                let block = SlotStripe.block(row, of: stripe)
                for slot in (block &* 32)..<(block &* 32 &+ 32) {
                    let isAbandoned = withStripe(of: slot) { _ in
                        records[Int(slot)].slot.current.isLive && records[Int(slot)].slot.end()
                    }
                    if isAbandoned { retire(slot) }
                }
            }
        }
    }

    private func retire(_ slot: UInt32) {
        let (descriptor, emptied) = withStripe(of: slot) { stripe in
            (records[Int(slot)].slot.free(), stripe.give(slot, in: blocks))
        }
        if let descriptor { SystemCall.close(descriptor) }
        // A block of these is no page: its memory is used again, and not given back.
        if let emptied { withStripe(of: slot) { stripe in stripe.addEmpty(emptied, in: blocks) } }
    }

    // MARK: Use

    /// Lends an open file to an operation. Throws EBADF for what is not open, and what opening it again throws.
    ///
    /// Not while a caller's ids are assumed: its descriptor may have to be opened.
    func pin(_ handle: FileHandle, _ kind: Kind) throws(Errno) -> OpenDescriptor {
        guard let (slot, generation) = address(handle), let state = records[Int(slot)].slot.pin(generation) else {
            throw .badFileDescriptor
        }
        do throws(Errno) {
            guard records[Int(slot)].kind == kind.rawValue else { throw .badFileDescriptor }
            if !state.isOpen { try open(slot, kind) }
        } catch {
            unpin(slot)
            throw error
        }
        return OpenDescriptor(records[Int(slot)].slot.descriptor, slot: slot, table: self)
    }

    func unpin(_ slot: UInt32) {
        if records[Int(slot)].slot.unpin() { retire(slot) }
    }

    /// Opens a pinned record's descriptor again.
    private func open(_ slot: UInt32, _ kind: Kind) throws(Errno) {
        let index = Int(slot)
        guard let inodes else { throw .badFileDescriptor }
        let flags = records[index].flags
        let inode = try inodes.pin(records[index].node)
        let descriptor = try relief.relieving { () throws(Errno) in
            try kind == .file ? SystemCall.openServed(inode.descriptor, flags) : SystemCall.openDirectory(inode.descriptor)
        }
        let (isTaken, enlist) = withStripe(of: slot) { _ in
            if !records[index].slot.current.isOpen { records[index].position.store(0, ordering: .relaxed) }
            return records[index].slot.install(descriptor)
        }
        if !isTaken { SystemCall.close(descriptor) }
        if enlist { ring.enlist(slot, of: self) }
    }

    /// Who opened a file: on whose behalf it is written where a request does not say.
    func opener(of file: borrowing OpenDescriptor) -> Caller {
        let index = Int(file.slot)
        return Caller(user: UserID(rawValue: records[index].user), group: GroupID(rawValue: records[index].group))
    }

    /// Takes the position of an open directory for a while; nil where another thread has it.
    func takePosition(of file: borrowing OpenDescriptor) -> UInt64? {
        let old = records[Int(file.slot)].position.exchange(OpenFiles.busy, ordering: .acquiring)
        return old == OpenFiles.busy ? nil : old
    }

    /// Gives it back, as it is now.
    func returnPosition(_ position: UInt64, of file: borrowing OpenDescriptor) {
        records[Int(file.slot)].position.store(position, ordering: .releasing)
    }

    private func address(_ handle: FileHandle) -> (slot: UInt32, generation: UInt32)? {
        let slot = UInt32(truncatingIfNeeded: handle.rawValue)
        guard Int(slot) < records.count else { return nil }
        return (slot, UInt32(truncatingIfNeeded: handle.rawValue >> 32))
    }

    private func withStripe<R>(of slot: UInt32, _ body: (inout SlotStripe) -> R) -> R {
        stripes[SlotStripe.stripe(of: slot)].withLock { stripe in body(&stripe) }
    }

    /// Closes descriptors that nobody uses, up to so many.
    func evict(_ count: Int) -> Int { ring.evict(count, of: self) }
}

extension OpenFiles: RingTable {
    func unlist(_ slot: UInt32) { withStripe(of: slot) { _ in records[Int(slot)].slot.unlist() } }

    func evict(slot: UInt32) -> DescriptorSlot.Eviction { withStripe(of: slot) { _ in records[Int(slot)].slot.evict() } }
}

extension Caller {
    fileprivate static var root: Caller { Caller(user: UserID(rawValue: 0), group: GroupID(rawValue: 0)) }
}
