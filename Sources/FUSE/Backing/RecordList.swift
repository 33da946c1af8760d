// SPDX-License-Identifier: MIT

/// The records of a shard. They are in blocks, so that none is moved when there are more, and the memory of a block can go
/// when none of its records is anybody's. Index 0 is none.
struct RecordBlocks {
    private struct Block {
        /// None, or `size` of them.
        var records: [BackingRecord] = []
        /// Those that are somebody's.
        var used = 0
    }

    private static var size: Int { 256 }
    private var blocks: [Block] = []
    /// Memory of the block that became empty last: an open and a close again and again cost no allocation.
    private var spare: [BackingRecord] = []

    /// How many blocks have memory, the spare included.
    var blockCount: Int { blocks.count { !$0.records.isEmpty } + (spare.isEmpty ? 0 : 1) }

    /// Whether there is memory for an index.
    func has(_ index: UInt32) -> Bool {
        let block = Int(index) / Self.size
        return block < blocks.count && !blocks[block].records.isEmpty
    }

    /// Makes a record a node's, whosever it was before, with nothing else known.
    mutating func take(_ index: UInt32, for node: NodeID) {
        let block = Int(index) / Self.size
        while blocks.count <= block { blocks.append(Block()) }
        if blocks[block].records.isEmpty {
            swap(&blocks[block].records, &spare)
            if blocks[block].records.isEmpty { blocks[block].records = Array(repeating: BackingRecord(), count: Self.size) }
        }
        if self[index].node == 0 { blocks[block].used += 1 }
        self[index] = BackingRecord(node: node)
    }

    /// Makes a record nobody's.
    /// - Parameter keepsMemory: its memory stays, whatever else is in its block.
    mutating func give(_ index: UInt32, keepsMemory: Bool) {
        let block = Int(index) / Self.size
        guard self[index].node != 0 else { return }
        self[index] = BackingRecord()
        blocks[block].used -= 1
        guard blocks[block].used == 0, !keepsMemory else { return }
        spare = []
        swap(&blocks[block].records, &spare)
    }

    subscript(index: UInt32) -> BackingRecord {
        _read { yield blocks[Int(index) / Self.size].records[Int(index) % Self.size] }
        _modify { yield &blocks[Int(index) / Self.size].records[Int(index) % Self.size] }
    }

    /// Makes all of them nobody's. Their memory stays.
    mutating func clear(_ body: (BackingRecord) -> Void) {
        for block in blocks.indices {
            for index in blocks[block].records.indices {
                body(blocks[block].records[index])
                blocks[block].records[index] = BackingRecord()
            }
            blocks[block].used = 0
        }
    }
}

/// A list of records, from the oldest to the newest, by their `previous` and `next`. A record is in one list at most.
struct RecordList {
    private(set) var first: UInt32 = 0
    private var last: UInt32 = 0
    private(set) var count = 0

    mutating func append(_ index: UInt32, in records: inout RecordBlocks) {
        records[index].previous = last
        records[index].next = 0
        if last == 0 { first = index } else { records[last].next = index }
        last = index
        count += 1
    }

    mutating func remove(_ index: UInt32, in records: inout RecordBlocks) {
        let (previous, next) = (records[index].previous, records[index].next)
        if previous == 0 { first = next } else { records[previous].next = next }
        if next == 0 { last = previous } else { records[next].previous = previous }
        records[index].previous = 0
        records[index].next = 0
        count -= 1
    }
}
