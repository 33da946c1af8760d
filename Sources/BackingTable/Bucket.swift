// SPDX-License-Identifier: MIT

/// A bucket, by its number: buckets are numbered in the order in which they are added, and keep their number for good.
///
/// With n = 2^k + f buckets (f < 2^k), a key is in the bucket whose number is its low k + 1 bits, if there is such a bucket,
/// and else in the one of its low k bits. The next bucket to be added, number n, is cut from number f alone. So a bucket once
/// there stays where it is, and adding one touches one chain.
///
/// In the chain, a bucket's sentinel stands where a key of the same bits would, before that key.
@frozen
@usableFromInline
struct Bucket: Equatable {
    @usableFromInline let number: UInt32

    @inlinable
    init(number: UInt32) { self.number = number }

    /// The bucket that a key is in while there are `count` (at least 1) of them.
    @inlinable
    init(of key: OrderKey, count: UInt32) {
        let bits = UInt32(truncatingIfNeeded: key.bits)
        // All ones, as wide as the number of the last bucket (and 1 bit for a single one, which is cut away again below).
        let mask = 0xFFFF_FFFF &>> UInt32(truncatingIfNeeded: count.leadingZeroBitCount)
        let deep = bits & mask
        number = deep < count ? deep : deep & (mask &>> 1)
    }

    /// The bucket that is cut to make this one (not number 0), while this one is the next to be added.
    @inlinable
    var parent: Bucket {
        let level = 31 &- UInt32(truncatingIfNeeded: number.leadingZeroBitCount)
        return Bucket(number: number & ~(1 &<< level))
    }

    /// Whether the sentinel comes before an entry with this key.
    @inlinable
    static func <= (left: Bucket, right: OrderKey) -> Bool { !(right < OrderKey(bits: UInt64(left.number))) }
}
