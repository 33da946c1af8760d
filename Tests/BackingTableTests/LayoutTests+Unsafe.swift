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
        #expect(TableStatePointer.byteCount <= 256)
        #expect(MemoryLayout<TableState>.size <= TableStatePointer.directoryOffset)
        let table = TestTable(capacity: 0)
        #expect(table.log.segments == 0)
    }
}
