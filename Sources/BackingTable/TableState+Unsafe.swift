// SPDX-License-Identifier: MIT

public import Synchronization

/// The header of a table, as far as it is one structure. 23 words follow it: for each level of buckets from 8 up, the
/// place of the segment at the top of that level's directory.
@frozen
@usableFromInline
struct TableState: ~Copyable {
    /// How many buckets there are. Written under the lock, read by lookups.
    @usableFromInline let bucketCount: Atomic<UInt32>
    // The rest is written and read under the lock, or never written again.
    @usableFromInline var liveCount: UInt32
    @usableFromInline var candidate: EntryID
    @usableFromInline var limit: UInt32
    @usableFromInline let seed: UInt32
    /// The 256 sentinels of the levels below 8.
    @usableFromInline let first: SegmentPointer

    @inlinable
    init(first: SegmentPointer, candidate: EntryID, limit: UInt32, seed: UInt32) {
        bucketCount = Atomic(1)
        liveCount = 0
        self.candidate = candidate
        self.limit = limit
        self.seed = seed
        self.first = first
    }
}

/// A pointer to a table's header.
@frozen
@safe
public struct TableStatePointer: @unchecked Sendable {
    /// The size of a header.
    @inlinable public static var byteCount: Int { directoryOffset + 23 * 8 }
    @inlinable static var directoryOffset: Int { 32 }

    @usableFromInline let pointer: UnsafeMutablePointer<TableState>

    /// - Parameter address: `byteCount` bytes, aligned to 8, that hold a header or are about to, and stay allocated as
    ///   long as anybody uses the table.
    @inlinable
    @unsafe
    public init(_ address: UnsafeMutableRawPointer) {
        unsafe pointer = address.assumingMemoryBound(to: TableState.self)
    }

    @inlinable
    public var address: UnsafeMutableRawPointer { unsafe UnsafeMutableRawPointer(pointer) }

    /// Makes a header. Nobody else sees the table yet.
    ///
    /// - Parameters:
    ///   - first: the table's first 2 KiB, zeroed. Whoever made the table takes it back after `dismantle`.
    ///   - candidate: where the counter begins.
    ///   - limit: how many ids may be live at once.
    ///   - seed: see `OrderKey`.
    @inlinable
    public func initialize(
        first: SegmentPointer, candidate: EntryID = .first, limit: UInt32 = 0x7FFF_FFFF, seed: UInt32 = 0
    ) {
        unsafe pointer.initialize(to: TableState(first: first, candidate: candidate, limit: limit, seed: seed))
        for level: UInt32 in 8..<31 { top(ofLevel: level).segment = nil }
    }

    // Every `unsafe` below reads or writes a field of a header that is allocated, by the promise of `init`. The plain
    // ones that change are used by who holds the lock.

    /// How many buckets there are: as many as entries have been live at once, and at least one.
    @inlinable
    public var bucketCount: UInt32 {
        // Acquiring: pairs with `addedBucket`. Who sees a count finds all of its buckets linked.
        unsafe pointer.pointee.bucketCount.load(ordering: .acquiring)
    }

    @inlinable
    var bucketCountUnderLock: UInt32 { unsafe pointer.pointee.bucketCount.load(ordering: .relaxed) }

    @inlinable
    func addedBucket(count: UInt32) { unsafe pointer.pointee.bucketCount.store(count, ordering: .releasing) }

    /// How many ids are live. Under the lock.
    @inlinable
    public var liveCount: UInt32 { unsafe pointer.pointee.liveCount }

    @inlinable
    func setLiveCount(_ count: UInt32) { unsafe pointer.pointee.liveCount = count }

    /// The id that `.next` will try. Under the lock.
    @inlinable
    public var candidate: EntryID {
        get { unsafe pointer.pointee.candidate }
        nonmutating set { unsafe pointer.pointee.candidate = newValue }
    }

    /// Has the counter step. Under the lock.
    @inlinable
    public func skipCandidate() { candidate = candidate.successor }

    /// How many ids may be live at once. Under the lock.
    @inlinable
    public var limit: UInt32 {
        get { unsafe pointer.pointee.limit }
        nonmutating set { unsafe pointer.pointee.limit = newValue }
    }

    @inlinable
    var seed: UInt32 { unsafe pointer.pointee.seed }

    @inlinable
    var first: SegmentPointer { unsafe pointer.pointee.first }

    /// The place of the segment at the top of a level's directory. `level` is 8 to 30.
    @inlinable
    func top(ofLevel level: UInt32) -> SegmentPlace {
        let offset = TableStatePointer.directoryOffset &+ Int(truncatingIfNeeded: level &- 8) &* 8
        return unsafe SegmentPlace((address + offset).assumingMemoryBound(to: Atomic<UInt>.self))
    }
}

/// Where a bucket's sentinel lies: level k has the buckets 2^k ..< 2^(k+1), 512 of them in a segment, and a directory of
/// its own above these segments, 512 to one, as many storeys as it takes.
///
/// Every level begins its own directory so that none ever moves or grows upwards: a place is filled once, and a lookup
/// needs no more than the bucket's number to find its way.
@frozen
@usableFromInline
struct SentinelPath {
    @usableFromInline let level: UInt32
    @usableFromInline let offset: UInt32

    /// - Parameter number: 256 or more; those below are in the table's first segment.
    @inlinable
    init(number: UInt32) {
        level = 31 &- UInt32(truncatingIfNeeded: number.leadingZeroBitCount)
        offset = number &- (1 &<< level)
    }

    /// How many directories lie between the header and the segment.
    @inlinable
    var storeys: UInt32 { level < 10 ? 0 : level < 19 ? 1 : level < 28 ? 2 : 3 }

    /// The way to take in the directory with this many storeys below it, itself included.
    @inlinable
    func turn(at storey: UInt32) -> UInt32 { (offset &>> (9 &* storey)) & 511 }

    /// Which of the segment's words it is.
    @inlinable
    var word: UInt32 { offset & 511 }
}
