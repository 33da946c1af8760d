// SPDX-License-Identifier: MIT

// Which slots of a table are taken. 32 slots are a block; a block belongs to one stripe, and in a table of inodes it is a
// page of memory, which goes back to the system when all its slots are free.
//
// Shared state: a stripe's lock guards its ``SlotStripe`` and the blocks that belong to it. A block whose memory is being
// given back is in no list meanwhile, so that this is done without the lock.

/// What is known of a block. All zeros: nothing taken.
struct SlotBlock {
    /// A bit for each slot that is taken.
    var taken: UInt32
    /// Neighbours in the stripe's list of blocks that have both taken and free slots; `next` also in the lists of empty ones.
    var next: UInt32
    var previous: UInt32
}

/// What a stripe knows of its blocks. Lists are by their first block; 0 is none: block 0 is never handed out.
struct SlotStripe {
    /// Blocks with taken and with free slots.
    private var partial: UInt32 = 0
    /// Empty blocks that have their memory: a few are kept, for files come and go.
    private var spare: UInt32 = 0
    private var spareCount: UInt32 = 0
    /// Empty blocks without memory.
    private var empty: UInt32 = 0
    /// The row of the next block that was never used. Row 0 is left out: slot 0 would make the node id 0, slot 1 is the root's.
    private(set) var untouched: UInt32 = 1
    /// Distinguishes the records that were in one slot: no two of a stripe have the same, until 2^32 came and went.
    private var generation: UInt32 = 0

    static var count: Int { 64 }
    static var slotsPerBlock: Int { 32 }
    private static var spareLimit: UInt32 { 4 }

    static func stripe(of slot: UInt32) -> Int { Int(slot >> 5 & 63) }
    static func block(_ row: UInt32, of stripe: Int) -> UInt32 { row &* 64 &+ UInt32(truncatingIfNeeded: stripe) }

    mutating func nextGeneration() -> UInt32 {
        generation &+= 1
        return generation
    }

    /// Takes a free slot; nil where the stripe has no more.
    mutating func take(in blocks: borrowing MappedArray<SlotBlock>, of stripe: Int) -> UInt32? {
        if partial == 0 {
            let block: UInt32
            if spare != 0 {
                block = spare
                spare = blocks[Int(block)].next
                spareCount &-= 1
            } else if empty != 0 {
                block = empty
                empty = blocks[Int(block)].next
            } else {
                let fresh = UInt64(untouched) &* 64 &+ UInt64(stripe)
                guard fresh < UInt64(blocks.count) else { return nil }
                block = UInt32(truncatingIfNeeded: fresh)
                untouched &+= 1
            }
            link(block, in: blocks)
        }
        let block = partial
        let taken = blocks[Int(block)].taken
        let bit = UInt32((~taken).trailingZeroBitCount)
        blocks[Int(block)].taken = taken | 1 << bit
        if taken | 1 << bit == .max { unlink(block, in: blocks) }
        return block &* 32 &+ bit
    }

    /// Gives a slot back.
    /// - Returns: a block whose memory is to be given back without the lock; afterwards ``addEmpty(_:in:)``.
    mutating func give(_ slot: UInt32, in blocks: borrowing MappedArray<SlotBlock>) -> UInt32? {
        let block = slot >> 5
        let taken = blocks[Int(block)].taken
        let left = taken & ~(1 << (slot & 31))
        blocks[Int(block)].taken = left
        if taken == .max { link(block, in: blocks) }
        guard left == 0 else { return nil }
        unlink(block, in: blocks)
        guard spareCount < SlotStripe.spareLimit else { return block }
        blocks[Int(block)].next = spare
        spare = block
        spareCount &+= 1
        return nil
    }

    /// Its memory has been given back.
    mutating func addEmpty(_ block: UInt32, in blocks: borrowing MappedArray<SlotBlock>) {
        blocks[Int(block)].next = empty
        empty = block
    }

    private mutating func link(_ block: UInt32, in blocks: borrowing MappedArray<SlotBlock>) {
        blocks[Int(block)].previous = 0
        blocks[Int(block)].next = partial
        if partial != 0 { blocks[Int(partial)].previous = block }
        partial = block
    }

    private mutating func unlink(_ block: UInt32, in blocks: borrowing MappedArray<SlotBlock>) {
        let next = blocks[Int(block)].next
        let previous = blocks[Int(block)].previous
        if next != 0 { blocks[Int(next)].previous = previous }
        if previous != 0 { blocks[Int(previous)].next = next } else { partial = next }
    }
}
