// SPDX-License-Identifier: MIT

import Synchronization
import SystemPackage

// Which records have a descriptor that may be evicted: a clock, also called second chance.
//
// The ring has as many places as descriptors may be open on its records' behalf. A hand goes round. Who opens a
// descriptor puts its record where the hand points, takes out what was there, and evicts that; if that one was used since
// the hand last came by, or is in use, it goes to the next place, and what is there is taken out instead, and so on.
//
// Shared state: the places and the hand, all atomic and all relaxed, as they order nothing: the state of each record says
// what may be done with it, see `DescriptorSlot`. A place is exchanged, so a record that was taken out is in one thread's
// hands until it is put back or evicted. No lock is held around the ring's own steps; evicting takes the lock of the
// evicted record's stripe, alone.
//
// Invariant: a record that is open and not kept is in a place, or in some thread's hands. (Not the reverse: a place may
// name a record that was given back, or name one twice after its memory was given back. Such a place costs its room
// until the hand comes by, and no more.) So no more descriptors are open than there are places, and what is pinned.

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
    var limit: Int {
        get { capacity.load(ordering: .relaxed) }
    }

    /// Sets the limit. Before the first record is put there, or to raise it: places beyond it are not looked at.
    func setLimit(_ limit: Int) { capacity.store(min(max(limit, 2), ClockRing.greatest), ordering: .relaxed) }

    private func exchange(_ slot: UInt32) -> UInt32 {
        let place = hand.wrappingAdd(1, ordering: .relaxed).oldValue % UInt64(limit)
        return places[Int(place)].exchange(slot, ordering: .relaxed)
    }

    /// Puts a record in, for which another may have to go.
    /// - Parameter evict: evicts that record. It is in no place at that moment.
    /// - Returns: a record that found no place, as everything is in use; 0 where all did.
    func enlist(_ slot: UInt32, evict: (UInt32) -> DescriptorSlot.Eviction) -> UInt32 {
        var slot = slot
        // After two rounds nothing is merely used: it is all pinned.
        for _ in 0..<(2 &* limit &+ 2) {
            let displaced = exchange(slot)
            if displaced == 0 { return 0 }
            switch evict(displaced) {
            case .wanted: slot = displaced
            case .unlisted: return 0
            case .closing(let descriptor):
                SystemCall.close(descriptor)
                return 0
            }
        }
        return slot
    }

    /// Evicts so many, if there are as many that nobody uses.
    /// - Returns: how many descriptors were closed, and a record that found no place, or 0.
    func evict(_ count: Int, evict: (UInt32) -> DescriptorSlot.Eviction) -> (closed: Int, leftOver: UInt32) {
        var closed = 0
        var carried: UInt32 = 0
        for _ in 0..<(2 &* limit &+ 2) where closed < count {
            let displaced = exchange(carried)
            carried = 0
            if displaced == 0 { continue }
            switch evict(displaced) {
            case .wanted: carried = displaced
            case .unlisted: break
            case .closing(let descriptor):
                SystemCall.close(descriptor)
                closed &+= 1
            }
        }
        return (closed, carried == 0 ? 0 : enlist(carried, evict: evict))
    }
}
