// SPDX-License-Identifier: MIT

import BackingTable
import BackingTableHost
import BackingTableTestSupport
import Synchronization
import Testing

/// Lookups, insertions, removals and growth on several threads at once. What goes wrong shows as a payload under another
/// id, as one that ends twice or never, as a trap on memory that was handed back, or to the sanitizers.
@Suite(.serialized)
struct StressTests {
    static let operations = Int(environment("SWIFT_FUSE_STRESS", default: 60_000))

    @Test(arguments: [0, 1 << 14])
    func readersAndWritersAtOnce(pages: Int) throws {
        let ledger = Ledger()
        let memory = TestMemory(pages: pages)
        let wrong = Atomic<Int>(0)
        let found = Atomic<Int>(0)
        do {
            var configuration = MapConfiguration()
            configuration.memory = memory.memory
            // A reader may be stopped within a section, and what is retired meanwhile has to fit beside what is live.
            if pages > 0 { configuration.maximumGarbage = pages / 2 }
            let map = try BackingFileMap<Payload>(configuration)
            // Always there: no lookup may miss them, whatever goes on around.
            let steady = (1...64).map { EntryID(UInt64($0 * 1001))! }
            for id in steady { _ = try map.insert(Payload(Int(id.rawValue), in: ledger), as: .server(id)) }

            let writer: @Sendable (Int) -> Void = { thread in
                var generator = SplitMix(state: UInt64(thread))
                for _ in 0..<StressTests.operations {
                    // Never an id of the steady ones.
                    let id = EntryID(UInt64.random(in: 1...200, using: &generator))!
                    if Bool.random(using: &generator) {
                        _ = try? map.insert(Payload(Int(id.rawValue), in: ledger), as: .server(id))
                    } else if let removed = map.remove(id) {
                        if removed.withPayload({ $0.number }) != Int(id.rawValue) || removed.id != nil {
                            wrong.wrappingAdd(1, ordering: .relaxed)
                        }
                    }
                }
            }
            let reader: @Sendable (Int) -> Void = { thread in
                var generator = SplitMix(state: UInt64(100 + thread))
                for round in 0..<StressTests.operations {
                    let id = steady[round % steady.count]
                    if map.number(id) != Int(id.rawValue) {
                        wrong.wrappingAdd(1, ordering: .relaxed)
                    }
                    let other = EntryID(UInt64.random(in: 1...200, using: &generator))!
                    guard let open = map.lookup(other) else { continue }
                    found.wrappingAdd(1, ordering: .relaxed)
                    if open.withPayload({ $0.number }) != Int(other.rawValue) { wrong.wrappingAdd(1, ordering: .relaxed) }
                    // While the reference is there the id is the one that was asked for, or none.
                    if let shown = open.id, shown != other { wrong.wrappingAdd(1, ordering: .relaxed) }
                }
            }
            // Grows the table past the first segments, in the midst of the others.
            let grower: @Sendable () -> Void = {
                for number in 0..<min(StressTests.operations / 20, 6000) {
                    let id = EntryID(UInt64(1_000_000 + number))!
                    _ = try? map.insert(Payload(Int(id.rawValue), in: ledger), as: .server(id))
                }
            }
            concurrently([{ writer(1) }, { writer(2) }, { reader(1) }, { reader(2) }, grower])

            #expect(wrong.load(ordering: .relaxed) == 0)
            #expect(found.load(ordering: .relaxed) > 0)
            #expect(ledger.alive == map.count, "each payload that is not in the map has ended")
            for id in steady { #expect(map.finds(id)) }
        }
        #expect(ledger.alive == 0)
        #expect(memory.allocated == memory.handedBack)
    }

    /// Two threads let the counter choose: no id is given out twice.
    @Test func noIDIsGivenOutTwice() throws {
        let map = try BackingFileMap<Int>()
        let ids = Locked<[EntryID]>([])
        concurrently(
            (0..<4).map { thread in
                {
                    let mine = (0..<StressTests.operations / 20).compactMap { _ in try? map.insert(thread) }
                    ids.withLock { $0 += mine }
                }
            })
        let all = ids.withLock { $0 }
        #expect(Set(all).count == all.count)
        #expect(all.count == map.count)
        #expect(all.map(\.rawValue).max() == UInt64(all.count), "one after the other, from 1")
    }
}
