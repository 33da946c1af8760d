// SPDX-License-Identifier: MIT
//
// The backing files of a connection: which inode has one registered, and for how long.
//
// A registration belongs to an inode. The first open that passes it through makes it, later ones share it, and it may
// outlive the last close: then it is kept, for the next open to find. `BackingRecord` has how opens go beside each other.
//
// Life of a registration: none -> registered (a file of the inode is open in passthrough, or an answer that says so is
// on its way) -> kept, if there is room -> registered again, or none.
//
// An id is never closed while an answer may be on its way that names it, nor while the kernel may be in passthrough mode
// with it: an open counts from before its answer until its release has come, or the answer has come back undelivered. The
// release comes after the kernel has left the mode.
//
// An id is never used again while it is live: ids that the session allocates are free after the close. An id that is the
// inode's number belongs to one record, whose registrations are made and taken back one at a time. Where a number has
// passed to another node, what its record still holds of the old one is taken back first. (Linux holds an inode until the
// release of its files is answered, and has the number forgotten after that; nothing here relies on it. A release that comes
// later names the old node and is let be.)
//
// Locks.
//   A shard's, for a few instructions: it guards the records in it. No system call is made under it, and no other lock
//   taken but the allocator's.
//   A turn, one of a few per shard: held by whoever changes what a record is registered as, calls to the kernel included.
//   Two first opens of an inode so make one registration; those of others meet only by chance. Opens that find their
//   inode open, or its registration kept, never take one. A turn comes before a shard's lock, and nobody takes two.
// The counters order nothing.

import FUSEWire
import Logging
import Synchronization
import SystemPackage

final class InodeBackings: Sendable {
    /// Where a node's record is: a shard, and an index in it where the filesystem numbers its inodes, whose number is `id`.
    struct Home {
        var shard: Int
        var index: UInt32?
        var id: BackingID?
    }

    /// How many refused files are remembered, in each shard.
    static let refusalsRemembered = 64
    static let shardCount = 16
    private static let turnsPerShard = 4

    let transport: any Transport
    let calls: any DialectCalls
    let options: BackingOptions
    let logger: Logger
    private let shards: InlineArray<16, Mutex<BackingShard>>
    private let turns: InlineArray<64, Mutex<Void>>
    /// Since when the first one that a shard keeps is kept; `max` where it keeps none. Written with its lock, and read without.
    let oldestKept: InlineArray<16, Atomic<UInt64>>
    let allocator = Mutex(IDAllocator())
    let isOff: Atomic<Bool>
    let counters = BackingCounters()
    let reports = Mutex(BackingReports())
    let watch = Watch()
    let now: @Sendable () -> UInt64

    /// - Parameters:
    ///   - calls: how this kernel wants files registered; nil where it takes none.
    ///   - now: a clock that never goes back, in nanoseconds.
    init(
        _ transport: any Transport, calls: (any DialectCalls)?, options: BackingOptions = BackingOptions(), logger: Logger,
        now: @escaping @Sendable () -> UInt64 = InodeBackings.uptime
    ) {
        self.transport = transport
        self.calls = calls ?? KernelAllocatedIDs()
        self.options = options
        self.logger = logger
        self.now = now
        isOff = Atomic(calls == nil)
        let isNumbered = if case .chosen = options.ids { true } else { false }
        shards = InlineArray { _ in Mutex(BackingShard(isNumbered: isNumbered)) }
        turns = InlineArray { _ in Mutex(()) }
        oldestKept = InlineArray { _ in Atomic(.max) }
    }

    deinit { watch.end() }

    // MARK: Opens and releases

    /// Decides how an open of this node goes, and counts it. Every call is followed by one of ``release(_:)``.
    func admit(_ node: NodeID, _ wish: OpenWish) -> Admission {
        // No number: a mistake of the filesystem's. Direct opens are right beside each other, whatever is known of them.
        guard let home = home(of: node) else { return Admission(flags: .directIO) }
        let admission = joined(node, wish, home) ?? changed(node, wish, home)
        if admission.backing != nil { counters.passthroughOpens.wrappingAdd(1, ordering: .relaxed) }
        return admission
    }

