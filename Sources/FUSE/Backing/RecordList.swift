// SPDX-License-Identifier: MIT

/// The records of a shard. They are in blocks, so that none is moved when there are more. Index 0 is none.
struct RecordBlocks {
    private static var size: Int { 256 }
    private var blocks: [[BackingRecord]] = []

    /// Whether there is memory for an index.
    func has(_ index: UInt32) -> Bool {
        let block = Int(index) / Self.size
        return block < blocks.count && !blocks[block].isEmpty
    }

    /// Makes memory for an index.
    mutating func prepare(_ index: UInt32) {
        let block = Int(index) / Self.size
        while blocks.count <= block { blocks.append([]) }
        if blocks[block].isEmpty { blocks[block] = Array(repeating: BackingRecord(), count: Self.size) }
    }

    subscript(index: UInt32) -> BackingRecord {
        _read { yield blocks[Int(index) / Self.size][Int(index) % Self.size] }
        _modify { yield &blocks[Int(index) / Self.size][Int(index) % Self.size] }
    }

    /// Makes all of them nobody's.
    mutating func clear(_ body: (BackingRecord) -> Void) {
        for block in blocks.indices {
            for index in blocks[block].indices {
                body(blocks[block][index])
                blocks[block][index] = BackingRecord()
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
