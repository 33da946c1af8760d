// SPDX-License-Identifier: MIT

@testable import BackingTable
import BackingTableTestSupport
import Testing

/// The arithmetic of buckets and of the way to their sentinels.
@Suite struct BucketTests {
    static let counts: [UInt32] = Array(1...1100) + [65_535, 65_536, 65_537, 1 << 20, (1 << 20) + 12_345, 1 << 30, (1 << 31) - 1]

    /// Keys are ordered as their positions are, which is what `<` computes without them.
    @Test func keysAreInTheOrderOfTheirPositions() {
        var generator = SplitMix(state: 10)
        for _ in 0..<2000 {
            let left = OrderKey(bits: generator.next())
            // Alike in a number of low bits, since others are told apart by the first.
            let shift = UInt64.random(in: 0..<64, using: &generator)
            let right = OrderKey(bits: left.bits ^ (generator.next() << shift))
            #expect((left < right) == (left.position < right.position))
            let bucket = Bucket(number: UInt32(truncatingIfNeeded: right.bits) >> 1)
            #expect((bucket <= left) == (bucket.position <= left.position))
        }
        #expect(Bucket(number: 5) <= OrderKey(bits: 5), "a sentinel comes before the entry with the same key")
    }

    @Test func linksNameBuckets() {
        for number in [0, 1, 2, 255, 256, 0x1234_5678, (1 << 31) - 1] as [UInt32] {
            let link = Link(to: Bucket(number: number))
            #expect(link.sentinel == Bucket(number: number))
            #expect(link.entry == nil && link != .end)
        }
    }

    /// For every count: a key's bucket is the last one that begins at or before it.
    @Test func aKeyIsInTheBucketThatBeginsLastBeforeIt() {
        var generator = SplitMix(state: 11)
        for count in Self.counts.prefix(600) {
            let starts = (0..<count).map { Bucket(number: $0).position }.sorted()
            #expect(Set(starts).count == Int(count))
            for _ in 0..<20 {
                var positions = [generator.next(), 0, .max]
                positions.append(starts.randomElement(using: &generator)!)
                positions.append(positions[3] &- 1)
                for position in positions {
                    let expected = starts.last { $0 <= position }
                    #expect(Bucket(of: OrderKey(bits: reversed(position)), count: count).position == expected)
                }
            }
        }
    }

    @Test func aKeysBucketIsOneThatIsThere() {
        var generator = SplitMix(state: 12)
        for count in Self.counts {
            for _ in 0..<50 {
                let key = OrderKey(bits: generator.next())
                let bucket = Bucket(of: key, count: count)
                #expect(bucket.number < count)
                #expect(bucket <= key)
            }
        }
    }

    /// What is cut is the bucket that the new one's first key was in.
    @Test func aNewBucketIsCutFromItsParent() {
        for count in Self.counts where count < (1 << 31) - 1 {
            let added = Bucket(number: count)
            let first = OrderKey(bits: UInt64(added.number))
            #expect(added.parent == Bucket(of: first, count: count))
            #expect(added == Bucket(of: first, count: count + 1))
        }
    }

    @Test func theWayToASentinelIsItsOwn() {
        struct Place: Hashable {
            var top, word: UInt32
            var turns: [UInt32]
        }
        var places: Set<Place> = []
        let numbers = Array(256..<70_000) + [1 << 18, 1 << 19, (1 << 19) + 512, (1 << 21) - 1, 1 << 21, (1 << 21) + 512, 1 << 27,
            1 << 28, (1 << 28) + (1 << 27), (1 << 31) - 1] as [UInt32]
        for number in numbers {
            let path = SentinelPath(number: number)
            let turns = (0..<path.storeys).map { path.turn(at: $0 + 1) }
            #expect(path.top < SentinelPath.topCount && path.storeys == SentinelPath.storeys(ofTop: path.top))
            #expect(path.word < 512 && turns.allSatisfy { $0 < 512 })
            // What the turns leave of the offset is told by the place in the header.
            let rest = path.offset >> min(31, 9 * (path.storeys + 1))
            #expect(rest == 0 || path.top < 10)
            #expect((path.word == 0) == SentinelPath.beginsSegment(number) || number < 512)
            places.insert(Place(top: path.top, word: path.word, turns: turns))
        }
        #expect(places.count == numbers.count)
        #expect(SentinelPath.beginsSegment(256) && !SentinelPath.beginsSegment(257))
        #expect(SentinelPath(number: (1 << 21) - 1).storeys == 1, "two million buckets below one directory")
    }
}