    /// One open of this node is gone.
    func release(_ node: NodeID) {
        guard let home = home(of: node) else { return }
        enum After { case nothing, kept, close(UInt32) }
        let after: After = withShard(home.shard) { shard in
            guard let index = shard.find(node, at: home.index), shard[index].node == node, shard[index].opens > 0 else {
                return .nothing
            }
            shard[index].opens -= 1
            guard shard[index].opens == 0 else { return .nothing }
            guard shard[index].id != 0 else {
                shard[index].traits.remove(.doomed)
                shard.tidy(index, isFixed: home.index != nil)
                return .nothing
            }
            if options.kept == 0 || shard[index].traits.contains(.doomed) { return .close(index) }
            // Beside opens that were not passed through it was kept all the time.
            guard !shard[index].traits.contains(.kept) else { return .nothing }
            keep(index, in: &shard)
            return .kept
        }
        switch after {
        case .nothing: break
        case .kept: tend()
        case .close(let index): close(index, in: home.shard)
        }
    }

    /// Where the record of a node is. Nil where the filesystem has given it a number that is none.
    func home(of node: NodeID) -> Home? {
        // Slots are dense, so their low bits spread.
        guard case .chosen(let number) = options.ids else {
            return Home(shard: Int(truncatingIfNeeded: node.rawValue & 15), index: nil, id: nil)
        }
        let id = number(node)
        guard id.rawValue > 0 else { return nil }
        return Home(shard: Int(id.rawValue & 15), index: UInt32(id.rawValue >> 4) + 1, id: id)
    }

    /// How many blocks of records have memory. For tests.
    var blockCount: Int { (0..<Self.shardCount).reduce(0) { sum, shard in sum + withShard(shard) { $0.blockCount } } }

    var isFixed: Bool { if case .chosen = options.ids { true } else { false } }

    func withShard<R>(_ number: Int, _ body: (inout sending BackingShard) -> sending R) -> R {
        shards[number].withLock { shard in
            let result = body(&shard)
            let oldest = shard.oldestKept?.stamp ?? .max
            // Seldom, so that what others read is not written all the time.
            if oldestKept[number].load(ordering: .relaxed) != oldest { oldestKept[number].store(oldest, ordering: .relaxed) }
            return result
        }
    }

    func withTurn<R>(of index: UInt32, in shard: Int, _ body: () -> sending R) -> sending R {
        turns[shard * Self.turnsPerShard + Int(index) % Self.turnsPerShard].withLock { _ in body() }
    }

    /// Joins what there is of the node, or starts without a registration. Nil where one has to be made, or taken back.
    private func joined(_ node: NodeID, _ wish: OpenWish, _ home: Home) -> Admission? {
        withShard(home.shard) { shard in
            let index = shard.make(node, at: home.index)
            if shard[index].node != node {
                guard shard[index].id == 0 else { return nil }
                shard.renew(index, for: node)
            }
            return decided(index, wish, in: &shard)
        }
    }

    private func decided(_ index: UInt32, _ wish: OpenWish, in shard: inout BackingShard) -> Admission? {
        let isAvailable = !isOff.load(ordering: .relaxed)
        guard case .admitted(let admission) = shard[index].decide(wish, isAvailable: isAvailable) else { return nil }
        if shard[index].isPassingThrough, shard.stopKeeping(index) { counters.kept.subtract(1, ordering: .relaxed) }
        if wish.isPassthrough, admission.backing == nil, shard[index].refusal != 0 {
            countRefusal(Errno(rawValue: Int32(shard[index].refusal)))
        }
        return admission
    }

    private func keep(_ index: UInt32, in shard: inout BackingShard) {
        shard.keep(index, at: now())
        counters.kept.add(1, ordering: .sequentiallyConsistent)
    }

    // MARK: First opens

    private enum Change {
        case admitted(Admission)
        /// What was in the way is gone.
        case again
        case refused(Errno)
    }

