// SPDX-License-Identifier: MIT

@testable import BackingTable
import BackingTableTestSupport
import Testing

/// What the mixing of ids promises.
@Suite struct MixingTests {
    /// Modulo 2^64, by Newton's iteration: each round doubles the number of right bits, beginning with three.
    static func inverse(of factor: UInt64) -> UInt64 {
        var result = factor
        for _ in 0..<5 { result = result &* (2 &- factor &* result) }
        return result
    }

    /// The id of a key.
    static func unmix(_ key: OrderKey, seed: TableSeed) -> UInt64 {
        func exchangedBack(_ word: UInt64) -> UInt64 { ((word >> 23) & ~511) | ((word & 0xFFFF_FE00) << 32) }
        let moved = (key.bits &- (key.bits >> 55)) & 511
        let place = moved ^ (moved >> 5)
        var group = exchangedBack(key.bits & ~511)
        group = group &* inverse(of: seed.second)
        group ^= group << 13
        group ^= group << 26
        group ^= group << 52
        group = exchangedBack(group)
        group = group &* inverse(of: seed.first)
        return group | place
    }

    /// Undoing each step of the mixing gives the id back: no two ids share a key.
    @Test func itIsABijection() {
        var generator = SplitMix(state: 13)
        var wrong = 0
        for round: UInt64 in 0..<200_000 {
            let number = round < 2000 ? round : round < 4000 ? 0 &- round : generator.next() >> (round % 40)
            // Even numbers among the seeds, which become odd.
            let seed = round % 2 == 0 ? TableSeed(round, 0) : TableSeed(generator.next(), generator.next())
            if Self.unmix(OrderKey(mixing: number, seed: seed), seed: seed) != number { wrong += 1 }
        }
        #expect(wrong == 0)
    }

    /// The ids of a group are in 512 buckets next to each other, whose sentinels lie in one segment.
    @Test func neighboursAreInOnePage() {
        var generator = SplitMix(state: 14)
        for count: UInt32 in [512, 1024, 70_000, 1 << 20, (1 << 20) + 12_345, 3 << 20] {
            let group = generator.next() & ~511
            let seed = TableSeed(generator.next(), generator.next())
            let buckets = (0..<512).map { Bucket(of: OrderKey(mixing: group + $0, seed: seed), count: count).number }
            #expect(Set(buckets).count == 512)
            #expect(Set(buckets.map { $0 >> 9 }).count == 1)
            // And those of 32 ids in a row within 32 places or, where they come to the end of the page, at both its ends.
            for first in stride(from: 0, to: 512, by: 32) {
                let places = buckets[first..<first + 32].map { ($0 &- buckets[first & ~31]) & 511 }
                #expect(places.allSatisfy { $0 < 32 || $0 >= 480 })
            }
        }
    }

    /// In a table that has fewer buckets than a group has ids, strides within the group spread too.
    @Test(arguments: [4, 5, 6] as [UInt64])
    func stridesWithinAGroupSpread(shift: UInt64) {
        let seed = TableSeed(number: 14)
        let count = UInt32(512 >> shift)
        var held: [UInt32: Int] = [:]
        for number in 0..<UInt64(count) {
            held[Bucket(of: OrderKey(mixing: 0x1234_5600_0000 + number << shift, seed: seed), count: count).number, default: 0] += 1
        }
        #expect(held.values.max()! <= 2)
    }

    /// Pairs that the one who knows the mixing but not the seed might choose, over many seeds: they meet in a bucket no more often
    /// than is proved.
    @Test func twoIDsRarelyMeetWhateverTheyAre() {
        var generator = SplitMix(state: 15)
        let pairs: [(UInt64, UInt64)] = [
            (1, 1 + 512), (1, 2 + 512), (0, 1 << 63), (5, 5 + 1 << 41), (1 << 40, 1 << 62), (7, 7 + 1 << 32),
            (1 << 54 + 3, 1 << 55 + 4), (0, 0xFFFF_FFFF_FFFF_FFFF), (1 << 9, 1 << 10), (511, 512), (1 << 31, 1 << 32 | 1 << 63),
        ]
        let seeds = 20_000
        for (left, right) in pairs {
            for bits: UInt32 in [9, 10, 12] {
                var met = 0
                for _ in 0..<seeds {
                    let seed = TableSeed(generator.next(), generator.next())
                    let one = OrderKey(mixing: left, seed: seed).bits
                    let other = OrderKey(mixing: right, seed: seed).bits
                    if (one ^ other) & ((1 << bits) - 1) == 0 { met += 1 }
                }
                // Expected: at most 4 in 2^bits, and six standard deviations for chance.
                let expected = 4 * Double(seeds) / Double(1 << bits)
                #expect(Double(met) <= expected + 6 * expected.squareRoot(), "\(left), \(right), \(bits) bits")
            }
        }
    }
}
