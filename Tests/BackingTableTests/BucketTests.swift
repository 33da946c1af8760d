// SPDX-License-Identifier: MIT

@testable import BackingTable
import BackingTableTestSupport
import Testing

/// The arithmetic of buckets and keys.
@Suite struct BucketTests {
    static let counts: [UInt32] = Array(1...1100) + [65_535, 65_536, 65_537, 1 << 20, (1 << 20) + 12_345, 1 << 30, (1 << 31) - 1]

    @Test func numbersAndKeysNameTheSameBuckets() {
        for number in Array(0..<5000) + [1 << 20, (1 << 29) + 77, (1 << 31) - 1] as [UInt32] {
            let bucket = BucketKey(number: number)
            #expect(bucket.number == number)
            #expect(bucket.bits & 1 == 0, "the bit that tells sentinels from entries")
        }
    }

    /// For every count: a key's bucket is the last one that begins at or before it.
    @Test func aKeyIsInTheBucketThatBeginsLastBeforeIt() {
        var generator = SplitMix(state: 11)
        for count in Self.counts.prefix(600) {
            let starts = (0..<count).map { BucketKey(number: $0).bits }.sorted()
            #expect(Set(starts).count == Int(count))
            for _ in 0..<20 {
                var keys = [UInt32(truncatingIfNeeded: generator.next()), 0, .max]
                keys.append(starts.randomElement(using: &generator)!)
                keys.append(keys[3] &- 1)
                for key in keys {
                    let expected = starts.last { $0 <= key }
                    #expect(BucketKey(of: OrderKey(bits: key), count: count).bits == expected)
                }
            }
        }
    }

    @Test func aKeysBucketIsOneThatIsThere() {
        var generator = SplitMix(state: 12)
        for count in Self.counts {
            for _ in 0..<50 {
                let key = OrderKey(bits: UInt32(truncatingIfNeeded: generator.next()))
                let bucket = BucketKey(of: key, count: count)
                #expect(bucket.number < count)
                #expect(bucket <= key)
            }
        }
    }

    /// What is cut is the bucket that the new one's first key was in.
    @Test func aNewBucketIsCutFromItsParent() {
        for count in Self.counts where count < (1 << 31) - 1 {
            let added = BucketKey(number: count)
            #expect(added.parent == BucketKey(of: OrderKey(bits: added.bits), count: count))
            #expect(added == BucketKey(of: OrderKey(bits: added.bits), count: count + 1))
        }
    }

    @Test func theWayToASentinelIsItsOwn() {
        struct Place: Hashable {
            var level, storeys, word: UInt32
            var turns: [UInt32]
        }
        var places: Set<Place> = []
        let numbers = Array(256..<70_000) + [1 << 19, (1 << 19) + 512, 1 << 28, (1 << 28) + (1 << 27), (1 << 31) - 1] as [UInt32]
        for number in numbers {
            let path = SentinelPath(number: number)
            let turns = (0..<path.storeys).map { path.turn(at: $0 + 1) }
            #expect(path.level >= 8 && path.level <= 30 && path.word < 512 && turns.allSatisfy { $0 < 512 })
            #expect(UInt64(path.offset) < UInt64(512) << (9 * UInt64(path.storeys)), "the storeys reach as far")
            places.insert(Place(level: path.level, storeys: path.storeys, word: path.word, turns: turns))
        }
        #expect(places.count == numbers.count)
    }

    /// Undoing each step of the mixing gives the id back: no two ids share a key.
    @Test func mixingIsABijection() {
        func inverse(of factor: UInt32) -> UInt32 {
            // Newton's iteration: each round doubles the number of right bits, beginning with three.
            var result = factor
            for _ in 0..<4 { result = result &* (2 &- factor &* result) }
            return result
        }
        func unshift(_ value: UInt32, _ distance: UInt32) -> UInt32 {
            var result = value
            for _ in 0..<3 { result = value ^ (result >> distance) }
            return result
        }
        func unmix(_ key: UInt32, seed: UInt32) -> UInt32 {
            let second = unshift(key, 16) &* inverse(of: 0x846C_A68B)
            let first = unshift(second, 15) &* inverse(of: 0x7FEB_352D)
            return unshift(first, 16) ^ seed
        }
        #expect(inverse(of: 0x7FEB_352D) &* 0x7FEB_352D == 1)
        var generator = SplitMix(state: 13)
        var wrong = 0
        for round in 0..<200_000 {
            let number = round < 1000 ? UInt32(round) : UInt32(truncatingIfNeeded: generator.next())
            let seed = round % 2 == 0 ? 0 : UInt32(truncatingIfNeeded: generator.next())
            if unmix(OrderKey(mixing: number, seed: seed).bits, seed: seed) != number { wrong += 1 }
        }
        #expect(wrong == 0)
    }
}
