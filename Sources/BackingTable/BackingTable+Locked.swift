// SPDX-License-Identifier: MIT

extension BackingTable {
    /// An insertion, for who holds the lock.
    ///
    /// The checks come in the order of the ioctl's contract: memory, room, and then the id.
    ///
    /// `spare` is a segment that the table may use; nil afterwards if it did. If the answer is `.needsMemory`,
    ///   drop the lock, allocate one, and call again.
    @inlinable
    public func insertLocked(_ entry: EntryPointer, as choice: IDChoice, spare: inout SegmentPointer?) -> Insertion {
        let bucketCount = state.bucketCountUnderLock
        let grows = state.liveCount >= bucketCount
        if grows, !hasRoom(forBucket: bucketCount, spare: &spare) { return .needsMemory }
        guard state.liveCount < state.limit else { return .full }

        let id: EntryID
        let refusal: Insertion
        switch choice {
        case .next:
            id = state.candidate
            state.skipCandidate()
            refusal = .again
        case .server(let chosen):
            id = chosen
            refusal = .exists
        }

        let key = OrderKey(id, seed: state.seed)
        let place = find(key, bucketCount: bucketCount)
        guard place.entry == nil else { return refusal }

        host.observe(.access)
        entry.initialize(id: id, key: key)
        entry.next.prepare(place.cell.current())
        host.observe(.access)
        place.cell.publish(Link(to: entry))

        state.setLiveCount(state.liveCount &+ 1)
        if grows { addBucket(number: bucketCount) }
        return .inserted(id)
    }

    /// A removal, for who holds the lock.
    @inlinable
    public func removeLocked(_ id: EntryID) -> EntryPointer? {
        let key = OrderKey(id, seed: state.seed)
        let place = find(key, bucketCount: state.bucketCountUnderLock)
        guard let entry = place.entry else { return nil }
        host.observe(.access)
        entry.makeAnonymous()
        // The entry's own link stays: a reader may be standing on it.
        host.observe(.access)
        place.cell.publish(entry.next.current())
        state.setLiveCount(state.liveCount &- 1)
        return entry
    }

    /// The cell after which a key belongs, and the entry that has the key, if there is one (the cell links to it).
    @inlinable
    func find(_ key: OrderKey, bucketCount: UInt32) -> (cell: LinkCell, entry: EntryPointer?) {
        var cell = sentinel(of: Bucket(of: key, count: bucketCount))
        // A sentinel or the end of the chain: the bucket ends here, for nobody adds one while we hold the lock.
        while let entry = cell.current().entry {
            host.visit(entry)
            let found = entry.key
            if found == key { return (cell, entry) }
            guard found < key else { return (cell, nil) }
            cell = entry.next
        }
        return (cell, nil)
    }

    /// Cuts a bucket in two. The memory for it is there.
    @inlinable
    func addBucket(number: UInt32) {
        let bucket = Bucket(number: number)
        let added = sentinel(of: bucket)
        var cell = sentinel(of: bucket.parent)
        while let entry = cell.current().entry {
            host.visit(entry)
            // A sentinel comes before the entry with the same key.
            if bucket <= entry.key { break }
            cell = entry.next
        }
        host.observe(.access)
        added.prepare(cell.current())
        host.observe(.access)
        cell.publish(Link(to: bucket))
        host.observe(.access)
        state.addedBucket(count: number &+ 1)
    }

    /// Whether there is memory for the sentinel of the next bucket. Takes the spare segment if one is missing; more than
    /// one may be, if a directory is.
    @inlinable
    func hasRoom(forBucket number: UInt32, spare: inout SegmentPointer?) -> Bool {
        // The one before it lies in the same segment, for 511 of 512.
        guard number >= 256, SentinelPath.beginsSegment(number) else { return true }
        let path = SentinelPath(number: number)
        var place = state.top(path.top)
        var storey = path.storeys
        while true {
            host.observe(.directory)
            if place.segment == nil {
                place.segment = spare
                spare = nil
            }
            guard let segment = place.segment else { return false }
            guard storey > 0 else { return true }
            place = segment.place(path.turn(at: storey))
            storey = storey &- 1
        }
    }
}
