// SPDX-License-Identifier: MIT

public import BackingTable

/// One owner's hold on a payload. It ends with its owner; the payload ends with the last one.
public struct Reference<Payload: ~Copyable & Sendable>: ~Copyable, Sendable {
    @usableFromInline let map: BackingFileMap<Payload>
    @usableFromInline let entry: EntryPointer

    @inlinable
    init(map: BackingFileMap<Payload>, entry: EntryPointer) {
        self.map = map
        self.entry = entry
    }

    deinit { map.table.release(entry) }

    /// The id that finds it; nil once that has been removed.
    @inlinable
    public var id: EntryID? { entry.id }

    /// One owner more.
    @inlinable
    public func share() -> Reference<Payload> {
        map.table.retain(entry)
        return Reference(map: map, entry: entry)
    }

    /// Lends the payload.
    @inlinable
    public func withPayload<Result: ~Copyable, Failure: Error>(
        _ body: (borrowing Payload) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        // Safe: this reference keeps it.
        try unsafe body(Node(entry).payload().pointee)
    }

    /// Whether this is a reference to the same entry.
    @inlinable
    public func isSame(as other: borrowing Reference<Payload>) -> Bool { entry == other.entry }
}

extension Reference {
    /// A copy of the payload.
    @inlinable
    public var payload: Payload { withPayload { $0 } }
}

extension UserHost where Payload: ~Copyable {
    /// Moves a payload into an entry that nobody has seen.
    @usableFromInline
    func fill(_ entry: EntryPointer, with payload: consuming Payload) {
        // Safe: the memory was allocated for it.
        unsafe Node(entry).payload().initialize(to: payload)
    }

    /// Moves it out again.
    @usableFromInline
    func empty(_ entry: EntryPointer) -> Payload {
        // Safe: it was filled, and refused by the table.
        let payload = unsafe Node(entry).payload(Payload.self).move()
        freeEntry(entry)
        return payload
    }
}
