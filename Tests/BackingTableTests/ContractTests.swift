// SPDX-License-Identifier: MIT

import BackingTable
import BackingTableTestSupport
import Testing

/// The rows of the contract that are the table's, by name. (Those about the caller and its descriptor are the kernel's.)
@Suite struct ContractTests {
    @Test func theFirstIDIs1() {
        let table = TestTable(capacity: 2)
        #expect(table.table.insert(table.makeEntry(), as: .next) == .inserted(1))
        #expect(table.table.insert(table.makeEntry(), as: .next) == .inserted(2))
    }

    @Test func kernelAllocatedIDsAreCyclic() {
        let table = TestTable(capacity: 10)
        for number: UInt64 in 1...10 {
            let answer = table.table.insert(table.makeEntry(), as: .next)
            #expect(answer == .inserted(EntryID(number)!), "not the id that was just freed, but the next")
            if let entry = table.table.remove(EntryID(number)!) { table.table.release(entry) }
        }
    }

    @Test func theCounterWrapsFromInt32MaxTo1() {
        let table = TestTable(capacity: 4, candidate: 0x7FFF_FFFE)
        #expect(table.table.insert(table.makeEntry(), as: .next) == .inserted(0x7FFF_FFFE))
        #expect(table.table.insert(table.makeEntry(), as: .next) == .inserted(0x7FFF_FFFF))
        #expect(table.table.insert(table.makeEntry(), as: .next) == .inserted(1))
        #expect(table.table.insert(table.makeEntry(), as: .next) == .inserted(2))
    }

    @Test func theCounterCanBeSet() {
        let table = TestTable(capacity: 2)
        table.table.state.candidate = .maxNarrow
        #expect(table.table.insert(table.makeEntry(), as: .next) == .inserted(.maxNarrow))
        #expect(table.table.insert(table.makeEntry(), as: .next) == .inserted(1))
    }

    @Test func aLiveCandidateIsOneProbeAndAgain() {
        let table = TestTable(capacity: 16)
        for id: EntryID in [1, 2, 3] {
            #expect(table.table.insert(table.makeEntry(), as: .server(id)) == .inserted(id))
        }
        // Each try steps the counter by one, and takes the lock once.
        for candidate: EntryID in [1, 2, 3] {
            #expect(table.table.state.candidate == candidate)
            let locks = table.log.lockCount
            #expect(table.table.insert(table.makeEntry(), as: .next) == .again)
            #expect(table.log.lockCount == locks + 1)
        }
        #expect(table.table.insert(table.makeEntry(), as: .next) == .inserted(4))
    }

    @Test func aLiveCandidateAtTheWrapIsOneProbeToo() {
        let table = TestTable(capacity: 16, candidate: .maxNarrow)
        #expect(table.table.insert(table.makeEntry(), as: .server(.maxNarrow)) == .inserted(.maxNarrow))
        #expect(table.table.insert(table.makeEntry(), as: .next) == .again)
        #expect(table.table.insert(table.makeEntry(), as: .next) == .inserted(1))
    }

    @Test func fullByTheLiveCount() {
        let table = TestTable(capacity: 16, limit: 3)
        for id: EntryID in [1, 2, 3] {
            #expect(table.table.insert(table.makeEntry(), as: .next) == .inserted(id))
        }
        #expect(table.table.insert(table.makeEntry(), as: .next) == .full)
        #expect(table.table.insert(table.makeEntry(), as: .server(9)) == .full)
        #expect(table.table.insert(table.makeEntry(), as: .server(2)) == .full, "checked before whether the id is live")
        #expect(table.table.state.candidate == 4, "nothing changed")
        if let removed = table.table.remove(2) { table.table.release(removed) }
        #expect(table.table.insert(table.makeEntry(), as: .next) == .inserted(4))
        #expect(table.table.state.liveCount == 3)
    }

