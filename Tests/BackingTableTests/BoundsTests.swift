// SPDX-License-Identifier: MIT

import BackingTable
import BackingTableTestSupport
import Testing

/// Steps are counted here, not timed. A step is one pointer followed: along a chain (sentinels of other buckets included),
/// or through a directory of segments. For lookups the two are shown apart: the way through the directories is a
/// function of the number of buckets, what hashing is about is the chain.
@Suite(.serialized)
struct BoundsTests {
    /// Whether each stride goes to a million (that of the optimised build does, see Scripts/bounds), or only some do.
    static let isFull = environment("SWIFT_FUSE_BOUNDS_FULL", default: 0) != 0

    static let sizes = [256, 65_536, 1_048_576]

    /// What a table holds when it has grown to a size, and what the way there was.
    struct Measurement: CustomStringConvertible {
        var shape: String
        var size: Int
        var mostLockedSteps = 0
        var chain = 0
        var mostChain = 0
        var directory = 0
        var mostDirectory = 0
        var found = 0

        var mean: Double { Double(chain) / Double(found) }

        var description: String {
            func pad(_ text: String, _ width: Int) -> String {
                String(repeating: " ", count: max(0, width - text.count)) + text
            }
            func decimals(_ value: Double) -> String {
                let hundredths = Int((value * 100).rounded())
                return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
            }
            return shape + String(repeating: " ", count: max(0, 24 - shape.count)) + pad("\(size)", 9)
                + pad("\(mostLockedSteps)", 10) + pad(decimals(mean), 9) + pad("\(mostChain)", 9)
                + pad(decimals(Double(directory) / Double(found)), 11) + pad("\(mostDirectory)", 9)
        }

        static let header = """
            shape                        ids  locked:    chain:           directory:
                                                  most     mean     most       mean     most
            """
    }

    /// Grows a table id by id, and looks up each of the live ids whenever it has reached one of the sizes.
    static func grow(
        _ shape: String, sizes: [Int] = sizes, seed: UInt32 = 0, capacity: Int? = nil,
        insert: (TestTable, _ step: Int) -> EntryID?, remove: (_ step: Int) -> Int? = { _ in nil }
    ) -> [Measurement] {
        let table = TestTable(capacity: capacity ?? sizes.last!, seed: seed)
        var live: [EntryID?] = []
        var results: [Measurement] = []
        var step = 0
        for size in sizes {
            // No use in going on from where the bound is broken many times over: it would take hours.
            while table.table.state.liveCount < size, table.log.mostLockedSteps < 1000 {
                if let id = insert(table, step) { live.append(id) }
                if let index = remove(step), let id = live[index], let entry = table.table.remove(id) {
                    live[index] = nil
                    table.table.release(entry)
                }
                step += 1
            }
            var result = Measurement(shape: shape, size: size)
            result.mostLockedSteps = table.log.mostLockedSteps
            for case let id? in live {
                guard let steps = table.stepsToFind(id) else { continue }
                result.found += 1
                result.chain += steps.chain
                result.mostChain = max(result.mostChain, steps.chain)
                result.directory += steps.directory
                result.mostDirectory = max(result.mostDirectory, steps.directory)
            }
            results.append(result)
        }
        #expect(table.log.mistakes == 0)
        return results
    }

    static func put(_ id: EntryID, in table: TestTable) -> EntryID? {
        let answer = table.table.insert(table.makeEntry(), as: .server(id))
        return answer == .inserted(id) ? id : nil
    }

    static func check(_ results: [Measurement]) {
        for result in results {
            print(result)
            #expect(result.found == result.size, "\(result.shape): every live id is found")
            #expect(result.mostLockedSteps <= 64, "\(result.shape) at \(result.size)")
            #expect(result.mean <= 2, "\(result.shape) at \(result.size)")
        }
    }

    @Test func dense() {
        print(Measurement.header)
        Self.check(
            Self.grow("dense") { table, _ in
                guard case .inserted(let id) = table.table.insert(table.makeEntry(), as: .next) else { return nil }
                return id
            })
    }

    /// The counter goes on and on; of every four files that were opened three are closed again, so that the survivors are
    /// few and far between.
    @Test func cyclicWithSurvivors() {
        Self.check(
            Self.grow(
                "cyclic, survivors", capacity: 4 * Self.sizes.last! + 64,
                insert: { table, _ in
                    guard case .inserted(let id) = table.table.insert(table.makeEntry(), as: .next) else { return nil }
                    return id
                },
                remove: { step in step >= 16 && step % 4 != 0 ? step - 16 : nil }))
    }

    @Test(arguments: 0..<31)
    func stride(shift: Int) {
        let most = min((1 << 31) / (1 << shift) - 1, Self.sizes.last!)
        let limit = Self.isFull || shift % 10 == 1 ? most : min(most, 65_536)
        let sizes = Self.sizes.filter { $0 < limit } + [limit]
        Self.check(
            Self.grow("stride 2^\(shift)", sizes: sizes) { table, step in
                Self.put(EntryID(UInt64(step + 1) << UInt64(shift))!, in: table)
            })
    }

    /// Server ids that are drawn at random, under several seeds of the mixing.
    @Test func random() {
        for seed: UInt32 in Self.isFull ? [0, 0x9E37_79B9, 0xFFFF_FFFF] : [0] {
            var generator = SplitMix(state: UInt64(seed) + 1)
            Self.check(
                Self.grow("random, seed \(String(seed, radix: 16))", seed: seed, capacity: Self.sizes.last! + 4096) { table, _ in
                    let number = generator.next() & 0x7FFF_FFFF
                    return EntryID(number).flatMap { Self.put($0, in: table) }
                })
        }
    }
}
