// SPDX-License-Identifier: MIT

import Synchronization
import SystemPackage

// A record's life, and the descriptor that it may have open.
//
// Both tables (inodes, open files) keep more records than there are descriptors. A record is found again without one; its
// descriptor is only there to spare the finding. So it may be closed at any time, except while somebody uses it.
//
// Life of a record: free -> live -> dying (given back; operations may still use it) -> free.
// Life of its descriptor: none -> open -> none, any number of times within one life of the record.
//
// Who may do what. "The lock" is the table's, for the stripe that the record is in.
//   Without the lock: count a pin in and out, set `used`, read everything.
//   With the lock: all else that changes the word. `number` is written with the lock held and `open` not set.
//   Dying and without pins: whoever sees that first owns the record alone, until it has made it free (with the lock).
//
// Why no descriptor is used after it was closed, or recycled: one is used only by who holds a pin *and* saw `open` in
// the word after the pin was in it. Evicting clears `open` by compare-and-exchange of a word that has no pins: if a pin
// came first the exchange fails; if the exchange came first the pin's word has no `open`, and its holder opens anew. Of a
// dying record the descriptor is closed by its only owner. `number` was read by the evictor before its exchange; between
// the two nobody can have put another there, for that takes the lock, which the evictor holds. So each number is closed
// once, by the one who cleared its `open`; and as that comes before the close, nobody reads the number of a closed one.
//
// Memory orders. Setting `open` and going live are releases, pinning is an acquire: who has a pin sees the number and the
// record. Dropping a pin is a release and evicting or retiring an acquire: all use comes before the close. Relaxed
// elsewhere, where the lock orders.

/// One word that says all about a record's life.
struct SlotState {
    var bits: UInt64

    static var live: UInt64 { 1 << 31 }
    /// A descriptor is there.
    static var open: UInt64 { 1 << 30 }
    /// Pinned since the clock's hand last came by: it gets a second chance.
    static var used: UInt64 { 1 << 29 }
    /// Never evicted: without the descriptor the record's file could not be found again.
    static var kept: UInt64 { 1 << 28 }
    /// In the ring of those that may be evicted. It outlives the record, as its place in the ring does.
    static var listed: UInt64 { 1 << 27 }
    private static var pinMask: UInt64 { 1 << 27 - 1 }

    /// Which of the records that were in this slot one after the other.
    var generation: UInt32 { UInt32(truncatingIfNeeded: bits >> 32) }
    var isLive: Bool { bits & SlotState.live != 0 }
    var isOpen: Bool { bits & SlotState.open != 0 }
    var isUsed: Bool { bits & SlotState.used != 0 }
    var isKept: Bool { bits & SlotState.kept != 0 }
    var isListed: Bool { bits & SlotState.listed != 0 }
    var pins: UInt64 { bits & SlotState.pinMask }

    /// Nobody uses it, and nobody will.
    var isAbandoned: Bool { !isLive && pins == 0 }
}

/// The part of a record that ``SlotState`` is about. All zeros where there never was one.
struct DescriptorSlot: ~Copyable {
    private let state: Atomic<UInt64>
    private let number: Atomic<Int32>

    /// What became of a record that the clock's hand came by.
    enum Eviction {
        /// It may go on, and stays in the ring.
        case wanted
        /// It has nothing to evict, and is in the ring no longer.
        case unlisted
        /// Its descriptor is the caller's now, to be closed. It is in the ring no longer.
        case closing(FileDescriptor)
    }

    // MARK: Without the lock

    var current: SlotState { SlotState(bits: state.load(ordering: .relaxed)) }

    /// What `open` says is there. Good for who holds a pin.
    var descriptor: FileDescriptor { FileDescriptor(rawValue: number.load(ordering: .relaxed)) }

    /// Counts a pin in; nil where another record is here, or none. The state tells whether a descriptor is there.
    func pin(_ generation: UInt32) -> SlotState? {
        var seen = state.load(ordering: .relaxed)
        while true {
            let now = SlotState(bits: seen)
            guard now.isLive, now.generation == generation else { return nil }
            let (exchanged, original) = state.weakCompareExchange(
                expected: seen, desired: (seen &+ 1) | SlotState.used, successOrdering: .acquiring, failureOrdering: .relaxed)
            if exchanged { return now }
            seen = original
        }
    }