    @Test func aServerChosenIDIsThatID() {
        let table = TestTable(capacity: 3)
        for id: EntryID in [0x7FFF_FFFF, 1, 0x4000_0000] {
            #expect(table.table.insert(table.makeEntry(), as: .server(id)) == .inserted(id))
        }
        #expect(table.table.state.candidate == 1, "the counter is not the server's")
    }

    @Test func aLiveServerIDExistsAndNothingChanges() {
        let table = TestTable(capacity: 2)
        let first = table.makeEntry()
        #expect(table.table.insert(first, as: .server(7)) == .inserted(7))
        #expect(table.table.insert(table.makeEntry(), as: .server(7)) == .exists)
        #expect(table.table.state.liveCount == 1)
        #expect(table.table.state.candidate == 1)
        #expect(table.table.lookup(7) == first)
        table.table.release(first)
    }

    /// By their type, since a literal would be taken for an id that is known to be one.
    static let numbers: [UInt64] = [0, 1, 0x7FFF_FFFF, 0x8000_0000, 1 << 32, (1 << 32) + 1, .max]

    @Test func narrowIDsAre1ToInt32Max() {
        #expect(Self.numbers.map { EntryID(narrow: $0) } == [nil, .first, .maxNarrow, nil, nil, nil, nil])
    }

    @Test func idsAreAnyOf64BitsBut0() {
        #expect(Self.numbers.map { EntryID($0)?.rawValue ?? 0 } == Self.numbers)
        let table = TestTable(capacity: Self.numbers.count)
        for id in Self.numbers.compactMap({ EntryID($0) }) {
            #expect(table.table.insert(table.makeEntry(), as: .server(id)) == .inserted(id))
            #expect(table.table.lookup(id)?.id == id)
        }
        // They are told apart by their upper halves.
        #expect(table.table.lookup(0x1_7FFF_FFFF) == nil)
        #expect(table.table.remove(0x1_0000_0001)?.id == nil)
        #expect(table.table.lookup(0x1_0000_0001) == nil)
        #expect(table.table.lookup(1)?.id == 1)
        #expect(table.table.state.candidate == 1, "the counter is not the server's")
    }

    /// The counter is there for dialects of 32 bits: whatever it was set to, it goes on from 1.
    @Test func theCounterHandsOutNoWideIDs() {
        let table = TestTable(capacity: 2, candidate: 0x8000_0000)
        table.table.state.skipCandidate()
        #expect(table.table.insert(table.makeEntry(), as: .next) == .inserted(1))
    }

    @Test func bothWaysOfChoosingInOneTable() {
        let table = TestTable(capacity: 16)
        #expect(table.table.insert(table.makeEntry(), as: .next) == .inserted(1))
        #expect(table.table.insert(table.makeEntry(), as: .server(2)) == .inserted(2))
        #expect(table.table.insert(table.makeEntry(), as: .server(1)) == .exists)
        #expect(table.table.insert(table.makeEntry(), as: .next) == .again)
        #expect(table.table.insert(table.makeEntry(), as: .next) == .inserted(3))
    }

    @Test func removalMakesAnonymousAtOnceAndFreesTheID() {
        let table = TestTable(capacity: 2)
        let entry = table.makeEntry()
        #expect(table.table.insert(entry, as: .server(5)) == .inserted(5))
        // An open file.
        #expect(table.table.lookup(5) == entry)
        #expect(entry.referenceCount == 2)
        #expect(entry.id == 5)

        #expect(table.table.remove(5) == entry)
        #expect(entry.id == nil)
        #expect(table.table.lookup(5) == nil)
        #expect(table.table.remove(5) == nil)
        #expect(table.table.state.liveCount == 0)

        let other = table.makeEntry()
        #expect(table.table.insert(other, as: .server(5)) == .inserted(5))
        #expect(entry.id == nil && other.id == 5)
        #expect(table.log.retired.isEmpty)
        table.table.release(entry)
        #expect(table.log.retired.isEmpty, "the open file has it still")
        table.table.release(entry)
        #expect(table.log.retired == [entry])
    }

