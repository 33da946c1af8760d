// SPDX-License-Identifier: MIT

/// The records of a shard. They are in blocks, so that none is moved when there are more, and the memory of a block can go
/// when none of its records is anybody's. Blocks are in groups, so that the filesystem that numbers its inodes with enormous
/// numbers does not get memory for all that is between them. Index 0 is none.
struct RecordBlocks {
    private struct Block {
        /// None, or `size` of them.
        var records: [BackingRecord] = []
        /// Those that are somebody's.
        var used = 0
    }

    /// Records of a block, and blocks of a group: of the largest number that there can be, 2,048 groups are before.
    private static var size: Int { 256 }
    private static var groupSize: Int { 256 }
    /// Each of none, or `groupSize` of them.
    private var groups: [[Block]] = []
    /// Memory of the block that became empty last: an open and a close again and again cost no allocation.
    private var spare: [BackingRecord] = []

    /// How many blocks have memory, the spare included.
    var blockCount: Int { groups.joined().count { !$0.records.isEmpty } + (spare.isEmpty ? 0 : 1) }

    /// How many bytes it takes to have the blocks in order.
    var orderSize: Int { groups.reduce(groups.count * MemoryLayout<[Block]>.stride) { $0 + $1.count * MemoryLayout<Block>.stride } }

    private static func place(of index: UInt32) -> (group: Int, block: Int) {
        let block = Int(index) / size
        return (block / groupSize, block % groupSize)
    }

    /// Whether there is memory for an index.
    func has(_ index: UInt32) -> Bool {
        let (group, block) = Self.place(of: index)
        return group < groups.count && !groups[group].isEmpty && !groups[group][block].records.isEmpty
    }

    /// Makes a record a node's, whosever it was before, with nothing else known.
    mutating func take(_ index: UInt32, for node: NodeID) {
        let (group, block) = Self.place(of: index)
        while groups.count <= group { groups.append([]) }
        if groups[group].isEmpty { groups[group] = Array(repeating: Block(), count: Self.groupSize) }
        if groups[group][block].records.isEmpty {
            swap(&groups[group][block].records, &spare)
            if groups[group][block].records.isEmpty {
                groups[group][block].records = Array(repeating: BackingRecord(), count: Self.size)
            }
        }
        if self[index].node == 0 { groups[group][block].used += 1 }
        self[index] = BackingRecord(node: node)
    }

    /// Makes a record nobody's.
    /// - Parameter keepsMemory: its memory stays, whatever else is in its block.
    mutating func give(_ index: UInt32, keepsMemory: Bool) {
        guard self[index].node != 0 else { return }
        let (group, block) = Self.place(of: index)
        self[index] = BackingRecord()
        groups[group][block].used -= 1
        guard groups[group][block].used == 0, !keepsMemory else { return }
        spare = []
        swap(&groups[group][block].records, &spare)
    }

    subscript(index: UInt32) -> BackingRecord {
        _read {
            let (group, block) = Self.place(of: index)
            yield groups[group][block].records[Int(index) % Self.size]
        }
        _modify {
            let (group, block) = Self.place(of: index)
            yield &groups[group][block].records[Int(index) % Self.size]
        }
    }

    /// Makes all of them nobody's. Their memory stays.
    mutating func clear(_ body: (BackingRecord) -> Void) {
        for group in groups.indices {
            for block in groups[group].indices {
                for index in groups[group][block].records.indices {
                    body(groups[group][block].records[index])
                    groups[group][block].records[index] = BackingRecord()
                }
                groups[group][block].used = 0
            }
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
