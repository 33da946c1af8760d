// SPDX-License-Identifier: MIT

public import BackingTable

/// A map from id to payload that any number of threads may use at once: the table that FUSE passthrough wants in the
/// kernel, in user space.
///
/// Looking up takes no lock and waits for nobody. Inserting and removing take a mutex, for a bounded number of steps. A
/// payload is kept alive by references: the map's own, until its id is removed, and those that `lookup` and `remove`
/// return. It ends with the last, on the thread that drops it. Its entry's memory is handed back later, when no lookup can
/// be standing on it (`garbageCount`); what that promises is told in `Configuration.maximumGarbage`.
public final class BackingFileMap<Payload: ~Copyable & Sendable>: Sendable {
    @usableFromInline let table: BackingTable<UserHost<Payload>>
    @usableFromInline let first: SegmentPointer
    @usableFromInline let maximumGarbage: Int

    /// Makes an empty map.
    ///
    /// - Throws: `.noMemory`
    public init(_ configuration: MapConfiguration = MapConfiguration()) throws(InsertionRefusal) {
        guard let host = UserHost<Payload>(memory: configuration.memory) else { throw .noMemory }
        guard let block = host.allocateTable() else {
            host.destroy()
            throw .noMemory
        }
        block.state.initialize(
            first: block.first, candidate: configuration.firstID, limit: min(configuration.limit, MapConfiguration.maximumLimit),
            seed: configuration.seed)
        table = BackingTable(state: block.state, host: host)
        first = block.first
        maximumGarbage = configuration.maximumGarbage
    }

    deinit {
        // References keep the map alive, so there are none, and no operation either.
        table.dismantle()
        table.host.freeTable(first: first)
        table.host.destroy()
    }

    /// Puts a payload in.
    ///
    /// - Parameters:
    ///   - payload: taken, and nil afterwards, if and only if it was inserted. Nil is a mistake of the caller's.
    ///   - choice: `.next` tries one id; `.again` means that it was live, and that trying again makes progress.
    /// - Returns: the id.
    /// - Throws: why it was refused; nothing changed then, except as `.again` says.
    @inlinable
    public func insert(
        _ payload: inout Payload?, as choice: IDChoice = .next
    ) throws(InsertionRefusal) -> EntryID {
        guard hasRoomForGarbage(), let entry = table.host.allocateEntry() else { throw .noMemory }
        guard let taken = payload.take() else { preconditionFailure("BackingFileMap.insert: no payload") }
        table.host.fill(entry, with: taken)
        let refusal: InsertionRefusal
        switch table.insert(entry, as: choice) {
        case .inserted(let id): return id
        case .needsMemory: refusal = .noMemory
        case .full: refusal = .full
        case .exists: refusal = .exists
        case .again: refusal = .again
        }
        payload = .some(table.host.empty(entry))
        throw refusal
    }

    /// Puts a payload in, or drops it if it is refused.
    @inlinable
    public func insert(
        _ payload: consuming Payload, as choice: IDChoice = .next
    ) throws(InsertionRefusal) -> EntryID {
        var payload: Payload? = .some(payload)
        return try insert(&payload, as: choice)
    }

    /// The payload with this id.
    @inlinable
    public func lookup(_ id: EntryID) -> Reference<Payload>? {
        guard let entry = table.lookup(id) else { return nil }
        return Reference(map: self, entry: entry)
    }

    /// Takes an id out: it is free from now on, and the entry that had it is anonymous. Nil if it is not live.
    ///
    /// - Returns: the map's reference. Dropping it ends the payload, unless others have references too.
    @inlinable
    public func remove(_ id: EntryID) -> Reference<Payload>? {
        guard let entry = table.remove(id) else { return nil }
        return Reference(map: self, entry: entry)
    }

    /// How many ids are live.
    public var count: Int {
        table.host.lock()
        defer { table.host.unlock() }
        return Int(table.state.liveCount)
    }

    /// How many entries have ended whose memory has not been handed back yet.
    public var garbageCount: Int { table.host.garbage }

    /// Hands back the memory of entries on which no lookup can be standing any more. It happens by itself every so often.
    public func collectGarbage() { table.host.collect() }

    @usableFromInline
    func hasRoomForGarbage() -> Bool {
        guard table.host.garbage >= maximumGarbage else { return true }
        table.host.collect()
        return table.host.garbage < maximumGarbage
    }

    /// Runs something as a writer that stalls with the lock held would.
    package func stallingWriter(_ body: () -> Void) {
        table.host.lock()
        body()
        table.host.unlock()
    }

    /// Runs something as a reader that stalls in the middle of a lookup would.
    package func stallingReader(_ body: () -> Void) {
        let section = table.host.beginRead()
        body()
        table.host.endRead(section)
    }

    /// Changes how many ids may be live, and which the counter tries next.
    package func set(limit: UInt32? = nil, candidate: EntryID? = nil) {
        table.host.lock()
        if let limit { table.state.limit = limit }
        if let candidate { table.state.candidate = candidate }
        table.host.unlock()
    }

    /// Has the counter step, as a candidate that is live would.
    package func skipCandidate() {
        table.host.lock()
        table.state.skipCandidate()
        table.host.unlock()
    }

    /// Whether fewer ids are live than the limit allows.
    package var hasFreeID: Bool {
        table.host.lock()
        defer { table.host.unlock() }
        return table.state.liveCount < table.state.limit
    }
}

/// How a map behaves.
public struct MapConfiguration: Sendable {
    /// How many ids may be live at once; INT32_MAX at most.
    public var limit = MapConfiguration.maximumLimit

    /// INT32_MAX: there may be that many of the ids that the counter gives out, and buckets are numbered in 31 bits.
    public static var maximumLimit: UInt32 { 0x7FFF_FFFF }

    /// Where the counter begins. It goes on to INT32_MAX, and then from 1.
    public var firstID: EntryID = .first

    /// How much garbage there may be before insertions are refused (`.noMemory`), in entries.
    ///
    /// It only ever comes to that when a thread is stopped by the system in the middle of a lookup, while others insert
    /// and remove this many entries. Neither they nor removals, lookups and references ever wait for it.
    public var maximumGarbage = 1 << 20

    /// Decides where entries are put. Drawn for each map, so that nobody can choose ids that collide.
    public var seed = TableSeed(.random(in: .min ... .max), .random(in: .min ... .max))

    package var memory = MapMemory.system

    public init() {}
}

/// Why a payload was not inserted, or a map not made.
public enum InsertionRefusal: Error, Equatable, Sendable {
    /// There is none for the entry or for more buckets, or garbage waits for a stalled reader. (ENOMEM)
    case noMemory
    /// As many ids are live as the limit allows. (ENOSPC)
    case full
    /// The chosen id is live. (EEXIST)
    case exists
    /// The counter's id is live, and it has stepped. (EAGAIN)
    case again
}
