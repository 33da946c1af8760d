// SPDX-License-Identifier: MIT

/// The first key of a bucket, which names the bucket for good.
///
/// With n = 2^k + f buckets (f < 2^k), keys are cut into 2^k intervals by their first k bits, and each of the first f
/// intervals once more by the next bit. A bucket that is cut keeps its first key; the new one's first key lies in its
/// middle. So a bucket once there stays where it is, and adding one bucket touches one chain.
@frozen
@usableFromInline
struct BucketKey: Equatable {
    @usableFromInline let bits: UInt32

    @inlinable
    init(bits: UInt32) { self.bits = bits }

    /// The bucket that a key is in while there are `count` (at least 1) of them.
    @inlinable
    init(of key: OrderKey, count: UInt32) {
        let level = 31 &- UInt32(truncatingIfNeeded: count.leadingZeroBitCount)
        let cut = count &- (1 &<< level)
        // In two steps, since a shift by 32 would be one by 0.
        let interval = (key.bits &>> 1) &>> (31 &- level)
        let deep = interval < cut ? level &+ 1 : level
        bits = key.bits & ~(0xFFFF_FFFF &>> deep)
    }

    /// The bucket with this number, numbers being given in the order in which buckets are added.
    @inlinable
    init(number: UInt32) {
        guard number != 0 else {
            bits = 0
            return
        }
        let level = 31 &- UInt32(truncatingIfNeeded: number.leadingZeroBitCount)
        let interval = number &- (1 &<< level)
        bits = ((interval &<< 1) | 1) &<< (31 &- level)
    }

    /// The bucket's number, which says where its sentinel lies.
    @inlinable
    var number: UInt32 {
        guard bits != 0 else { return 0 }
        let zeros = UInt32(truncatingIfNeeded: bits.trailingZeroBitCount)
        return (1 &<< (31 &- zeros)) &+ ((bits &>> zeros) &>> 1)
    }

    /// The bucket that is cut to make this one, while this one is the next to be added.
    @inlinable
    var parent: BucketKey {
        let zeros = UInt32(truncatingIfNeeded: bits.trailingZeroBitCount)
        return BucketKey(bits: bits & ~(1 &<< zeros))
    }

    @inlinable
    static func <= (left: BucketKey, right: OrderKey) -> Bool { left.bits <= right.bits }

    @inlinable
    static func <= (left: BucketKey, right: BucketKey) -> Bool { left.bits <= right.bits }
}