    @Test func noReferenceIsTakenFromZero() {
        let table = TestTable(capacity: 1)
        let entry = table.makeEntry()
        #expect(table.table.insert(entry, as: .next) == .inserted(1))
        // As if its last owner had gone while a reader stood on it.
        table.table.release(entry)
        #expect(table.log.retired == [entry])
        #expect(table.table.lookup(1) == nil)
        #expect(entry.referenceCount == 0)
        #expect(table.table.remove(1) == entry)
    }

    @Test func aTableTakesMemoryOnlyBySegmentsAndOnlyWhenItGrows() {
        let table = TestTable(capacity: 2000)
        for _ in 0..<256 { _ = table.table.insert(table.makeEntry(), as: .next) }
        #expect(table.log.segments == 0, "256 buckets are in its first 2 KiB")
        while table.table.state.bucketCount < 2000 { _ = table.table.insert(table.makeEntry(), as: .next) }
        // One for the buckets 256 to 511, one for those to 1023, and two with a directory for those to 2047.
        #expect(table.log.segments == 5)
        #expect(table.log.mistakes == 0)
    }

    @Test func withoutMemoryNothingChanges() {
        let table = TestTable(capacity: 600)
        table.log.segmentsLeft = 0
        for id: UInt64 in 1...256 {
            #expect(table.table.insert(table.makeEntry(), as: .next) == .inserted(EntryID(id)!))
        }
        #expect(table.table.insert(table.makeEntry(), as: .next) == .needsMemory)
        #expect(table.table.insert(table.makeEntry(), as: .server(9999)) == .needsMemory)
        #expect(table.table.insert(table.makeEntry(), as: .server(3)) == .needsMemory, "checked before the id is")
        #expect(table.table.state.candidate == 257)
        #expect(table.table.state.liveCount == 256)
        for id: UInt64 in 1...256 { #expect(table.table.lookup(EntryID(id)!) != nil) }
        // Below what it was, it needs none.
        if let removed = table.table.remove(100) { table.table.release(removed) }
        #expect(table.table.insert(table.makeEntry(), as: .next) == .inserted(257))
        table.log.segmentsLeft = 1
        #expect(table.table.insert(table.makeEntry(), as: .next) == .inserted(258))
    }

    @Test func aSpareSegmentThatIsNotNeededIsGivenBack() {
        let table = TestTable(capacity: 300)
        var spare: SegmentPointer? = table.table.host.allocateSegment()
        table.table.host.lock()
        #expect(table.table.insertLocked(table.makeEntry(), as: .next, spare: &spare) == .inserted(1))
        table.table.host.unlock()
        #expect(spare != nil)
        if let spare { table.table.host.freeSegment(spare) }
    }

    @Test func aCountThatWouldOverflowSticks() {
        let table = TestTable(capacity: 1)
        let entry = table.makeEntry()
        #expect(table.table.insert(entry, as: .next) == .inserted(1))
        setReferenceCount(of: entry, to: 0x7FFF_FFFE)
        #expect(table.table.lookup(1) == entry)
        #expect(entry.referenceCount == 0x7FFF_FFFF)
        #expect(table.table.lookup(1) == entry)
        let stuck = entry.referenceCount
        #expect(stuck > 0x8000_0000)
        table.table.release(entry)
        table.table.retain(entry)
        #expect(entry.referenceCount == stuck)
        #expect(table.log.retired.isEmpty)
    }

    @Test func dismantlingDropsTheTablesReferencesAndNoOthers() {
        let table = TestTable(capacity: 3000)
        var entries: [EntryPointer] = []
        for _ in 0..<3000 {
            entries.append(table.makeEntry())
            _ = table.table.insert(entries.last!, as: .next)
        }
        #expect(table.table.lookup(77) == entries[76])
        #expect(table.table.dismantle() == 1)
        #expect(table.log.segments == table.log.freedSegments)
        #expect(table.log.retired.count == 2999)
        #expect(!table.log.retired.contains(entries[76]))
        #expect(entries.allSatisfy { $0.id == nil })
        table.table.release(entries[76])
        #expect(table.log.retired.last == entries[76])
    }
}
