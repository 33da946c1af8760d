// SPDX-License-Identifier: MIT

/// The records of some of the nodes, behind one lock.
struct BackingShard {
    /// Where each node's record is. Where the filesystem numbers its inodes there is no such thing: nil.
    private(set) var places: [NodeID: UInt32]?
    private var records = RecordBlocks()
    /// Records that were given back, by `next`.
    private var free: UInt32 = 0
    private var untouched: UInt32 = 1
    /// Registrations that nobody uses.
    private var kept = RecordList()
    /// Files that the kernel did not take.
    private var refused = RecordList()
    /// Records that are nobody's are in the list of free ones, or somebody may be on the way to one.
    private var keepsMemory: Bool

    init(isNumbered: Bool) {
        places = isNumbered ? nil : [:]
        keepsMemory = !isNumbered
    }

    /// The record at an index that ``make(_:at:)`` or ``find(_:at:)`` has given.
    subscript(index: UInt32) -> BackingRecord {
        _read { yield records[index] }
        _modify { yield &records[index] }
    }

    /// The record of a node; at a fixed index, it may be another's.
    func find(_ node: NodeID, at fixed: UInt32?) -> UInt32? {
        guard let fixed else { return places?[node] }
        return records.has(fixed) ? fixed : nil
    }

    /// As ``find(_:at:)``; where there is none it is made.
    mutating func make(_ node: NodeID, at fixed: UInt32?) -> UInt32 {
        if let index = find(node, at: fixed) { return index }
        let index: UInt32
        if let fixed {
            index = fixed
        } else if free != 0 {
            index = free
            free = records[free].next
        } else {
            index = untouched
            untouched += 1
        }
        records.take(index, for: node)
        places?[node] = index
        return index
    }

    /// Whether a record that somebody had an index of is still there.
    func has(_ index: UInt32) -> Bool { records.has(index) }

    /// Gives a record whose number has passed to another node to that one.
    mutating func renew(_ index: UInt32, for node: NodeID) {
        forgetRefusal(of: index)
        let isBusy = records[index].traits.contains(.busy)
        records.take(index, for: node)
        if isBusy { records[index].traits.insert(.busy) }
    }

    /// How many blocks of records have memory; and how much it takes to find them.
    var blockCount: Int { records.blockCount }
    var orderSize: Int { records.orderSize }

    /// Gives a record back, if nothing of it is to be remembered.
    mutating func tidy(_ index: UInt32, isFixed: Bool) {
        let node = records[index].node
        guard records[index].isVoid else { return }
        records.give(index, keepsMemory: keepsMemory)
        if !isFixed {
            places?[node] = nil
            records[index].next = free
            free = index
        }
    }

    // MARK: Kept registrations

    /// The one that nobody has used for the longest, and since when.
    var oldestKept: (index: UInt32, stamp: UInt64)? {
        kept.first == 0 ? nil : (kept.first, records[kept.first].stamp)
    }

    mutating func keep(_ index: UInt32, at now: UInt64) {
        records[index].stamp = now
        records[index].traits.insert(.kept)
        kept.append(index, in: &records)
    }

    /// True: it was kept.
    mutating func stopKeeping(_ index: UInt32) -> Bool {
        guard records[index].traits.contains(.kept) else { return false }
        records[index].traits.remove(.kept)
        kept.remove(index, in: &records)
        return true
    }

    // MARK: Refusals

    /// Remembers a refused file, as the newest of so many.
    mutating func noteRefusal(of index: UInt32, most: Int, isFixed: Bool) {
        if records[index].traits.contains(.refused) { refused.remove(index, in: &records) }
        records[index].traits.insert(.refused)
        refused.append(index, in: &records)
        guard refused.count > most else { return }
        let oldest = refused.first
        forgetRefusal(of: oldest)
        tidy(oldest, isFixed: isFixed)
    }

    mutating func forgetRefusal(of index: UInt32) {
        records[index].forgetRefusal()
        guard records[index].traits.contains(.refused) else { return }
        records[index].traits.remove(.refused)
        refused.remove(index, in: &records)
    }

    // MARK: The end

    /// Forgets everything. The registrations, whoever uses them, are the caller's to take back. The records' memory stays: a
    /// thread may be on its way to one.
    mutating func takeAll() -> [BackingID] {
        keepsMemory = true
        var ids: [BackingID] = []
        records.clear { if $0.id != 0 { ids.append(BackingID(rawValue: $0.id)) } }
        if places != nil { places = [:] }
        (kept, refused) = (RecordList(), RecordList())
        return ids
    }
}
