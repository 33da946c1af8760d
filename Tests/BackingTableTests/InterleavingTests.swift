// SPDX-License-Identifier: MIT

@testable import BackingTable
import BackingTableTestSupport
import Testing

/// Small numbers of operations, in every order in which their accesses to shared memory can come.
///
/// After each run: the answers are such as one thread could have got (linearizability); nobody visited memory that had
/// been handed back, or was not an entry yet; at no time did two entries show the same id; and the counts are right.
@Suite(.serialized)
struct InterleavingTests {
    enum Do {
        case insert(EntryID?)
        /// Removes, and drops the table's reference.
        case remove(EntryID)
        /// Looks up, and keeps the reference.
        case open(EntryID)
        /// Looks up, and drops the reference.
        case lookup(EntryID)
        /// Looks at the id that the first entry shows to which it has kept a reference.
        case show
    }

    static let seed = TableSeed(number: 3)

    /// Where a key stands in the chain, of 2^64 places.
    static func position(_ id: EntryID) -> UInt64 { OrderKey(id, seed: seed).position }

    /// Ids whose keys lie in a part of the chain, told in sixteenths of it, in the order of their keys.
    static func ids(_ count: Int, from low: UInt64, below high: UInt64) -> [EntryID] {
        (1...).lazy.map { EntryID($0)! }
            .filter { (low..<high).contains(position($0) >> 60) }
            .prefix(count).sorted { OrderKey($0, seed: seed) < OrderKey($1, seed: seed) }
    }

    /// Runs threads on a table that holds these ids already, in this order.
    static func explore(
        _ name: String, initial: [EntryID] = [], threads: [[Do]],
        sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let interleaver = Interleaver(count: threads.count)
        var world: SteppedTable!
        var histories: [History] = []
        var kept: [[EntryPointer]] = []
        var live: [EntryID: Int] = [:]
        var seen: Set<[History.Event]> = []

        interleaver.runAll(
            prepare: {
                let writers = threads.count { $0.contains { $0.isWriting } }
                let table = SteppedTable(interleaver: interleaver, seed: seed, locksAreSteps: writers > 1)
                live = [:]
                for id in initial {
                    let number = table.makeEntry()
                    guard case .inserted = table.table(thread: 0).insert(table.entries[number], as: .server(id)) else { break }
                    live[id] = number
                }
                histories = threads.map { _ in History() }
                kept = threads.map { _ in [] }
                // Made before the threads run, so that an entry has its number whatever their order.
                let fresh = threads.map { $0.map { _ in table.makeEntry() } }
                world = table
                table.start()
                return threads.indices.map { thread in
                    {
                        for (step, what) in threads[thread].enumerated() {
                            perform(
                                what, entry: fresh[thread][step], thread: thread, world: table,
                                history: &histories[thread], kept: &kept[thread])
                        }
                    }
                }
            },
            check: {
                world.stop()
                let whole = History(live: live, candidate: .first, events: histories.flatMap(\.events))
                var mistakes = world.mistakes
                if seen.insert(whole.essence).inserted, !whole.isLinearizable {
                    mistakes.append("no one thread could have got these answers: \(whole.events)")
                }
                mistakes += checkCounts(world, kept: kept.flatMap { $0 })
                world.table(thread: 0).dismantle()
                guard !mistakes.isEmpty else { return true }
                Issue.record(
                    "\(name), run \(interleaver.runs), path \(interleaver.trail): \(mistakes.joined(separator: "; "))",
                    sourceLocation: sourceLocation)
                return false
            })
        #expect(interleaver.failure == nil, sourceLocation: sourceLocation)
        #expect(interleaver.runs > 1, "there is more than one order", sourceLocation: sourceLocation)
        print("interleavings: \(name): \(interleaver.runs) orders, \(seen.count) histories")
        interleaver.finish()
    }

    private static func perform(
        _ what: Do, entry fresh: Int, thread: Int, world: SteppedTable, history: inout History,
        kept: inout [EntryPointer]
    ) {
        let table = world.table(thread: thread)
        let start = world.tick()
        func note(_ action: History.Action, _ answer: History.Answer) {
            history.events.append(History.Event(action: action, answer: answer, start: start, end: world.tick()))
        }
        switch what {
        case .insert(let id):
            let answer = table.insert(world.entries[fresh], as: id.map { .server($0) } ?? .next)
            switch answer {
            case .inserted(let id): note(.insert(what.wanted, entry: fresh), .inserted(id))
            case .exists: note(.insert(what.wanted, entry: fresh), .exists)
            case .again: note(.insert(what.wanted, entry: fresh), .again)
            case .full, .needsMemory: preconditionFailure("there is room in a small table")
            }
        case .remove(let id):
            let entry = table.remove(id)
            note(.remove(id), .entry(entry.map { world.number(of: $0) }))
            if let entry { table.release(entry) }
        case .open(let id):
            let entry = table.lookup(id)
            note(.lookup(id), .entry(entry.map { world.number(of: $0) }))
            if let entry { kept.append(entry) }
        case .lookup(let id):
            let entry = table.lookup(id)
            note(.lookup(id), .entry(entry.map { world.number(of: $0) }))
            if let entry { table.release(entry) }
        case .show:
            guard let entry = kept.first else { break }
            table.host.observe(.access)
            note(.show(entry: world.number(of: entry)), .shown(entry.id))
        }
    }

