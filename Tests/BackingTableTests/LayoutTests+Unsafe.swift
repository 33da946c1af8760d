// SPDX-License-Identifier: MIT

@testable import BackingTable
import BackingTableTestSupport
import Synchronization
import Testing

/// Sets a count that takes too long to reach.
func setReferenceCount(of entry: EntryPointer, to count: UInt32) {
    // Safe: at the offset that the layout test pins.
    unsafe entry.address.storeBytes(of: count, toByteOffset: 24, as: UInt32.self)
}

@Suite struct LayoutTests {
    /// What Linux's `struct fuse_backing` becomes.
    struct KernelEntry: ~Copyable {
        var entry: BackingEntry
        var file: UInt
        var credentials: UInt
        var rcuHead: (UInt, UInt)
    }

    @Test func anEntryIs32BytesAndAKernelsIsNoMoreThan64() {
        #expect(MemoryLayout<BackingEntry>.size == 32)
        #expect(MemoryLayout<BackingEntry>.stride == 32)
        #expect(MemoryLayout<BackingEntry>.alignment == 8)
        #expect(MemoryLayout<KernelEntry>.size == 64)
    }

    @Test func fieldsAreWhereCExpectsThem() {
        let table = TestTable(capacity: 2)
        let entry = table.makeEntry()
        let other = table.makeEntry()
        let id: EntryID = 0x1234_5678_9ABC_DEF0
        #expect(table.table.insert(entry, as: .server(id)) == .inserted(id))
        #expect(table.table.insert(other, as: .next) == .inserted(1))
        #expect(table.table.lookup(id) == entry)
        // Safe: within the entry.
        let address = unsafe entry.address
        #expect(unsafe address.load(fromByteOffset: 8, as: UInt64.self) == OrderKey(id, seed: TableSeed(number: 0)).bits)
        #expect(unsafe address.load(fromByteOffset: 16, as: UInt64.self) == id.rawValue)
        #expect(unsafe address.load(fromByteOffset: 24, as: UInt32.self) == 2)
        #expect(unsafe address.load(as: UInt.self) == entry.pointer.pointee.next.load(ordering: .relaxed))
        #expect(entry.next.current() == Link(word: unsafe address.load(as: UInt.self)))
    }

    @Test func aTableJustMadeIs2KiBAndAHeader() {
        #expect(SegmentPointer.firstByteCount == 2048)
        #expect(SegmentPointer.byteCount == 4096)
        #expect(TableStatePointer.byteCount == 208)
        #expect(MemoryLayout<TableState>.size <= TableStatePointer.directoryOffset)
        #expect(MemoryLayout<TableCounts>.size <= TableStatePointer.byteCount - TableStatePointer.countsOffset)
        let table = TestTable(capacity: 0)
        #expect(table.log.segments == 0)
    }

    /// Lookups on other processors would else fetch the header's line anew after each change.
    @Test func aChangeWritesNothingNearWhatLookupsRead() {
        let table = TestTable(capacity: 3000)
        for _ in 0..<2000 { _ = table.table.insert(table.makeEntry(), as: .next) }
        _ = table.table.remove(77)
        // Safe: the header, which nobody else uses.
        func header() -> [UInt8] {
            unsafe Array(UnsafeRawBufferPointer(start: table.table.state.address, count: TableStatePointer.byteCount))
        }
        let before = header()
        // As many as before: the table does not grow.
        #expect(table.table.insert(table.makeEntry(), as: .next) == .inserted(2001))
        let written = zip(before, header()).enumerated().filter { $1.0 != $1.1 }.map(\.offset)
        // The last place of the header that a table of up to 2^21 buckets reads.
        let read = TableStatePointer.directoryOffset + Int(SentinelPath.directory(of: SentinelPath.firstBelowTwo - 1) + 1) * 8
        #expect(!written.isEmpty && written.allSatisfy { $0 >= read + 64 })
    }
}
