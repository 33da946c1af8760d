// SPDX-License-Identifier: MIT

import BackingTable
import BackingTableTestSupport
import BackingTableHost
import Synchronization
import Testing

/// Who has begun and ended.
final class Ledger: Sendable {
    private let ended = Locked<[Int: Int]>([:])
    private let beginCount = Atomic<Int>(0)
    private let endCount = Atomic<Int>(0)

    /// Payloads that are there.
    var alive: Int { beginCount.load(ordering: .acquiring) - endCount.load(ordering: .acquiring) }

    /// How many with this number have ended.
    func ended(_ number: Int) -> Int { ended.withLock { $0[number, default: 0] } }

    fileprivate func begin() { beginCount.wrappingAdd(1, ordering: .acquiringAndReleasing) }

    fileprivate func end(_ number: Int) {
        ended.withLock { $0[number, default: 0] += 1 }
        endCount.wrappingAdd(1, ordering: .acquiringAndReleasing)
    }
}

/// A payload that nobody can copy, and that tells when it ends.
struct Payload: ~Copyable, Sendable {
    let number: Int
    let ledger: Ledger

    init(_ number: Int, in ledger: Ledger) {
        self.number = number
        self.ledger = ledger
        ledger.begin()
    }

    deinit { ledger.end(number) }
}

// What `#expect` cannot take apart, since it may not be copied.

func check(_ condition: Bool, sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(condition, sourceLocation: sourceLocation)
}

struct NotFound: Error {}

extension BackingFileMap where Payload: ~Copyable {
    func finds(_ id: EntryID) -> Bool { lookup(id) != nil }
    func removes(_ id: EntryID) -> Bool { remove(id) != nil }

    func open(_ id: EntryID) throws -> Reference<Payload> {
        guard let found = lookup(id) else { throw NotFound() }
        return found
    }

    func taken(_ id: EntryID) throws -> Reference<Payload> {
        guard let removed = remove(id) else { throw NotFound() }
        return removed
    }
}

extension BackingFileMap<BackingTableHostTests.Payload> {
    /// The number of the payload with this id.
    func number(_ id: EntryID) -> Int? { lookup(id)?.withPayload { $0.number } }
}

func isNone<Value: ~Copyable>(_ value: borrowing Value?) -> Bool { value == nil }

func number(_ payload: borrowing Payload?) -> Int? {
    switch payload {
    case .some(let payload): payload.number
    case nil: nil
    }
}