    /// An open for which something has to be registered or taken back.
    private func changed(_ node: NodeID, _ wish: OpenWish, _ home: Home) -> Admission {
        // Others may keep more in the meantime, again and again.
        var reliefs = 4
        while true {
            let index = withShard(home.shard) { $0.make(node, at: home.index) }
            switch withTurn(of: index, in: home.shard, { change(node, wish, home, index) }) {
            case .admitted(let admission):
                if admission.backing == nil { tend() }
                return admission
            case .again: continue
            case .refused(let error):
                if error.isShortage, reliefs > 0, relieve(32) > 0 {
                    reliefs -= 1
                    continue
                }
                report(error)
                return admitUnregistered(error, node, wish, home)
            }
        }
    }

    /// A first open whose file was not taken. Nobody had the record's turn since: another may have had more luck.
    private func admitUnregistered(_ error: Errno, _ node: NodeID, _ wish: OpenWish, _ home: Home) -> Admission {
        withShard(home.shard) { shard in
            let index = shard.make(node, at: home.index)
            if shard[index].node == 0 { shard.renew(index, for: node) }
            // The node was forgotten meanwhile, and its number given to another: nobody waits for this answer.
            guard shard[index].node == node else { return Admission(flags: .directIO) }
            if shard[index].id == 0 {
                shard[index].refuse(error)
                shard.noteRefusal(of: index, most: Self.refusalsRemembered, isFixed: isFixed)
            }
            let admission = shard[index].settle(wish)
            if shard[index].isPassingThrough, shard.stopKeeping(index) { counters.kept.subtract(1, ordering: .relaxed) }
            if admission.backing == nil { countRefusal(error) }
            return admission
        }
    }

    /// By who has the record's turn.
    private func change(_ node: NodeID, _ wish: OpenWish, _ home: Home, _ index: UInt32) -> Change {
        enum Look { case admitted(Admission), another(BackingID), again, register(FileDescriptor) }
        let look: Look = withShard(home.shard) { shard in
            guard shard.find(node, at: home.index) == index else { return .again }
            if shard[index].node != node {
                let old = shard[index].id
                if shard.stopKeeping(index) { counters.kept.subtract(1, ordering: .relaxed) }
                shard.renew(index, for: node)
                if old != 0 { return .another(BackingID(rawValue: old)) }
            }
            if let admission = decided(index, wish, in: &shard) { return .admitted(admission) }
            guard let file = wish.backing else { return .again }
            if shard[index].id != 0 {
                // Registered for another kind of opener.
                if shard.stopKeeping(index) { counters.kept.subtract(1, ordering: .relaxed) }
                defer { shard[index].id = 0 }
                return .another(BackingID(rawValue: shard[index].id))
            }
            shard[index].traits.insert(.busy)
            return .register(file)
        }
        switch look {
        case .admitted(let admission): return .admitted(admission)
        case .again: return .again
        case .another(let id):
            unregister(id)
            return .again
        case .register(let file):
            do throws(Errno) {
                return .admitted(registered(try register(file, as: home.id, for: wish.opener), node, wish, home, index))
            } catch {
                withShard(home.shard) { shard in _ = shard[index].traits.remove(.busy) }
                return .refused(error)
            }
        }
    }

    /// A file was registered for a first open.
    private func registered(_ id: BackingID, _ node: NodeID, _ wish: OpenWish, _ home: Home, _ index: UInt32) -> Admission {
        let (admission, isWanted): (Admission, Bool) = withShard(home.shard) { shard in
            shard[index].traits.remove(.busy)
            // As above.
            guard shard[index].node == node else { return (Admission(flags: .directIO), false) }
            shard.forgetRefusal(of: index)
            // Another open, which is not passed through, may have been faster.
            let isInTime = shard[index].opens == 0
            if isInTime || options.kept > 0 {
                shard[index].registered(as: id, for: wish.opener)
            }
            let admission = shard[index].settle(wish)
            if !isInTime, options.kept > 0 { keep(index, in: &shard) }
            return (admission, isInTime || options.kept > 0)
        }
        if !isWanted { unregister(id) }
        return admission
    }
}
