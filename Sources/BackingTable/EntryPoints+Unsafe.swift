// SPDX-License-Identifier: MIT

// The table for C, and so for Linux: compiled into the freestanding object alone (see Kernel/object).
#if BACKING_TABLE_ENTRY_POINTS

// What the object needs from C, and all that it needs. `context` is the caller's, passed through.

@_extern(c, "backing_host_lock")
func hostLock(_ context: UnsafeMutableRawPointer)
@_extern(c, "backing_host_unlock")
func hostUnlock(_ context: UnsafeMutableRawPointer)
@_extern(c, "backing_host_alloc_segment")
func hostAllocateSegment(_ context: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer?
@_extern(c, "backing_host_free_segment")
func hostFreeSegment(_ context: UnsafeMutableRawPointer, _ segment: UnsafeMutableRawPointer)
@_extern(c, "backing_host_retire")
func hostRetire(_ context: UnsafeMutableRawPointer, _ entry: UnsafeMutableRawPointer)

/// A host in C: a spinlock, `kzalloc(4096)`, `kfree`, and something like `call_rcu`.
///
/// Read sections are the caller's: what begins one is no function in Linux but a few instructions, better inlined by C
/// around the call of `backing_table_lookup`.
@safe
struct CHost: TableHost {
    let context: UnsafeMutableRawPointer

    // Safe: the context is only handed back to those who gave it.
    func lock() { unsafe hostLock(context) }
    func unlock() { unsafe hostUnlock(context) }

    func allocateSegment() -> SegmentPointer? {
        guard let address = unsafe hostAllocateSegment(context) else { return nil }
        // Safe: 4096 zeroed bytes are what the function is there to return.
        return unsafe SegmentPointer(address)
    }

    func freeSegment(_ segment: SegmentPointer) {
        // Faults for a detector to find, in objects that are built to be found out.
        #if BACKING_TABLE_PLANT_LEAK
        // By a word that is a sentinel in the first segment of all, whose lower half is not used.
        guard segment.cell(256).current() == .end else { return }
        #endif
        unsafe hostFreeSegment(context, segment.address)
        #if BACKING_TABLE_PLANT_USE_AFTER_FREE
        segment.cell(0).prepare(.end)
        #endif
    }

    func beginRead() {}
    func endRead(_: Void) {}
    func retire(_ entry: EntryPointer) { unsafe hostRetire(context, entry.address) }
}

// Safe, in all of the functions below: C passes what their comments ask for.

private func table(_ state: UnsafeMutableRawPointer, _ context: UnsafeMutableRawPointer) -> BackingTable<CHost> {
    unsafe BackingTable(state: TableStatePointer(state), host: CHost(context: context))
}

/// The bytes of a header, for a check while C is compiled or starts.
@c(backing_table_state_size)
public func backingTableStateSize() -> Int { TableStatePointer.byteCount }

/// Makes a table in `state`, of a header's size, with the 2048 zeroed bytes at `first`. `limit`: at most INT32_MAX. The
/// seed is 128 random bits, in two words.
@c(backing_table_init)
public func backingTableInitialize(
    _ state: UnsafeMutableRawPointer, _ first: UnsafeMutableRawPointer, _ limit: UInt32, _ seed: UInt64, _ seedToo: UInt64
) {
    unsafe TableStatePointer(state).initialize(
        first: SegmentPointer(first), limit: limit, seed: TableSeed(seed, seedToo))
}

/// Inserts an entry: under the id in `id`, or under one of the table's (1 to INT32_MAX) if that is 0, which is then in `id`.
/// 0, or -ENOMEM, -ENOSPC, -EEXIST, -EAGAIN. May sleep.
@c(backing_table_insert)
public func backingTableInsert(
    _ state: UnsafeMutableRawPointer, _ context: UnsafeMutableRawPointer, _ entry: UnsafeMutableRawPointer,
    _ id: UnsafeMutablePointer<UInt64>
) -> Int32 {
    let choice: IDChoice = if let wanted = unsafe EntryID(id.pointee) { .server(wanted) } else { .next }
    switch unsafe table(state, context).insert(EntryPointer(entry), as: choice) {
    case .inserted(let given):
        unsafe id.pointee = given.rawValue
        return 0
    case .needsMemory: return -12
    case .full: return -28
    case .exists: return -17
    case .again: return -11
    }
}

/// Removes an id. The entry, with the table's reference now the caller's, or NULL.
@c(backing_table_remove)
public func backingTableRemove(
    _ state: UnsafeMutableRawPointer, _ context: UnsafeMutableRawPointer, _ id: UInt64
) -> UnsafeMutableRawPointer? {
    guard let id = EntryID(id) else { return nil }
    return unsafe table(state, context).remove(id)?.address
}

/// The entry of an id, with a reference, or NULL. Call it between `rcu_read_lock` and `rcu_read_unlock`.
@c(backing_table_lookup)
public func backingTableLookup(
    _ state: UnsafeMutableRawPointer, _ context: UnsafeMutableRawPointer, _ id: UInt64
) -> UnsafeMutableRawPointer? {
    guard let id = EntryID(id) else { return nil }
    let found = unsafe table(state, context).lookupInSection(id)
    #if BACKING_TABLE_PLANT_RACE
    // Another such fault: plain memory, written without the lock; often, since a sanitizer looks at one access in
    // hundreds and then waits for another processor to make the same. (The id is read so that each is a write.)
    if let found {
        for _ in 0..<20_000 where found.id != nil { found.padding &+= 1 }
    }
    #endif
    return unsafe found?.address
}

/// One reference less. If it was the last, `backing_host_retire` is called.
@c(backing_entry_put)
public func backingEntryPut(_ context: UnsafeMutableRawPointer, _ entry: UnsafeMutableRawPointer) {
    if unsafe EntryPointer(entry).dropReference() { unsafe hostRetire(context, entry) }
}

/// Empties a table that nobody uses any more and gives back its segments, except for the first. How many entries somebody
/// still has a reference to.
@c(backing_table_dismantle)
public func backingTableDismantle(_ state: UnsafeMutableRawPointer, _ context: UnsafeMutableRawPointer) -> UInt32 {
    unsafe table(state, context).dismantle()
}

#endif
