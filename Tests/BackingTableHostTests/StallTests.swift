// SPDX-License-Identifier: MIT

import BackingTable
import BackingTableTestSupport
import Testing

@testable import BackingTableHost

/// What happens when a thread stops in the middle of an operation, and stays there.
@Suite struct StallTests {
    let ledger = Ledger()
    let memory = TestMemory(pages: 1 << 15)

    func makeMap(maximumGarbage: Int = 1 << 20) throws -> BackingFileMap<Payload> {
        var configuration = MapConfiguration()
        configuration.memory = memory.memory
        configuration.maximumGarbage = maximumGarbage
        return try BackingFileMap<Payload>(configuration)
    }

    @Test func aStalledReaderStopsNoWriter() throws {
        let map = try makeMap()
        for number in 1...10 { _ = try map.insert(Payload(number, in: ledger), as: .server(EntryID(UInt64(number))!)) }
        map.stallingReader {
            concurrently(
                (0..<2).map { thread in
                    { [ledger] in
                        for round in 1...2000 {
                            let id = EntryID(UInt64(1000 + thread * 10_000 + round))!
                            do {
                                _ = try map.insert(Payload(round, in: ledger), as: .server(id))
                                _ = map.lookup(id)
                            } catch { Issue.record(error) }
                            #expect(map.removes(id))
                        }
                    }
                })
            #expect(map.count == 10)
            #expect(ledger.alive == 10, "payloads end at once")
            #expect(map.garbageCount == 4000, "the reader may be standing on any of their entries")
            #expect(memory.handedBack[.entry] == nil)
        }
        map.collectGarbage()
        #expect(map.garbageCount == 0)
        #expect(memory.handedBack[.entry] == 4000)
    }

    @Test func aStalledWriterStopsNoReader() throws {
        let map = try makeMap()
        for number in 1...300 { _ = try map.insert(Payload(number, in: ledger)) }
        var open = map.lookup(7)
        _ = map.remove(7)
        map.stallingWriter {
            concurrently(
                (0..<2).map { _ in
                    {
                        for number in 8...300 {
                            #expect(map.number(EntryID(UInt64(number))!) == number)
                        }
                        #expect(!map.finds(7))
                    }
                })
            // Dropping the last reference takes no lock either.
            #expect(ledger.ended(7) == 0)
            open = nil
            #expect(ledger.ended(7) == 1)
            map.collectGarbage()
            #expect(map.garbageCount == 0)
        }
        check(isNone(open))
    }

    @Test func garbageIsBoundedWhenAReaderNeverGoesOn() throws {
        let map = try makeMap(maximumGarbage: 100)
        for number in 1...50 { _ = try map.insert(Payload(number, in: ledger)) }
        var inserted = 0
        map.stallingReader {
            // As many as there may be, or too many.
            while inserted < 1000, let id = try? map.insert(Payload(1000 + inserted, in: ledger)) {
                inserted += 1
                _ = map.remove(id)
            }
            #expect(inserted == 100)
            #expect(throws: InsertionRefusal.noMemory) { try map.insert(Payload(1, in: ledger)) }
            #expect(map.finds(50), "lookups go on")
            for number in 1...50 {
                #expect(map.removes(EntryID(UInt64(number))!), "removals go on")
            }
            #expect(map.garbageCount == 150, "the limit, and what was in the map")
            #expect(ledger.alive == 0)
        }
        // One insertion is enough to have it handed back.
        #expect(throws: Never.self) { try map.insert(Payload(1, in: ledger)) }
        #expect(map.garbageCount == 0)
    }

    @Test func garbageIsHandedBackByTheWay() throws {
        let map = try makeMap()
        for number in 1...1000 {
            let id = try map.insert(Payload(number, in: ledger))
            _ = map.remove(id)
            #expect(map.garbageCount < GracePeriods.collectionInterval)
        }
    }

    /// Sections that overlap, in either set of counters: what was retired before one began waits for no other, and what
    /// was retired while it was open waits for it.
    @Test func aGracePeriodWaitsForEachReaderThatCouldKnow() throws {
        let map = try makeMap()
        let host = map.table.host
        for round in 0..<6 {
            for number in 1...4 { _ = try map.insert(Payload(number, in: ledger), as: .server(EntryID(UInt64(number))!)) }
            let before = memory.handedBack[.entry] ?? 0
            func handedBack() -> Int {
                map.collectGarbage()
                return (memory.handedBack[.entry] ?? 0) - before
            }
            let first = host.beginRead()
            _ = map.remove(1)
            #expect(handedBack() == 0)
            let second = host.beginRead()
            _ = map.remove(2)
            #expect(handedBack() == 0)
            host.endRead(first)
            _ = map.remove(3)
            #expect(handedBack() <= 1, "the second reader can know the second and the third")
            let third = host.beginRead()
            #expect(handedBack() <= 1)
            host.endRead(second)
            _ = map.remove(4)
            #expect(handedBack() <= 3, "the third can know the fourth")
            host.endRead(third)
            #expect(handedBack() == 4, "round \(round)")
        }
    }

    /// A reader that has chosen its set and stalls before it counts itself may end up in the set that is not current:
    /// whichever it is in, nothing that it can know is handed back.
    @Test(arguments: [0, 1])
    func aReaderInEitherSetIsWaitedFor(set: Int) throws {
        let map = try makeMap()
        let periods = unsafe map.table.host.state
        for _ in 0..<4 {
            let id = try map.insert(Payload(1, in: ledger))
            let section = unsafe periods.pointee.gracePeriods.begin(set: set)
            _ = map.remove(id)
            map.collectGarbage()
            map.collectGarbage()
            #expect(map.garbageCount == 1)
            map.table.host.endRead(section)
            map.collectGarbage()
            #expect(map.garbageCount == 0)
        }
    }
}