    /// With no thread running: each entry that somebody has is there, and has as many references as owners.
    private static func checkCounts(_ world: SteppedTable, kept: [EntryPointer]) -> [String] {
        var owners: [Int: UInt32] = [:]
        for entry in kept { owners[world.number(of: entry), default: 0] += 1 }
        for (number, entry) in world.entries.enumerated() {
            guard entry.id != nil, !world.isPoisoned(entry) else { continue }
            owners[number, default: 0] += 1
        }
        return owners.compactMap { number, count in
            let entry = world.entries[number]
            if world.freed.contains(entry) { return "entry \(number) has owners and was handed back" }
            return entry.referenceCount == count ? nil : "entry \(number): \(entry.referenceCount) references, not \(count)"
        }
    }

    @Test func aLookupAndTheRemovalOfTheSame() {
        Self.explore("lookup, removal", initial: [5], threads: [[.lookup(5)], [.remove(5)]])
        Self.explore("open, removal", initial: [5], threads: [[.open(5)], [.remove(5)]])
    }

    /// Who has seen that an entry is anonymous does not find it any more.
    @Test func anEntryIsRemovedWhenItShowsNoID() {
        Self.explore("open, show, lookup, removal", initial: [5], threads: [[.open(5), .show, .open(5), .show], [.remove(5)]])
        Self.explore(
            "show while the id changes hands", initial: [5], threads: [[.open(5), .show, .lookup(5)], [.remove(5), .insert(5)]])
    }

    /// A reader on its way stands on an entry that is removed, and others before and behind it.
    @Test func aLookupThatStandsOnWhatIsRemoved() {
        let ids = Self.ids(3, from: 0, below: 1)
        for removals in [[0], [1], [0, 1], [1, 0]] {
            Self.explore(
                "lookup behind removals \(removals)", initial: ids,
                threads: [[.open(ids[2])], removals.map { .remove(ids[$0]) }])
        }
        Self.explore(
            "lookup between a removal and an insertion", initial: [ids[0], ids[2]],
            threads: [[.lookup(ids[2])], [.remove(ids[0]), .insert(ids[1])]])
    }

    @Test func aLookupAndTheInsertionOfTheSame() {
        Self.explore("lookup, insertion", threads: [[.lookup(5), .lookup(5)], [.insert(5)]])
        let ids = Self.ids(3, from: 0, below: 1)
        Self.explore(
            "lookups beside an insertion between them", initial: [ids[0], ids[2]],
            threads: [[.open(ids[1]), .open(ids[2])], [.insert(ids[1])]])
    }

    /// An id is removed and given to another entry while readers look for it.
    @Test func anIDThatChangesHands() {
        Self.explore("lookup, removal and insertion", initial: [5], threads: [[.open(5), .open(5)], [.remove(5), .insert(5)]])
        Self.explore(
            "lookup, removal, insertion, removal", initial: [5],
            threads: [[.open(5)], [.remove(5), .insert(5), .remove(5)]])
    }

    /// Entries lie before and behind the middle, where the bucket that holds them all is cut.
    @Test func lookupsWhileABucketIsCut() {
        let low = Self.ids(1, from: 1, below: 7)
        let high = Self.ids(2, from: 9, below: 15)
        Self.explore("lookup behind the cut", initial: [high[0]], threads: [[.lookup(high[0])], [.insert(low[0])]])
        Self.explore("lookup before the cut", initial: [low[0]], threads: [[.open(low[0])], [.insert(high[0])]])
        Self.explore(
            "lookup of what is inserted behind the cut", initial: [high[0]],
            threads: [[.lookup(high[1]), .lookup(high[0])], [.insert(high[1])]])
        Self.explore(
            "cut and removal", initial: [high[0]], threads: [[.lookup(high[0])], [.insert(high[1]), .remove(high[0])]])
    }

    @Test func writersOfTheSameID() {
        Self.explore("two insertions", threads: [[.insert(5)], [.insert(5)], [.open(5)]])
        Self.explore("two removals", initial: [5], threads: [[.remove(5)], [.remove(5)]])
        Self.explore("server's and kernel's choice", threads: [[.insert(1)], [.insert(nil), .insert(nil)]])
        Self.explore("insertion and removal", initial: [5], threads: [[.insert(5), .open(5)], [.remove(5)]])
    }
}

extension InterleavingTests.Do {
    /// The id that an insertion asks for.
    var wanted: EntryID? {
        guard case .insert(let id) = self else { return nil }
        return id
    }

    var isWriting: Bool {
        switch self {
        case .insert, .remove: true
        case .open, .lookup, .show: false
        }
    }
}
