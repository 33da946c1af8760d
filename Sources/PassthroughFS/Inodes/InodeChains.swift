// SPDX-License-Identifier: MIT

import SystemPackage

// From a key (device and inode number) to the records that have it, through their `next`.
//
// Linear hashing: each stripe has a stretch of the array, and uses as much of it as it has records; when they become more,
// one chain is split in two. So memory follows the number of inodes, and no lookup ever waits for a rehash. The array does
// not shrink: 4 bytes for each inode that there was at the most.
//
// Shared state: a stripe's lock guards its chains, and `next` of its records. Every function here is called with it.

struct InodeChains: ~Copyable, Sendable {
    /// The first slot of each chain, 0 for none.
    private let buckets: MappedArray<UInt32>
    /// How many chains a stripe can have.
    let limit: UInt32

    init(records: Int) throws(Errno) {
        buckets = try MappedArray(count: max(64, min(records, 1 << 24)), least: 64)
        limit = UInt32(truncatingIfNeeded: buckets.count / SlotStripe.count)
    }

    /// Where a key's chain starts, of so many. By the hash's bits below the next power of two, and one bit less where that
    /// chain does not exist yet. The lowest bits name the stripe, and are left out.
    private func bucket(_ hash: UInt64, of count: UInt32) -> Int {
        let stripe = InodeChains.stripe(of: hash)
        guard count > 1 else { return stripe &* Int(limit) }
        let mask = UInt32.max >> UInt32((count &- 1).leadingZeroBitCount)
        var chain = UInt32(truncatingIfNeeded: hash >> 6) & mask
        if chain >= count { chain &= mask >> 1 }
        return stripe &* Int(limit) &+ Int(chain)
    }

    static func stripe(of hash: UInt64) -> Int { Int(truncatingIfNeeded: hash & 63) }

    /// The first record of a key's chain; 0 for none.
    func first(_ hash: UInt64, of count: UInt32) -> UInt32 { buckets[bucket(hash, of: count)] }

    /// Puts a record first in its chain: of two with one key the newer is found first.
    func add(_ slot: UInt32, _ hash: UInt64, of count: UInt32, in records: borrowing MappedArray<InodeRecord>) {
        let bucket = bucket(hash, of: count)
        records[Int(slot)].next = buckets[bucket]
        buckets[bucket] = slot
    }

    func remove(_ slot: UInt32, of count: UInt32, in records: borrowing MappedArray<InodeRecord>) {
        let bucket = bucket(InodeChains.hash(of: records[Int(slot)]), of: count)
        let next = records[Int(slot)].next
        if buckets[bucket] == slot {
            buckets[bucket] = next
            return
        }
        var before = Int(buckets[bucket])
        while before != 0, records[before].next != slot { before = Int(records[before].next) }
        if before != 0 { records[before].next = next }
    }

    /// Makes one chain more than `count`, of what belongs there in the one that it splits off from, in its order.
    func split(_ stripe: Int, _ count: UInt32, in records: borrowing MappedArray<InodeRecord>) {
        let parent = count & ~(1 << (31 &- UInt32(count.leadingZeroBitCount)))
        let parentBucket = stripe &* Int(limit) &+ Int(parent)
        let newBucket = stripe &* Int(limit) &+ Int(count)
        var slot = buckets[parentBucket]
        buckets[parentBucket] = 0
        buckets[newBucket] = 0
        var lastOfParent: UInt32 = 0
        var lastOfNew: UInt32 = 0
        while slot != 0 {
            let next = records[Int(slot)].next
            records[Int(slot)].next = 0
            let bucket = bucket(InodeChains.hash(of: records[Int(slot)]), of: count &+ 1)
            let last = bucket == newBucket ? lastOfNew : lastOfParent
            if last == 0 { buckets[bucket] = slot } else { records[Int(last)].next = slot }
            if bucket == newBucket { lastOfNew = slot } else { lastOfParent = slot }
            slot = next
        }
    }

    private static func hash(of record: borrowing InodeRecord) -> UInt64 { hash(device: record.device, inode: record.inode) }

    /// Inode numbers come in runs, and in strides: each bit of the key must reach the low bits. The finalizer of
    /// MurmurHash3, by its published constants.
    static func hash(device: UInt64, inode: UInt64) -> UInt64 {
        var hash = inode ^ (device &* 0x9e37_79b9_7f4a_7c15)
        hash ^= hash >> 33
        hash = hash &* 0xff51_afd7_ed55_8ccd
        hash ^= hash >> 33
        hash = hash &* 0xc4ce_b9fe_1a85_ec53
        hash ^= hash >> 33
        return hash
    }
}
