// SPDX-License-Identifier: MIT

extension BackingTable {
    /// A lookup, for who is in a read section.
    @inlinable
    public func lookupInSection(_ id: EntryID) -> EntryPointer? {
        let key = OrderKey(id, seed: state.seed)
        host.observe(.access)
        let start = Bucket(of: key, count: state.bucketCount)
        var cell = sentinel(of: start)
        while true {
            host.observe(.access)
            let link = cell.follow()
            if let sentinel = link.sentinel {
                // The bucket ends here, unless it has been cut since this lookup read the bucket count.
                guard sentinel <= key else { return nil }
                host.observe(.sentinel)
                cell = self.sentinel(of: sentinel)
                continue
            }
            guard let entry = link.entry else { return nil }
            host.visit(entry)
            let found = entry.key
            guard found == key else {
                guard found < key else { return nil }
                cell = entry.next
                continue
            }
            // The entry of this id, but it may have been removed while this lookup was on its way.
            host.observe(.access)
            guard entry.shownID == id.rawValue else { return nil }
            host.observe(.access)
            return entry.tryRetain() ? entry : nil
        }
    }

    /// Where the sentinel of a bucket lies that has been added.
    @inlinable
    func sentinel(of bucket: Bucket) -> LinkCell {
        let number = bucket.number
        guard number >= 256 else { return state.first.cell(number) }
        // Nearly all are below one directory, whose way needs no loop.
        guard number >= SentinelPath.firstBelowDirectory, number < SentinelPath.firstBelowTwo else {
            return distantSentinel(number)
        }
        host.observe(.directory)
        let segment = state.top(SentinelPath.directory(of: number)).filled.place((number &>> 9) & 511).filled
        host.observe(.directory)
        return segment.cell(number & 511)
    }

    /// The same for any number from 256 up.
    @inlinable @inline(never)
    func distantSentinel(_ number: UInt32) -> LinkCell {
        let path = SentinelPath(number: number)
        var segment = state.top(path.top).filled
        var storey = path.storeys
        while storey > 0 {
            host.observe(.directory)
            segment = segment.place(path.turn(at: storey)).filled
            storey = storey &- 1
        }
        host.observe(.directory)
        return segment.cell(path.word)
    }
}
