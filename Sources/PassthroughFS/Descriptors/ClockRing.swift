// SPDX-License-Identifier: MIT

import Synchronization
import SystemPackage

// Which records have a descriptor that may be evicted: a clock, also called second chance.
//
// The ring has as many places as descriptors may be open on its records' behalf. A hand goes round. Who opens a
// descriptor puts its record where the hand points, takes out what was there, and evicts that; if that one was used since
// the hand last came by, or is in use, it goes to the next place, and what is there is taken out instead, and so on.
//
// Shared state: the places and the hand, all atomic, and relaxed but for what `Watch` asks for, as they order nothing else: the state of each record says
// what may be done with it, see `DescriptorSlot`. A place is exchanged, so a record that was taken out is in one thread's
// hands until it is put back or evicted. No lock is held around the ring's own steps; evicting takes the lock of the
// evicted record's stripe, alone.
//
// Invariant: a record that is open and not kept is in a place, or in some thread's hands. (Not the reverse: a place may
// name a record that was given back, or name one twice after its memory was given back. Such a place costs its room
// until the hand comes by, and no more.) So no more descriptors are open than there are places, and what is pinned.

/// A table whose records are in a ring.
protocol RingTable {
    /// Evicts a record, with the lock of its stripe. It is in no place at that moment.
    func evict(slot: UInt32) -> DescriptorSlot.Eviction
    /// Says, with the lock of its stripe, that a record is in no place.
    func unlist(_ slot: UInt32)
}

/// Places for records that have descriptors; bounded, without a lock.
struct ClockRing: ~Copyable, Sendable {
    private let places: MappedArray<Atomic<UInt32>>
    private let hand = Atomic<UInt64>(0)
    private let capacity: Atomic<Int>

    static var greatest: Int { 1 << 16 }

    init() throws(Errno) {
        places = try MappedArray(count: ClockRing.greatest, least: ClockRing.greatest)
        capacity = Atomic(ClockRing.greatest)
    }

    /// How many descriptors may be open for records in the ring.
    var limit: Int { capacity.load(ordering: .relaxed) }

    /// Sets the limit. Records in places beyond it are put into others, for which some have to go.
    ///
    /// A thread that read the limit a moment ago may still put one record there. It stays open until it is given back, or
    /// the limit is raised again.
    func setLimit(_ limit: Int, of table: some RingTable) {
        let limit = min(max(limit, 2), ClockRing.greatest)
        let old = capacity.exchange(limit, ordering: .relaxed)
        guard limit < old else { return }
        for place in limit..<old {
            let slot = places[place].exchange(0, ordering: .relaxed)
            if slot != 0 { enlist(slot, of: table) }
        }
    }

    private func exchange(_ slot: UInt32) -> UInt32 {
        let place = hand.wrappingAdd(1, ordering: .relaxed).oldValue % UInt64(limit)
        return places[Int(place)].exchange(slot, ordering: .sequentiallyConsistent)
    }

    /// Goes round once: closes every descriptor that nobody uses, and that nobody has used since the last round.
    /// - Returns: whether there was a descriptor, closed now or not.
    func sweep(of table: some RingTable) -> Bool {
        var found = false
        for place in 0..<limit where places[place].load(ordering: .relaxed) != 0 {
            let slot = places[place].exchange(0, ordering: .relaxed)
            if slot == 0 { continue }
            switch table.evict(slot: slot) {
            case .wanted:
                found = true
                let (isBack, _) = places[place].compareExchange(expected: 0, desired: slot, ordering: .relaxed)
                if !isBack { enlist(slot, of: table) }
            case .unlisted: break
            case .closing(let descriptor):
                found = true
                SystemCall.close(descriptor)
            }
        }
        return found
    }

    /// Whether no record is in a place.
    var isEmpty: Bool {
        for place in 0..<limit where places[place].load(ordering: .sequentiallyConsistent) != 0 { return false }
        return true
    }

    /// Puts a record in, for which another may have to go. One of them stays out where everything is in use.
    func enlist(_ slot: UInt32, of table: some RingTable) {
        var slot = slot
        // After two rounds nothing is merely used: it is all pinned.
        for _ in 0..<(2 &* limit &+ 2) {
            let displaced = exchange(slot)
            if displaced == 0 { return }
            switch table.evict(slot: displaced) {
            case .wanted: slot = displaced
            case .unlisted: return
            case .closing(let descriptor): return SystemCall.close(descriptor)
            }
        }
        table.unlist(slot)
    }

    /// Closes so many descriptors, if there are as many that nobody uses.
    /// - Returns: how many were closed.
    func evict(_ count: Int, of table: some RingTable) -> Int {
        var closed = 0
        var carried: UInt32 = 0
        for _ in 0..<(2 &* limit &+ 2) where closed < count {
            let displaced = exchange(carried)
            carried = 0
            if displaced == 0 { continue }
            switch table.evict(slot: displaced) {
            case .wanted: carried = displaced
            case .unlisted: break
            case .closing(let descriptor):
                SystemCall.close(descriptor)
                closed &+= 1
            }
        }
        if carried != 0 { enlist(carried, of: table) }
        return closed
    }
}