    /// Counts a pin out. True: the caller owns the record now, and makes it free.
    func unpin() -> Bool {
        SlotState(bits: state.wrappingSubtract(1, ordering: .acquiringAndReleasing).newValue).isAbandoned
    }

    // MARK: With the lock

    /// Makes the record live, with a descriptor. True: it is to be put in the ring.
    func begin(_ generation: UInt32, _ descriptor: FileDescriptor, kept: Bool) -> Bool {
        number.store(descriptor.rawValue, ordering: .relaxed)
        let wasListed = current.isListed
        let listing = kept ? (wasListed ? SlotState.listed : 0) : SlotState.listed
        state.store(
            UInt64(generation) << 32 | SlotState.live | SlotState.open | listing | (kept ? SlotState.kept : 0),
            ordering: .releasing)
        return !kept && !wasListed
    }

    /// Puts a descriptor there, unless there is one.
    /// - Returns: whether it was put there, and whether the record is to be put in the ring.
    func install(_ descriptor: FileDescriptor) -> (isTaken: Bool, enlist: Bool) {
        let now = current
        if now.isOpen { return (false, false) }
        number.store(descriptor.rawValue, ordering: .relaxed)
        state.bitwiseOr(SlotState.open | (now.isKept ? 0 : SlotState.listed), ordering: .releasing)
        return (true, !now.isKept && !now.isListed)
    }

    /// From now on its descriptor stays. By who holds a pin and saw it open.
    func keep() { state.bitwiseOr(SlotState.kept, ordering: .relaxed) }

    /// Its descriptor may go again. True: it is to be put in the ring.
    func stopKeeping() -> Bool {
        let old = SlotState(bits: state.bitwiseAnd(~SlotState.kept, ordering: .relaxed).oldValue)
        guard old.isOpen, !old.isListed else { return false }
        state.bitwiseOr(SlotState.listed, ordering: .relaxed)
        return true
    }

    /// Takes the descriptor away, where nobody uses it or has used it of late.
    func evict() -> Eviction {
        var seen = state.load(ordering: .relaxed)
        while true {
            let now = SlotState(bits: seen)
            let desired: UInt64
            let outcome: Eviction
            if !now.isLive || !now.isOpen || now.isKept {
                // Not even written, where there is nothing to change: the memory may have been given back.
                if !now.isListed { return .unlisted }
                (desired, outcome) = (seen & ~SlotState.listed, .unlisted)
            } else if now.pins > 0 || now.isUsed {
                (desired, outcome) = (seen & ~SlotState.used, .wanted)
            } else {
                (desired, outcome) = (seen & ~(SlotState.open | SlotState.listed), .closing(descriptor))
            }
            let (exchanged, original) = state.weakCompareExchange(
                expected: seen, desired: desired, successOrdering: .acquiringAndReleasing, failureOrdering: .relaxed)
            if exchanged { return outcome }
            seen = original
        }
    }

    /// Takes the descriptor away at once, unless somebody uses it. The record stays in the ring until the hand comes by.
    func shed() -> FileDescriptor? {
        var seen = state.load(ordering: .relaxed)
        while true {
            let now = SlotState(bits: seen)
            guard now.isOpen, !now.isKept, now.pins == 0 else { return nil }
            let descriptor = descriptor
            let (exchanged, original) = state.weakCompareExchange(
                expected: seen, desired: seen & ~SlotState.open, successOrdering: .acquiringAndReleasing,
                failureOrdering: .relaxed)
            if exchanged { return descriptor }
            seen = original
        }
    }

    /// Whether nobody uses it, or has used it since this was last asked.
    func wasIdle() -> Bool {
        let old = SlotState(bits: state.bitwiseAnd(~SlotState.used, ordering: .relaxed).oldValue)
        return old.pins == 0 && !old.isUsed
    }

    /// It is in the ring no longer.
    func unlist() { state.bitwiseAnd(~SlotState.listed, ordering: .relaxed) }

    /// No pin can be added from now on. True: the caller owns the record now, and makes it free.
    func end() -> Bool {
        SlotState(bits: state.bitwiseAnd(~SlotState.live, ordering: .acquiringAndReleasing).newValue).isAbandoned
    }

    /// Makes an owned record free. What is returned is to be closed.
    func free() -> FileDescriptor? {
        let now = current
        let descriptor = now.isOpen ? descriptor : nil
        state.store(now.bits & SlotState.listed, ordering: .releasing)
        return descriptor
    }
}
