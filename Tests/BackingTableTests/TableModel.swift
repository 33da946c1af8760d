// SPDX-License-Identifier: MIT

import BackingTable
import BackingTableTestSupport

/// Something that can be done to a table.
enum Operation: Equatable {
    case insertNext
    case insertServer(EntryID)
    case remove(EntryID)
    /// Looks up and keeps the reference.
    case open(EntryID)
    /// Looks up and drops the reference.
    case lookup(EntryID)
    /// Drops one of the references that are kept, chosen by this number.
    case close(Int)
    case setCandidate(EntryID)
    case setLimit(UInt32)
    /// Whether the host has segments from now on.
    case setMemory(Bool)
}

/// What a table should do, by way of dictionaries. It shares nothing with the table but the contract.
struct TableModel {
    struct Backing {
        var id: EntryID?
        var references = 1
    }

    var backings: [Int: Backing] = [:]
    var live: [EntryID: Int] = [:]
    var kept: [Int] = []
    var ended: [Int] = []
    var candidate: UInt64 = 1
    var limit: UInt32
    var hasMemory = true
    /// The most that were ever live, which is how many buckets there are.
    var mostLive = 1
    /// Sentinels, by their bucket's number, that are the first of a segment which has been given.
    var givenSegments: Set<Int> = []
    private var made = 0

    init(limit: UInt32) { self.limit = limit }

    /// What inserting answers. `number` is the backing's, if it is inserted.
    mutating func insert(_ wanted: EntryID?) -> (answer: Insertion, number: Int?) {
        // Room for one bucket more, if there is not one for each live id already.
        if live.count >= mostLive, mostLive >= 256 {
            var level = 256
            while level * 2 <= mostLive { level *= 2 }
            if (mostLive - level) % 512 == 0, !givenSegments.contains(mostLive) {
                guard hasMemory else { return (.needsMemory, nil) }
                givenSegments.insert(mostLive)
            }
        }
        guard live.count < limit else { return (.full, nil) }
        let id: EntryID
        if let wanted {
            id = wanted
            guard live[id] == nil else { return (.exists, nil) }
        } else {
            id = EntryID(candidate)!
            candidate = candidate >= 0x7FFF_FFFF ? 1 : candidate + 1
            guard live[id] == nil else { return (.again, nil) }
        }
        backings[made] = Backing(id: id)
        live[id] = made
        mostLive = max(mostLive, live.count)
        made += 1
        return (.inserted(id), made - 1)
    }

    mutating func remove(_ id: EntryID) -> Int? {
        guard let number = live.removeValue(forKey: id) else { return nil }
        backings[number]!.id = nil
        drop(number)
        return number
    }

    mutating func open(_ id: EntryID) -> Int? {
        guard let number = live[id] else { return nil }
        backings[number]!.references += 1
        kept.append(number)
        return number
    }

    mutating func close(_ choice: Int) -> Int? {
        guard !kept.isEmpty else { return nil }
        let number = kept.remove(at: choice % kept.count)
        drop(number)
        return number
    }

    private mutating func drop(_ number: Int) {
        backings[number]!.references -= 1
        if backings[number]!.references == 0 {
            ended.append(number)
            backings[number] = nil
        }
    }
}

/// A table and the model of it, side by side.
struct SideBySide {
    let table: TestTable
    var model: TableModel
    /// The entries of the model's backings.
    private var entries: [EntryPointer] = []

    init(capacity: Int, limit: UInt32, seed: TableSeed) {
        table = TestTable(capacity: capacity, limit: limit, seed: seed)
        model = TableModel(limit: limit)
    }

    /// Does the same to both; says what differs.
    mutating func perform(_ operation: Operation) -> String? {
        switch operation {
        case .insertNext: return insert(nil)
        case .insertServer(let id): return insert(id)
        case .remove(let id):
            let removed = table.table.remove(id)
            let expected = model.remove(id).map { entries[$0] }
            guard removed == expected else { return "removed another entry" }
            if let removed {
                guard removed.id == nil else { return "a removed entry shows \(removed.id!)" }
                table.table.release(removed)
            }
        case .open(let id):
            let found = table.table.lookup(id)
            guard found == model.open(id).map({ entries[$0] }) else { return "found another entry" }
        case .lookup(let id):
            let found = table.table.lookup(id)
            guard found == model.live[id].map({ entries[$0] }) else { return "found another entry" }
            if let found { table.table.release(found) }
        case .close(let choice):
            guard let number = model.close(choice) else { break }
            let expected = model.backings[number]?.id
            guard entries[number].id == expected || model.backings[number] == nil else { return "shows another id" }
            table.table.release(entries[number])
        case .setCandidate(let id):
            table.table.state.candidate = id
            model.candidate = id.rawValue
        case .setLimit(let limit):
            table.table.state.limit = limit
            model.limit = limit
        case .setMemory(let has):
            table.log.segmentsLeft = has ? .max : 0
            model.hasMemory = has
        }
        return difference()
    }

    private mutating func insert(_ wanted: EntryID?) -> String? {
        let entry = table.makeEntry()
        let answer = table.table.insert(entry, as: wanted.map { .server($0) } ?? .next)
        let expected = model.insert(wanted)
        if expected.number != nil { entries.append(entry) }
        return answer == expected.answer ? nil : "answered \(answer), not \(expected.answer)"
    }

    private func difference() -> String? {
        if table.table.state.liveCount != model.live.count { return "another number of live ids" }
        if table.table.state.candidate.rawValue != model.candidate { return "the counter is elsewhere" }
        if table.table.state.bucketCount != model.mostLive { return "another number of buckets" }
        if table.log.retired.count != model.ended.count { return "another number of entries ended" }
        if let last = model.ended.last, table.log.retired.last != entries[last] { return "another entry ended" }
        return table.log.mistakes == 0 ? nil : "broke the host's rules"
    }

    /// Looks at every entry that is still there, and every id.
    func wholeDifference() -> String? {
        for (number, backing) in model.backings {
            let entry = entries[number]
            if entry.id != backing.id { return "entry \(number) shows another id" }
            if entry.referenceCount != backing.references { return "entry \(number) has another count" }
        }
        for (id, number) in model.live {
            guard let found = table.table.lookup(id), found == entries[number] else { return "\(id) is not found" }
            table.table.release(found)
        }
        return model.ended == table.log.retired.map { entries.firstIndex(of: $0) ?? -1 } ? nil : "others ended"
    }
}
