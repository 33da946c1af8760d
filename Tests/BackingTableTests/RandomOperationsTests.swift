// SPDX-License-Identifier: MIT

import BackingTable
import BackingTableTestSupport
import Testing

@Suite struct RandomOperationsTests {
    /// Many random cases against the model; what fails is cut down and printed.
    @Test func theTableDoesWhatTheModelDoes() {
        let seed = environment("SWIFT_FUSE_SEED", default: UInt64.random(in: 0 ... .max))
        let operations = Int(environment("SWIFT_FUSE_OPERATIONS", default: 2_000_000))
        print("random operations: \(operations), SWIFT_FUSE_SEED=\(seed)")
        var generator = SplitMix(state: seed)
        var done = 0
        while done < operations {
            let steps = Self.makeCase(using: &generator)
            done += steps.count
            let tableSeed = generator.next()
            guard let failure = Self.failure(of: steps, seed: tableSeed) else { continue }
            let shortest = shrink(steps) { Self.failure(of: $0, seed: tableSeed) != nil }
            Issue.record(
                """
                SWIFT_FUSE_SEED=\(seed): \(failure). In short, with table seed \(tableSeed): \
                \(Self.failure(of: shortest, seed: tableSeed) ?? "")
                \(shortest.map { "    \($0)" }.joined(separator: "\n"))
                """)
            return
        }
        #expect(done >= operations)
    }

    static func failure(of steps: [Operation], seed: UInt64) -> String? {
        var both = SideBySide(capacity: steps.count, limit: 0x7FFF_FFFF, seed: TableSeed(number: seed))
        for (index, step) in steps.enumerated() {
            if let difference = both.perform(step) { return "step \(index), \(step): \(difference)" }
        }
        return both.wholeDifference()
    }

    /// Few ids that collide all the time, or many that make the table grow; short and long.
    static func makeCase(using generator: inout SplitMix) -> [Operation] {
        let space: UInt64 = [4, 40, 700, 5000, 0x7FFF_FFFF, .max].randomElement(using: &generator)!
        let length = [20, 200, 4000].randomElement(using: &generator)!
        // Out of 100; the rest are lookups.
        let inserts = [20, 35, 60].randomElement(using: &generator)!
        let removals = [5, 20, 35].randomElement(using: &generator)!
        var used: [EntryID] = [.first]
        func id() -> EntryID {
            // From a large space, mostly one that has been used.
            if space > 5000, Int.random(in: 0..<4, using: &generator) > 0 { return used.randomElement(using: &generator)! }
            let id = EntryID(UInt64.random(in: 1...space, using: &generator))!
            if used.count < 2000 { used.append(id) }
            return id
        }
        return (0..<length).map { _ in
            let kind = Int.random(in: 0..<100, using: &generator)
            if kind < inserts { return kind % 2 == 0 ? .insertNext : .insertServer(id()) }
            if kind < inserts + removals { return .remove(id()) }
            switch Int.random(in: 0..<200, using: &generator) {
            case 0: return .setCandidate(EntryID(UInt64(0x7FFF_FFFF - Int.random(in: 0..<4, using: &generator)))!)
            case 1: return .setCandidate(id())
            case 2: return .setLimit(UInt32.random(in: 0...8, using: &generator))
            case 3...5: return .setLimit(0x7FFF_FFFF)
            case 6: return .setMemory(false)
            case 7...9: return .setMemory(true)
            case 10..<60: return .open(id())
            case 60..<110: return .close(Int.random(in: 0..<1000, using: &generator))
            default: return .lookup(id())
            }
        }
    }

    /// The shrinking itself: two steps in this order are what it takes to fail, and are what is left.
    @Test func aFailingCaseBecomesShort() {
        var generator = SplitMix(state: 5)
        let noise = (0..<4).flatMap { _ in Self.makeCase(using: &generator) }
        let first = Operation.insertServer(0x1234_5678)
        let second = Operation.remove(0x1234_5678)
        let steps = noise + [first] + noise + [second] + noise
        let shortest = shrink(steps) { candidate in
            guard let index = candidate.firstIndex(of: first) else { return false }
            return candidate[index...].contains(second)
        }
        #expect(shortest == [first, second])
    }

    /// The model notices what it is there to notice.
    @Test func aTableThatDiffersFailsAndShrinks() {
        let steps: [Operation] = [.insertNext, .insertServer(9), .lookup(9), .remove(1), .insertNext, .remove(2), .lookup(9)]
        func fails(_ steps: [Operation]) -> Bool {
            var both = SideBySide(capacity: 10, limit: 100, seed: TableSeed(number: 0))
            for step in steps {
                if both.perform(step) != nil { return true }
                // Behind the model's back.
                if step == .remove(1), let entry = both.table.table.remove(9) { both.table.table.release(entry) }
            }
            return false
        }
        #expect(fails(steps))
        // Any step after these two shows that there is one live id less.
        let shortest = shrink(steps, fails: fails)
        #expect(shortest.count == 3)
        #expect(shortest.prefix(2) == [.insertServer(9), .remove(1)])
    }
}
