// SPDX-License-Identifier: MIT

public import Synchronization

/// The part of an entry that the table reads and writes: 32 bytes at the start of the host's own structure.
///
///     struct backing_entry {
///             uintptr_t next;         /* 0: a link, see Link */
///             uint64_t  key;          /* 8: place in the chain, never changes while anybody can see the entry */
///             uint64_t  id;           /* 16: what the entry shows; 0: anonymous */
///             uint32_t  count;        /* 24: references; one of them is the table's */
///             uint32_t  padding;      /* 28 */
///     };
///
/// With a file, its credentials and an RCU head of 16 bytes that makes 64.
@frozen
public struct BackingEntry: ~Copyable {
    @usableFromInline let next: Atomic<UInt>
    @usableFromInline var key: OrderKey
    @usableFromInline let id: Atomic<UInt64>
    @usableFromInline let count: Atomic<UInt32>
    @usableFromInline var padding: UInt32
}

/// A pointer to an entry.
///
/// Using one is safe as long as the rules at the head of `BackingTable` are kept: whoever has one either holds a
/// reference, or is inside of a read section that began before the entry was retired. Making one out of an address
/// is the promise to keep them, hence unsafe.
@frozen
@safe
public struct EntryPointer: Equatable, @unchecked Sendable {
    @usableFromInline let pointer: UnsafeMutablePointer<BackingEntry>

    /// - Parameter address: 32 bytes, aligned to 8, that stay allocated until the host was told to retire the entry and
    ///   its grace period is over. They need no initialisation.
    @inlinable
    @unsafe
    public init(_ address: UnsafeMutableRawPointer) {
        unsafe pointer = address.assumingMemoryBound(to: BackingEntry.self)
    }

    @inlinable
    public var address: UnsafeMutableRawPointer { unsafe UnsafeMutableRawPointer(pointer) }

    /// The address as what a word can hold.
    @inlinable
    var number: UInt { UInt(bitPattern: unsafe pointer) }

    @inlinable
    public static func == (left: EntryPointer, right: EntryPointer) -> Bool { unsafe left.pointer == right.pointer }

    // Every `unsafe` below reads or writes a field of an entry that is allocated, by the promise above.

    /// The id that the entry shows; nil once it is anonymous.
    ///
    /// Acquiring, and stored releasing: who sees a number on one entry sees that the entry which had the number before
    /// is anonymous, so no two are ever seen with the same.
    @inlinable
    public var id: EntryID? { EntryID(shownID) }

    @inlinable
    var shownID: UInt64 { unsafe pointer.pointee.id.load(ordering: .acquiring) }

    #if BACKING_TABLE_PLANT_RACE
    /// Plain memory that the table leaves alone.
    var padding: UInt32 {
        get { unsafe pointer.pointee.padding }
        nonmutating set { unsafe pointer.pointee.padding = newValue }
    }
    #endif

    /// How many references there are. For tests and debugging: old by the time that the caller looks at it.
    @inlinable
    public var referenceCount: UInt32 { unsafe pointer.pointee.count.load(ordering: .relaxed) }

    /// Plain: written before the entry is published, and not again.
    @inlinable
    var key: OrderKey { unsafe pointer.pointee.key }

    /// The cell that links to what follows in the chain.
    @inlinable
    var next: LinkCell {
        // `next` is at offset 0, and the cell is used as long as the entry would be.
        unsafe LinkCell(UnsafeMutableRawPointer(pointer).assumingMemoryBound(to: Atomic<UInt>.self))
    }

    /// Makes an entry that nobody else has seen ready to be published.
    @inlinable
    func initialize(id: EntryID, key: OrderKey) {
        unsafe pointer.pointee.key = key
        // Relaxed: the link that publishes the entry is stored releasing, after this.
        unsafe pointer.pointee.count.store(1, ordering: .relaxed)
        // Releasing for those who keep references and compare ids, see `id`.
        unsafe pointer.pointee.id.store(id.rawValue, ordering: .releasing)
    }

    /// From now on the entry shows no id.
    @inlinable
    func makeAnonymous() {
        unsafe pointer.pointee.id.store(0, ordering: .releasing)
    }

    /// One reference more, if there is one left; false if the last is gone.
    ///
    /// Lock-free: another round is needed only if another thread changed the count in between. Relaxed: what the entry
    /// holds was published by the link that led here, or is known to who already has a reference.
    @inlinable
    func tryRetain() -> Bool {
        var seen = unsafe pointer.pointee.count.load(ordering: .relaxed)
        while seen != 0 {
            // A count that would overflow sticks: the entry is then never retired, which is a leak and no more. Like
            // Linux's `refcount_t`, it sticks far from both ends, so that racing steps cannot bring it back.
            let stuck = seen >= 0x7FFF_FFFF
            let (exchanged, now) = unsafe pointer.pointee.count.weakCompareExchange(
                expected: seen, desired: stuck ? 0xC000_0000 : seen &+ 1, ordering: .relaxed)
            if exchanged { return true }
            seen = now
        }
        return false
    }

    /// One reference less; true if it was the last.
    ///
    /// Releasing, so that what each owner did comes before the end of the entry; acquiring, so that it has come before
    /// whatever the last owner does to it.
    @inlinable
    func dropReference() -> Bool {
        let count = unsafe pointer.pointee.count.load(ordering: .relaxed)
        guard count < 0x8000_0000 else { return false }
        return unsafe pointer.pointee.count.wrappingSubtract(1, ordering: .acquiringAndReleasing).oldValue == 1
    }
}
