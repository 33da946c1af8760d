// SPDX-License-Identifier: MIT

import BackingTable
import BackingTableTestSupport
import Glibc

/// What a table did to its host, counted.
struct HostLog {
    var isLocked = false
    /// Since the lock was taken, or the count was last reset.
    var steps = 0
    /// Of these, the ones through directories.
    var directorySteps = 0
    /// The most while the lock was held once.
    var mostLockedSteps = 0
    var lockCount = 0
    var segments = 0
    var freedSegments = 0
    /// How many more segments there are to be had.
    var segmentsLeft = Int.max
    /// What a host must not see: a lock held across a call, or taken twice.
    var mistakes = 0
    var retired: [EntryPointer] = []
}

/// A host for one thread that counts, and hands nothing back by itself.
@safe
struct CountingHost: TableHost {
    // Safe: allocated as long as its `TestTable` lives, and used by one thread.
    let log: UnsafeMutablePointer<HostLog>

    func lock() {
        if unsafe log.pointee.isLocked { unsafe log.pointee.mistakes += 1 }
        unsafe log.pointee.isLocked = true
        unsafe log.pointee.lockCount += 1
        unsafe log.pointee.steps = 0
    }

    func unlock() {
        if unsafe !log.pointee.isLocked { unsafe log.pointee.mistakes += 1 }
        unsafe log.pointee.isLocked = false
        if unsafe log.pointee.steps > log.pointee.mostLockedSteps {
            unsafe log.pointee.mostLockedSteps = log.pointee.steps
        }
    }

    func allocateSegment() -> SegmentPointer? {
        if unsafe log.pointee.isLocked { unsafe log.pointee.mistakes += 1 }
        guard unsafe log.pointee.segmentsLeft > 0 else { return nil }
        unsafe log.pointee.segmentsLeft -= 1
        unsafe log.pointee.segments += 1
        return unsafe SegmentPointer(calloc(1, SegmentPointer.byteCount))
    }

    func freeSegment(_ segment: SegmentPointer) {
        if unsafe log.pointee.isLocked { unsafe log.pointee.mistakes += 1 }
        unsafe log.pointee.freedSegments += 1
        unsafe free(segment.address)
    }

    func beginRead() {}
    func endRead(_: Void) {}

    func retire(_ entry: EntryPointer) {
        if unsafe log.pointee.isLocked { unsafe log.pointee.mistakes += 1 }
        unsafe log.pointee.retired.append(entry)
    }

    func observe(_ event: TableEvent) {
        guard event != .access else { return }
        unsafe log.pointee.steps += 1
        if event == .directory { unsafe log.pointee.directorySteps += 1 }
    }

    func visit(_ entry: EntryPointer) { unsafe log.pointee.steps += 1 }
}

/// A table with memory for a number of entries, on one thread.
@safe
final class TestTable {
    let table: BackingTable<CountingHost>
    private let first: UnsafeMutableRawPointer
    private let state: UnsafeMutableRawPointer
    private let entries: UnsafeMutableRawPointer
    private let capacity: Int
    private var used = 0

    // Safe, all below: the memory is of the sizes that the table asks for, and freed when nobody uses it.

    init(
        capacity: Int, candidate: EntryID = .first, limit: UInt32 = 0x7FFF_FFFF, seed: TableSeed = TableSeed(number: 0)
    ) {
        unsafe first = calloc(1, SegmentPointer.firstByteCount)
        // Not zeroed, since a header need not be.
        unsafe state = malloc(TableStatePointer.byteCount)
        unsafe memset(state, 0xA5, TableStatePointer.byteCount)
        unsafe entries = malloc(max(capacity, 1) * MemoryLayout<BackingEntry>.stride)
        unsafe memset(entries, 0xA5, max(capacity, 1) * MemoryLayout<BackingEntry>.stride)
        self.capacity = capacity
        let log = UnsafeMutablePointer<HostLog>.allocate(capacity: 1)
        unsafe log.initialize(to: HostLog())
        let pointer = unsafe TableStatePointer(state)
        unsafe pointer.initialize(first: SegmentPointer(first), candidate: candidate, limit: limit, seed: seed)
        unsafe table = BackingTable(state: pointer, host: CountingHost(log: log))
    }

    deinit {
        table.dismantle()
        precondition(log.segments == log.freedSegments, "the table kept segments")
        unsafe table.host.log.deinitialize(count: 1)
        unsafe table.host.log.deallocate()
        unsafe free(entries)
        unsafe free(state)
        unsafe free(first)
    }

    var log: HostLog {
        get { unsafe table.host.log.pointee }
        set { unsafe table.host.log.pointee = newValue }
    }

    /// An entry that was never used.
    func makeEntry() -> EntryPointer {
        precondition(used < capacity)
        defer { used += 1 }
        return unsafe EntryPointer(entries + used * MemoryLayout<BackingEntry>.stride)
    }

    /// All entry memory may be used again: none of it is in the table or referred to.
    func forgetEntries() { used = 0 }

    /// The steps that one lookup takes, those through directories apart; nil if it found nothing.
    func stepsToFind(_ id: EntryID) -> (chain: Int, directory: Int)? {
        unsafe table.host.log.pointee.steps = 0
        unsafe table.host.log.pointee.directorySteps = 0
        guard let entry = table.lookup(id) else { return nil }
        let steps = unsafe table.host.log.pointee.steps
        let directory = unsafe table.host.log.pointee.directorySteps
        guard entry.id == id else { return nil }
        table.release(entry)
        return (steps - directory, directory)
    }
}
