// SPDX-License-Identifier: MIT

@testable import BackingTable
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
        /// How many tables it is of.
        var tables = 1

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

        mutating func add(_ other: Measurement) {
            mostLockedSteps = max(mostLockedSteps, other.mostLockedSteps)
            chain += other.chain
            mostChain = max(mostChain, other.mostChain)
            directory += other.directory
            mostDirectory = max(mostDirectory, other.mostDirectory)
            found += other.found
            tables += other.tables
        }

        static let header = """
            shape                        ids  locked:    chain:           directory:
                                                  most     mean     most       mean     most
            """
    }

    /// Grows a table id by id, and looks up each of the live ids whenever it has reached one of the sizes.
    ///
    /// The bound on steps is one in expectation, over the draw of the seed, and a few hundred ids are too few for one table to
    /// come near it: what is said of the smallest size is of as many tables as there are `seeds`, all steps together.
    static func grow(
        _ shape: String, sizes: [Int] = sizes, seed: UInt64 = 0, seeds: UInt64 = 16, capacity: Int? = nil,
        insert: (TestTable, _ step: Int) -> EntryID?, remove: (_ step: Int) -> Int? = { _ in nil }
    ) -> [Measurement] {
        var results = growOne(shape, sizes: sizes, seed: TableSeed(number: seed), capacity: capacity, insert: insert, remove: remove)
        guard sizes[0] <= Self.sizes[0] else { return results }
        for other in 1..<seeds {
            let small = growOne(
                shape, sizes: [sizes[0]], seed: TableSeed(number: seed + 1000 * other), capacity: capacity, insert: insert,
                remove: remove)[0]
            results[0].add(small)
        }
        return results
    }

    private static func growOne(
        _ shape: String, sizes: [Int], seed: TableSeed, capacity: Int?,
        insert: (TestTable, _ step: Int) -> EntryID?, remove: (_ step: Int) -> Int?
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
            #expect(result.found == result.tables * result.size, "\(result.shape): every live id is found")
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

    /// Every stride 2^k and 3*2^k for which there are as many ids as the smallest size, or some of them.
    static let shifts = isFull ? Array(0..<55) : Array(Swift.stride(from: 1, to: 55, by: 6))

    @Test(arguments: [1, 3] as [UInt64], shifts)
    func stride(factor: UInt64, shift: Int) {
        let step = factor << UInt64(shift)
        let most = Int(min(UInt64.max / step, UInt64(Self.sizes.last!)))
        let limit = Self.isFull || shift == 13 ? most : min(most, 65_536)
        let sizes = Self.sizes.filter { $0 < limit } + [limit]
        Self.check(
            Self.grow("stride \(factor == 1 ? "" : "\(factor)*")2^\(shift)", sizes: sizes) { table, count in
                Self.put(EntryID(UInt64(count + 1) * step)!, in: table)
            })
    }

    /// Server ids that are drawn at random, of 31 bits and of 64, under several seeds of the mixing.
    @Test(arguments: [31, 64])
    func random(bits: UInt64) {
        for seed: UInt64 in Self.isFull ? [0, 1, 2] : [0] {
            Self.check(
                Self.grow("random, \(bits) bits, seed \(seed)", seed: seed, capacity: Self.sizes.last! + 4096) { table, step in
                    var generator = SplitMix(state: UInt64(step) << 8 | seed)
                    return EntryID(generator.next() >> (64 - bits)).flatMap { Self.put($0, in: table) }
                })
        }
    }

    /// What somebody chooses who knows the mixing, and not the seed: ids that would be in one bucket under seeds of their own.
    ///
    /// For that somebody's seeds see that it is one bucket; for the table's it is as good as any other choice.
    @Test func adversarialWithoutTheSeed() {
        let sizes = [256, 65_536]
        for guess: UInt64 in 100..<104 {
            let seed = TableSeed(number: guess)
            Self.check(
                Self.grow("adversary, wrong seed \(guess)", sizes: sizes) { table, count in
                    let key = OrderKey(bits: UInt64(count + 1) << 31 | 5)
                    return Self.put(EntryID(MixingTests.unmix(key, seed: seed))!, in: table)
                })
        }
        // Ids that differ in their upper bits alone, which products do not bring down.
        Self.check(
            Self.grow("adversary, upper bits", sizes: sizes) { table, count in
                Self.put(EntryID(UInt64(count) << 47 | 1)!, in: table)
            })
    }

    /// What nothing helps against, shown so that it is known: with the seed, each id is in one bucket with all others, and steps
    /// are as many as ids.
    @Test func adversarialWithTheSeed() {
        let table = TestTable(capacity: 4096)
        let seed = TableSeed(number: 0)
        var ids: [EntryID] = []
        for count: UInt64 in 1...4096 {
            let key = OrderKey(bits: count << 31 | 5)
            ids.append(EntryID(MixingTests.unmix(key, seed: seed))!)
            #expect(Self.put(ids.last!, in: table) != nil)
        }
        let most = ids.compactMap { table.stepsToFind($0)?.chain }.max()!
        print("with the seed, 4096 ids of one bucket: \(table.log.mostLockedSteps) steps under the lock, \(most) for a lookup")
        #expect(most >= 4096, "no promise here")
    }
}
