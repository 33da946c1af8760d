// SPDX-License-Identifier: MIT

public import Synchronization

/// The front of a table's header: what lookups read. Once the table is made, only growth writes to it.
///
/// `SentinelPath.topCount` words follow it, the places of the segments at the tops of the directories, and then `TableCounts`.
@frozen
@usableFromInline
struct TableState: ~Copyable {
    /// How many buckets there are. Written under the lock, read by lookups.
    @usableFromInline let bucketCount: Atomic<UInt32>
    /// Written and read under the lock, and hardly ever written.
    @usableFromInline var limit: UInt32
    @usableFromInline let seed: TableSeed
    /// The first 256 sentinels.
    @usableFromInline let first: SegmentPointer

    @inlinable
    init(first: SegmentPointer, limit: UInt32, seed: TableSeed) {
        bucketCount = Atomic(1)
        self.limit = limit
        self.seed = seed
        self.first = first
    }
}

/// The back of the header: what insertions and removals write, under the lock.
///
/// Between it and what lookups read in the front lie 80 bytes that only tables of more than two million buckets use. So the
/// two are never in one line of the cache, and a writer does not take from readers on other processors the line that each
/// of their lookups begins with.
@frozen
@usableFromInline
struct TableCounts {
    @usableFromInline var candidate: EntryID
    @usableFromInline var liveCount: UInt32

    @inlinable
    init(candidate: EntryID) {
        self.candidate = candidate
        liveCount = 0
    }
}

/// A pointer to a table's header.
@frozen
@safe
public struct TableStatePointer: @unchecked Sendable {
    /// The size of a header.
    @inlinable public static var byteCount: Int { countsOffset + 16 }
    @inlinable static var directoryOffset: Int { 32 }
    @inlinable static var countsOffset: Int { directoryOffset + Int(SentinelPath.topCount) * 8 }

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
    ///   - seed: a number that nobody who chooses ids knows, see `OrderKey`.
    @inlinable
    public func initialize(
        first: SegmentPointer, candidate: EntryID = .first, limit: UInt32 = 0x7FFF_FFFF, seed: TableSeed
    ) {
        unsafe pointer.initialize(to: TableState(first: first, limit: limit, seed: seed))
        unsafe counts.initialize(to: TableCounts(candidate: candidate))
        for number: UInt32 in 0..<SentinelPath.topCount { top(number).segment = nil }
    }

    // Every `unsafe` below reads or writes a field of a header that is allocated, by the promise of `init`. The plain
    // ones that change are used by who holds the lock.

    @inlinable
    var counts: UnsafeMutablePointer<TableCounts> {
        unsafe (address + TableStatePointer.countsOffset).assumingMemoryBound(to: TableCounts.self)
    }

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
    public var liveCount: UInt32 { unsafe counts.pointee.liveCount }

    @inlinable
    func setLiveCount(_ count: UInt32) { unsafe counts.pointee.liveCount = count }

    /// The id that `.next` will try. Under the lock.
    @inlinable
    public var candidate: EntryID {
        get { unsafe counts.pointee.candidate }
        nonmutating set { unsafe counts.pointee.candidate = newValue }
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
    var seed: TableSeed { unsafe pointer.pointee.seed }

    @inlinable
    var first: SegmentPointer { unsafe pointer.pointee.first }

    /// The place of the segment at the top of a directory. `number` is below `SentinelPath.topCount`.
    @inlinable
    func top(_ number: UInt32) -> SegmentPlace {
        let offset = TableStatePointer.directoryOffset &+ Int(truncatingIfNeeded: number) &* 8
        return unsafe SegmentPlace((address + offset).assumingMemoryBound(to: Atomic<UInt>.self))
    }
}
