// SPDX-License-Identifier: MIT

public import Synchronization

/// The header of a table, as far as it is one structure. `SentinelPath.topCount` words follow it: the places of the segments
/// at the tops of the directories.
@frozen
@usableFromInline
struct TableState: ~Copyable {
    /// How many buckets there are. Written under the lock, read by lookups.
    @usableFromInline let bucketCount: Atomic<UInt32>
    // The rest is written and read under the lock, or never written again.
    @usableFromInline var liveCount: UInt32
    @usableFromInline var candidate: EntryID
    @usableFromInline var limit: UInt32
    @usableFromInline let seed: TableSeed
    /// The first 256 sentinels.
    @usableFromInline let first: SegmentPointer

    @inlinable
    init(first: SegmentPointer, candidate: EntryID, limit: UInt32, seed: TableSeed) {
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
    @inlinable public static var byteCount: Int { directoryOffset + Int(SentinelPath.topCount) * 8 }
    @inlinable static var directoryOffset: Int { 56 }

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
        unsafe pointer.initialize(to: TableState(first: first, candidate: candidate, limit: limit, seed: seed))
        for number: UInt32 in 0..<SentinelPath.topCount { top(number).segment = nil }
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
