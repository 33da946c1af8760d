// SPDX-License-Identifier: MIT

public import BackingTable

/// What a map is made of, besides the table: one block, which stays where it is as long as the map lives.
@usableFromInline
struct MapState: ~Copyable {
    let writers = SystemLock()
    let memory: MapMemory
    let gracePeriods: GracePeriods

    init?(memory: MapMemory, nodeByteCount: Int) {
        guard let gracePeriods = GracePeriods(memory: memory, nodeByteCount: nodeByteCount) else { return nil }
        self.memory = memory
        self.gracePeriods = gracePeriods
    }
}

/// The table's host in user space: a mutex, `calloc`, and `GracePeriods`.
@frozen
@safe
@usableFromInline
struct UserHost<Payload: ~Copyable & Sendable>: TableHost, @unchecked Sendable {
    @usableFromInline let state: UnsafeMutablePointer<MapState>

    // Safe, all below: the state lives as long as the map, and so do the map's operations.

    init?(memory: MapMemory) {
        let node = Node.layout(for: Payload.self)
        guard let state = MapState(memory: memory, nodeByteCount: node.byteCount) else { return nil }
        unsafe self.state = .allocate(capacity: 1)
        unsafe self.state.initialize(to: state)
    }

    /// Ends it all. Nobody uses the map any more.
    @usableFromInline
    func destroy() {
        unsafe state.pointee.gracePeriods.collectAll()
        unsafe state.deinitialize(count: 1)
        unsafe state.deallocate()
    }

    @usableFromInline
    func lock() { unsafe state.pointee.writers.lock() }

    @usableFromInline
    func unlock() { unsafe state.pointee.writers.unlock() }

    @usableFromInline
    func allocateSegment() -> SegmentPointer? {
        guard let address = unsafe state.pointee.memory.allocate(.segment, SegmentPointer.byteCount) else { return nil }
        return unsafe SegmentPointer(address)
    }

    @usableFromInline
    func freeSegment(_ segment: SegmentPointer) {
        unsafe state.pointee.memory.deallocate(.segment, SegmentPointer.byteCount, segment.address)
    }

    @usableFromInline
    func beginRead() -> ReadSection { unsafe state.pointee.gracePeriods.begin() }

    @usableFromInline
    func endRead(_ section: ReadSection) { unsafe state.pointee.gracePeriods.end(section) }

    /// The payload ends here and now: nobody has a reference, and no reader looks at more than the table's part. Only that
    /// part's memory waits for the grace period.
    @usableFromInline
    func retire(_ entry: EntryPointer) {
        let node = Node(entry)
        unsafe node.payload(Payload.self).deinitialize(count: 1)
        unsafe state.pointee.gracePeriods.retire(node)
    }

    @usableFromInline
    func allocateEntry() -> EntryPointer? {
        let byteCount = Node.layout(for: Payload.self).byteCount
        return unsafe state.pointee.memory.allocate(.entry, byteCount).map { unsafe EntryPointer($0) }
    }

    /// Takes back an entry that nobody has seen. Its payload has been moved out.
    @usableFromInline
    func freeEntry(_ entry: EntryPointer) {
        let byteCount = Node.layout(for: Payload.self).byteCount
        unsafe state.pointee.memory.deallocate(.entry, byteCount, entry.address)
    }

    /// The header of a table with its first 2 KiB, in one block.
    @usableFromInline
    func allocateTable() -> (state: TableStatePointer, first: SegmentPointer)? {
        guard let address = unsafe state.pointee.memory.allocate(.table, Self.tableByteCount) else { return nil }
        return unsafe (TableStatePointer(address + SegmentPointer.firstByteCount), SegmentPointer(address))
    }

    @usableFromInline
    func freeTable(first: SegmentPointer) {
        unsafe state.pointee.memory.deallocate(.table, Self.tableByteCount, first.address)
    }

    private static var tableByteCount: Int { SegmentPointer.firstByteCount + TableStatePointer.byteCount }

    @usableFromInline
    var garbage: Int { unsafe state.pointee.gracePeriods.garbage }

    @usableFromInline
    func collect() { unsafe state.pointee.gracePeriods.collect() }
}
