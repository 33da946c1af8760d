// SPDX-License-Identifier: MIT

public import Synchronization

/// What a chain's cell holds: the way to the next entry, or the next bucket's sentinel, or nothing.
///
/// An entry's address is even. A sentinel is not pointed to but named: its bucket's number, moved up by one bit, with bit 0
/// set. So who comes to the end of a bucket knows it without reading another line of memory, a sentinel needs no
/// more room than the cell that it is, and the one word is read and written atomically.
@frozen
@usableFromInline
struct Link: Equatable {
    @usableFromInline let word: UInt

    @inlinable
    init(word: UInt) { self.word = word }

    @inlinable static var end: Link { Link(word: 0) }

    @inlinable
    init(to entry: EntryPointer) { word = entry.number }

    @inlinable
    init(to sentinel: Bucket) { word = (UInt(sentinel.number) &<< 1) | 1 }

    @inlinable
    var entry: EntryPointer? {
        guard word & 1 == 0 else { return nil }
        // Safe: a non-zero even link was made from an entry, which the reader's section keeps allocated.
        guard let address = unsafe UnsafeMutableRawPointer(bitPattern: word) else { return nil }
        return unsafe EntryPointer(address)
    }

    @inlinable
    var sentinel: Bucket? {
        guard word & 1 == 1 else { return nil }
        return Bucket(number: UInt32(truncatingIfNeeded: word &>> 1))
    }
}

/// A word that links: an entry's `next`, or a bucket's sentinel.
@frozen
@safe
@usableFromInline
struct LinkCell: Equatable {
    @usableFromInline let pointer: UnsafeMutablePointer<Atomic<UInt>>

    @inlinable
    @unsafe
    init(_ pointer: UnsafeMutablePointer<Atomic<UInt>>) { unsafe self.pointer = pointer }

    @inlinable
    static func == (left: LinkCell, right: LinkCell) -> Bool { unsafe left.pointer == right.pointer }

    // Safe: the cell lies in an entry that may be used (see `EntryPointer`), or in a segment, which lives as long as
    // its table.

    /// For readers. Acquiring: pairs with `publish`.
    @inlinable
    func follow() -> Link { Link(word: unsafe pointer.pointee.load(ordering: .acquiring)) }

    /// For writers, who hold the lock under which every cell was last written. Relaxed for that reason.
    @inlinable
    func current() -> Link { Link(word: unsafe pointer.pointee.load(ordering: .relaxed)) }

    /// Sets a cell that no reader can reach yet. Relaxed: what makes it reachable is stored releasing.
    @inlinable
    func prepare(_ link: Link) { unsafe pointer.pointee.store(link.word, ordering: .relaxed) }

    /// Sets a cell that readers may be reading. Releasing: whoever comes along this link finds what it leads to
    /// initialised. That holds for an unlinking too: the link stored then leads to something which an earlier store
    /// had published, and this store takes that one's place.
    @inlinable
    func publish(_ link: Link) { unsafe pointer.pointee.store(link.word, ordering: .releasing) }
}

/// Memory that a table gets from its host: 512 words.
@frozen
@safe
public struct SegmentPointer: Equatable, @unchecked Sendable {
    /// The size of a segment: a page of the smallest size that there is.
    @inlinable public static var byteCount: Int { 4096 }
    /// The size of the first segment, with which a table begins.
    @inlinable public static var firstByteCount: Int { 2048 }

    @usableFromInline let pointer: UnsafeMutablePointer<Atomic<UInt>>

    /// - Parameter address: `byteCount` (or `firstByteCount`) zeroed bytes, aligned to 8, that stay allocated until
    ///   the host gets them back.
    @inlinable
    @unsafe
    public init(_ address: UnsafeMutableRawPointer) {
        unsafe pointer = address.assumingMemoryBound(to: Atomic<UInt>.self)
    }

    @inlinable
    public var address: UnsafeMutableRawPointer { unsafe UnsafeMutableRawPointer(pointer) }

    /// The address as what a word can hold.
    @inlinable
    var number: UInt { UInt(bitPattern: unsafe pointer) }

    @inlinable
    public static func == (left: SegmentPointer, right: SegmentPointer) -> Bool {
        unsafe left.pointer == right.pointer
    }

    /// The word with this number, as a bucket's sentinel.
    @inlinable
    func cell(_ number: UInt32) -> LinkCell {
        // Safe: callers mask the number to the segment's size.
        unsafe LinkCell(pointer + Int(truncatingIfNeeded: number))
    }

    /// The word with this number, as the place of a segment one level down.
    @inlinable
    func place(_ number: UInt32) -> SegmentPlace {
        // Safe: as above.
        unsafe SegmentPlace(pointer + Int(truncatingIfNeeded: number))
    }
}

/// A word that holds the address of a segment, or 0. Written once.
@frozen
@safe
@usableFromInline
struct SegmentPlace {
    @usableFromInline let pointer: UnsafeMutablePointer<Atomic<UInt>>

    @inlinable
    @unsafe
    init(_ pointer: UnsafeMutablePointer<Atomic<UInt>>) { unsafe self.pointer = pointer }

    /// Relaxed, both: a segment is filled in before the first of its sentinels is linked and before the bucket count
    /// covers it, both of which are stored releasing and loaded acquiring by who then comes here.
    @inlinable
    var segment: SegmentPointer? {
        get {
            // Safe: only the setter below writes it.
            let word = unsafe pointer.pointee.load(ordering: .relaxed)
            guard let address = unsafe UnsafeMutableRawPointer(bitPattern: word) else { return nil }
            return unsafe SegmentPointer(address)
        }
        nonmutating set {
            let word = newValue?.number ?? 0
            unsafe pointer.pointee.store(word, ordering: .relaxed)
        }
    }

    /// The segment of a place that is known to be filled.
    @inlinable
    var filled: SegmentPointer {
        // Safe: callers ask for segments of buckets below the bucket count alone. No check, since it could only trap.
        unsafe segment.unsafelyUnwrapped
    }
}
