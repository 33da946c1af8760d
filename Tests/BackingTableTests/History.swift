// SPDX-License-Identifier: MIT

import BackingTable
import BackingTableTestSupport

/// What threads did to a table, and whether it is what one thread could have done.
struct History {
    enum Action: Hashable {
        case insert(EntryID?, entry: Int)
        case remove(EntryID)
        case lookup(EntryID)
        /// Looks at the id that an entry shows.
        case show(entry: Int)
    }

    enum Answer: Hashable {
        case inserted(EntryID)
        case exists
        case again
        case entry(Int?)
        case shown(EntryID?)
    }

    struct Event: Hashable {
        var action: Action
        var answer: Answer
        var start: Int
        var end: Int
    }

    /// Before the threads began.
    var live: [EntryID: Int] = [:]
    var candidate: EntryID = .first
    var events: [Event] = []

    /// Whether there is an order of the events, in which each that ended before another began comes before it, that gives
    /// these answers on one thread (linearizability, by trying them all).
    var isLinearizable: Bool { Self.hasOrder(events, live: live, candidate: candidate) }

    private static func hasOrder(_ events: [Event], live: [EntryID: Int], candidate: EntryID) -> Bool {
        guard let firstEnd = events.map(\.end).min() else { return true }
        for (index, event) in events.enumerated() where event.start <= firstEnd {
            var live = live
            var candidate = candidate
            guard answer(to: event.action, live: &live, candidate: &candidate) == event.answer else { continue }
            var rest = events
            rest.remove(at: index)
            if hasOrder(rest, live: live, candidate: candidate) { return true }
        }
        return false
    }

    private static func answer(
        to action: Action, live: inout [EntryID: Int], candidate: inout EntryID
    ) -> Answer {
        switch action {
        case .insert(let wanted, let entry):
            let id = wanted ?? candidate
            if wanted == nil { candidate = EntryID(candidate.rawValue + 1)! }
            guard live[id] == nil else { return wanted == nil ? .again : .exists }
            live[id] = entry
            return .inserted(id)
        case .remove(let id): return .entry(live.removeValue(forKey: id))
        case .lookup(let id): return .entry(live[id])
        case .show(let entry): return .shown(live.first { $0.value == entry }?.key)
        }
    }

    /// The same history, with times that say no more than what came before what: for telling histories apart.
    var essence: [Event] {
        let times = Set(events.flatMap { [$0.start, $0.end] }).sorted()
        let ranks = Dictionary(uniqueKeysWithValues: times.enumerated().map { ($1, $0) })
        return events.map { Event(action: $0.action, answer: $0.answer, start: ranks[$0.start]!, end: ranks[$0.end]!) }
    }
}
