// SPDX-License-Identifier: MIT

/// The secret of a table: two odd numbers that decide where ids are put.
///
/// Whoever chooses ids must not know it, see `OrderKey`.
@frozen
public struct TableSeed: Equatable, Sendable {
    @usableFromInline let first: UInt64
    @usableFromInline let second: UInt64

    /// Of each number all bits count but the lowest.
    @inlinable
    public init(_ first: UInt64, _ second: UInt64) {
        self.first = first | 1
        self.second = second | 1
    }
}

/// Where an entry stands in the table's chain: its id, mixed.
///
/// Keys are ordered by their bits from the lowest up, and buckets are told apart by a key's low bits (see `Bucket`).
///
/// **Neighbours stay neighbours.** A key is made of two parts. Its upper 55 bits are the id's upper 55, the *group*, mixed
/// with the seed. Its lower 9 bits, the *place*, are the id's lower 9, moved around by an amount that the group's mixing
/// yields. So the ids of a group, 512 in a row, differ in the low 9 bits of their keys alone: they are in buckets whose
/// sentinels fill one page (as soon as there are 512), and ids that follow each other are in sentinels close to each other.
/// Groups, and so strides, are spread at random.
///
/// **It is a bijection**: two ids never share a key, and comparing keys is comparing ids. Each step can be undone. On the
/// group, a number of 55 bits (kept in the upper bits of a word whose others are 0): a product with an odd number is undone
/// by a product with its inverse modulo 2^55; exchanging the upper 23 and the lower 32 bits, by exchanging back; `x ^= x << 13`
/// by repeating the shift. On the place: `p ^ p >> 5` is its own inverse on 9 bits, and a sum modulo 512 whose second term
/// can be read off the key (its upper 9 bits) is undone by a difference. The tests have the inverse function.
///
/// **What can be proved.** For two ids that were chosen without knowledge of the seed, the chance to be in one bucket of 2^m
/// (m from 9 to 31) is at most 2^(2-m) + 2^-22, if they are of different groups; those of one group never are. So among n
/// ids in at least n/2 buckets, the others in an id's bucket are no more than about 8 + n/2^22 in expectation, whatever ids
/// they are. (For ids that do not care they are a half, see `Scripts/bounds`.) Why: let u and v be the groups as
/// they are before the second product, and t the lowest bit in which they differ. The first product makes their 23 upper bits,
/// which the exchange brings down, differ with a chance of all but 2^-22, so t < 23 (Dietzfelbinger and others,
/// 1997: the upper bits of a product with a random odd number); if the groups' lowest difference is among the upper 23 bits,
/// t < 23 for certain. The shift leaves t as it is. Then the second product's difference is 2^t times a random odd
/// number. The buckets are the same if bits 32 and up of the products agree (m - 9 of them), and their bits
/// 23...31 differ by the difference of the places. So the bits from 23 to 22 + m differ, as numbers, by one of two values: that
/// leaves room for two times 2^23 values on each side, of the 2^(23 + m) that the difference can have. Below 512 buckets,
/// ids of one group meet as well: 512/2^m of them at most, and never more than there are, which is 31 or fewer.
///
/// **What is not promised.** This is no cipher. It is a bound in expectation, over the draw of the seed: some seeds are
/// worse than others for a given set of ids. Who knows the seed can undo the mixing, and choose ids with one bucket for all; 2^33
/// ids of 64 bits have equal low 31 bits in their keys.
@frozen
public struct OrderKey: Equatable, Sendable {
    public let bits: UInt64

    @inlinable
    init(bits: UInt64) { self.bits = bits }

    @inlinable
    public init(_ id: EntryID, seed: TableSeed) { self.init(mixing: id.rawValue, seed: seed) }

    @inlinable
    init(mixing number: UInt64, seed: TableSeed) {
        // One operation a line, or in parentheses: `>>` binds tighter than `&*`.
        let place = number & 511
        var mixed = number ^ place
        mixed = mixed &* seed.first
        mixed = ((mixed &>> 32) & ~511) | (mixed &<< 23)
        mixed ^= mixed &<< 13
        mixed = mixed &* seed.second
        // The same exchange; bits 23...31 of the group are left over in the low 9, as by how much places move.
        mixed = (mixed &>> 32) | (mixed &<< 23)
        let moved = mixed &+ (place ^ (place &>> 5))
        bits = (mixed & ~511) | (moved & 511)
    }

    /// By the lowest bit in which they differ.
    @inlinable
    static func < (left: OrderKey, right: OrderKey) -> Bool {
        let difference = left.bits ^ right.bits
        let lowest = difference & (0 &- difference)
        return right.bits & lowest != 0
    }
}
