// SPDX-License-Identifier: MIT

/// The map from backing id to backing.
///
/// # Rules
///
/// **Shape.** One chain of all entries, ordered by `OrderKey`, with sentinels in between that make it a hash table: a
/// split-ordered list (Shalev and Shavit). A bucket is the part of the chain from its sentinel to the next one. There
/// are n buckets for at most n entries. When entry n + 1 comes, one bucket is cut in two by linking one more sentinel
/// into its chain; buckets are cut in turn. Nothing is ever rehashed or moved, no bucket waits for its parent to exist,
/// and growth costs each insertion one short walk.
///
/// **Life cycle of an entry.** The host allocates it and passes it to `insert`, once. From then on the table owns one
/// reference, and others come from `lookup`. `remove` makes the entry anonymous, unlinks it, and hands the table's
/// reference to its caller. Whoever drops the last reference has the host retire it, and the host may use its memory
/// for something else when the grace period is over. An entry is not inserted again.
///
/// **Life cycle of a table.** The host allocates the header and the first 2 KiB and makes a table of them; more comes
/// from it in segments, when an insertion asks. A table never shrinks: what it holds is 8 bytes for each entry of its
/// fullest moment, a fraction of what each of these entries took itself; ids that were needed once will be needed
/// again; and taking sentinels away would need a grace period in the middle of a removal, which could then fail. It
/// gives everything back in `dismantle`.
///
/// **Who may do what.** Everything but lookups changes the table under the host's lock, one writer at a time. Lookups
/// run beside writers and each other. `dismantle` is for who has the table alone.
///
/// **Progress.** A lookup takes no lock and waits for nobody: keys rise along the chain and it stops at the first that
/// is not smaller than its own; only taking the reference may need another round, when another thread changed that very
/// count in between. A writer waits for the lock alone. The lock is held for a number of steps that does not
/// depend on how many entries there are: one walk through one bucket, and for an insertion one more walk through the
/// bucket to be cut. No loop under the lock waits for a free id, for memory or for a reader.
///
/// **Lookups and removals.** A reader may stand on an entry that is being removed. It gets on: the entry's own link stays
/// as it was, and leads to entries that were in the chain when the reader had already begun, which are hence
/// not freed before it ends. What orders the chain is the key, which does not change; the shown id becomes 0, and that
/// is the moment of the removal, before the unlinking: a reader that stands on the entry it looks for answers by the
/// shown id. So nobody who has seen an entry to be anonymous finds it afterwards.
///
/// **Lookups and growth.** A reader may have an old bucket count. Then it begins at the sentinel of the bucket that
/// has been cut, and passes the new sentinel on its way. The new count is stored after the sentinel is linked, so none
/// begins at a sentinel that is not there.
///
/// **Memory orders.** Readers follow links acquiring, writers store links that readers may follow releasing: that makes
/// a published entry's key, count and link (and what the host wrote to it before) visible to who finds it. Writers read
/// links relaxed, being ordered among themselves by the lock. The bucket count is stored releasing and loaded
/// acquiring, and covers the directories and sentinels, which are read relaxed. Shown ids are stored releasing and
/// loaded acquiring. References are taken relaxed, by who can see the entry already; they are dropped releasing and
/// acquiring, so that the end of an entry comes after all uses. There is no fence anywhere.
@frozen
public struct BackingTable<Host: TableHost> {
    public let state: TableStatePointer
    public let host: Host

    /// `state` is a header that has been initialised.
    @inlinable
    public init(state: TableStatePointer, host: Host) {
        self.state = state
        self.host = host
    }

    /// Puts an entry in. The table then owns a reference to it; unless it answers `.inserted`, the entry is still the
    /// caller's.
    ///
    /// `.again` and all the others are left to the caller: no loop here but the one that gives the table the segments
    /// that it asks for, each allocated without the lock.
    @inlinable
    public func insert(_ entry: EntryPointer, as choice: IDChoice) -> Insertion {
        var spare: SegmentPointer? = nil
        while true {
            host.lock()
            let answer = insertLocked(entry, as: choice, spare: &spare)
            host.unlock()
            if answer == .needsMemory {
                spare = host.allocateSegment()
                guard spare == nil else { continue }
            }
            if let unused = spare { host.freeSegment(unused) }
            return answer
        }
    }

    /// Takes an id out of the table: the entry is anonymous from now on, and lookups do not find it. Nil if the id is not
    /// live. The caller owns the reference that was the table's.
    @inlinable
    public func remove(_ id: EntryID) -> EntryPointer? {
        host.lock()
        let entry = removeLocked(id)
        host.unlock()
        return entry
    }

    /// The entry with this id, with a reference that the caller owns; nil if there is none.
    @inlinable
    public func lookup(_ id: EntryID) -> EntryPointer? {
        let section = host.beginRead()
        let entry = lookupInSection(id)
        host.endRead(section)
        return entry
    }

    /// One more reference, for who has one.
    @inlinable
    public func retain(_ entry: EntryPointer) {
        host.observe(.access)
        _ = entry.tryRetain()
    }

    /// Drops a reference. True if it was the last.
    @inlinable
    @discardableResult
    public func release(_ entry: EntryPointer) -> Bool {
        host.observe(.access)
        guard entry.dropReference() else { return false }
        host.retire(entry)
        return true
    }

    /// Empties the table: drops its references, each entry made anonymous first, and gives back all segments but the
    /// first. References that others own stay good. Nobody may be using the table, or use it afterwards.
    /// - Returns: how many entries others own references to.
    @inlinable
    @discardableResult
    public func dismantle() -> UInt32 {
        var owned: UInt32 = 0
        var link = state.first.cell(0).current()
        while link != .end {
            if let sentinel = link.sentinel {
                link = self.sentinel(of: sentinel).current()
            } else if let entry = link.entry {
                link = entry.next.current()
                entry.makeAnonymous()
                if !release(entry) { owned = owned &+ 1 }
            }
        }
        state.first.cell(0).prepare(.end)
        state.setLiveCount(0)
        for number: UInt32 in 0..<SentinelPath.topCount {
            let top = state.top(number)
            guard let segment = top.segment else { continue }
            top.segment = nil
            free(segment, storeys: SentinelPath.storeys(ofTop: number))
        }
        return owned
    }

    /// Gives back a segment, and what it leads to if it is a directory. (Three storeys at most: the depth is bounded.)
    @inlinable
    func free(_ segment: SegmentPointer, storeys: UInt32) {
        if storeys > 0 {
            for turn: UInt32 in 0..<512 {
                if let below = segment.place(turn).segment { free(below, storeys: storeys &- 1) }
            }
        }
        host.freeSegment(segment)
    }
}

extension BackingTable: Sendable where Host: Sendable {}
