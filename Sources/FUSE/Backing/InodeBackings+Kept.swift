// SPDX-License-Identifier: MIT

import Glibc
import Synchronization
import SystemPackage

// Registrations that nobody uses.
//
// Each shard has a list of its own, oldest first, with the time of each, and shows the time of its first one without its lock. Which
// one is the oldest of all is found out when one has to go: so opens and releases share no lock and no list, and who looks takes
// one lock. (With all 16 in a row, a crowd of releases on few processors waited at the first one, each for the one before it
// to be scheduled.) Who has found it takes it off its list, and only then waits for its turn: the next one finds another.
//
// A thread takes back what was kept for too long. It starts when something is kept and there is none, looks four times in that
// time, and ends when it finds nothing kept, or with the connection (`Watch`).

extension InodeBackings {
    /// Takes back a node's registration, or sees to it that the last release does.
    func drop(_ node: NodeID) {
        guard let home = home(of: node) else { return }
        let unused: UInt32? = withShard(home.shard) { shard in
            guard let index = shard.find(node, at: home.index), shard[index].node == node else { return nil }
            shard.forgetRefusal(of: index)
            if shard[index].opens > 0 || shard[index].traits.contains(.busy) { shard[index].traits.insert(.doomed) }
            guard shard[index].id == 0 || shard[index].isPassingThrough else { return index }
            shard.tidy(index, isFixed: isFixed)
            return nil
        }
        if let unused { close(unused, in: home.shard) }
    }

    /// Takes back those that nobody uses, up to so many, the oldest first.
    func relieve(_ count: Int) -> Int {
        var done = 0
        while done < count, dropOldest() { done += 1 }
        return done
    }

    /// Takes back what has been kept for too long.
    func expire() {
        guard let most = options.keptFor else { return }
        let limit = UInt64(most.components.seconds) * 1_000_000_000 + UInt64(most.components.attoseconds / 1_000_000_000)
        let now = now()
        guard now >= limit else { return }
        while dropOldest(before: now - limit) {}
    }

    /// After one was kept: takes back as many as are too many.
    func tend() {
        while counters.kept.load(ordering: .relaxed) > options.kept, dropOldest() {}
        watchKept()
    }

    /// Takes back the oldest that is kept, if nobody has used it since that time. False: there is none.
    private func dropOldest(before time: UInt64 = .max) -> Bool {
        while true {
            var (number, oldest) = (0, UInt64.max)
            for shard in 0..<Self.shardCount {
                let stamp = oldestKept[shard].load(ordering: .relaxed)
                if stamp < oldest { (number, oldest) = (shard, stamp) }
            }
            guard oldest < .max, oldest <= time else { return false }
            let found: (index: UInt32, stamp: UInt64)? = withShard(number) { shard in
                // Another one's by now, maybe: then that is the oldest here.
                guard let first = shard.oldestKept, first.stamp <= time else { return nil }
                _ = shard.stopKeeping(first.index)
                return first
            }
            guard let found else { continue }
            counters.kept.subtract(1, ordering: .relaxed)
            // Somebody may use it by now, or have used it, so that it is kept again.
            if close(found.index, in: number, keptUntil: found.stamp) { return true }
        }
    }

    /// Takes back a record's registration, unless it is in use.
    /// - Parameter stamp: only if it is the one that was kept since then, and is not kept again.
    @discardableResult
    func close(_ index: UInt32, in number: Int, keptUntil stamp: UInt64? = nil) -> Bool {
        withTurn(of: index, in: number) {
            let id: BackingID? = withShard(number) { shard in
                // Another may have taken it back meanwhile.
                guard shard.has(index), shard[index].id != 0, !shard[index].isPassingThrough else { return nil }
                if let stamp { guard !shard[index].traits.contains(.kept), shard[index].stamp == stamp else { return nil } }
                if shard.stopKeeping(index) { counters.kept.subtract(1, ordering: .relaxed) }
                defer { shard[index].id = 0 }
                shard[index].traits.insert(.busy)
                return BackingID(rawValue: shard[index].id)
            }
            guard let id else { return false }
            unregister(id)
            withShard(number) { shard in
                shard[index].traits.remove(.busy)
                if shard[index].opens == 0 { shard[index].traits.remove(.doomed) }
                shard.tidy(index, isFixed: isFixed)
            }
            return true
        }
    }

    /// The connection is over: everything is taken back, also what releases never came for.
    func end() {
        watch.end()
        for shard in 0..<Self.shardCount {
            for id in withShard(shard, { $0.takeAll() }) {
                counters.registered.subtract(1, ordering: .relaxed)
                // They go with the connection in any case, once the device is closed.
                try? calls.close(id, on: transport)
            }
        }
        counters.kept.store(0, ordering: .relaxed)
    }

    // MARK: Time

    /// How often to look for what is kept for too long: so that nothing stays for much longer than it may.
    private var period: Int {
        let most = (options.keptFor ?? .zero).components
        return max(1, Int(most.seconds * 250 + most.attoseconds / 4_000_000_000_000_000))
    }

    /// Sees to it that what is kept does not stay too long. Who keeps one has counted it before.
    private func watchKept() {
        if options.keptFor != nil { watch.start(self, after: period) }
    }

    /// Time since the machine started, in nanoseconds.
    static let uptime: @Sendable () -> UInt64 = {
        var time = timespec()
        // Safe: filled within the call.
        unsafe clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

extension InodeBackings: Watched {
    var isHolding: Bool { counters.kept.load(ordering: .sequentiallyConsistent) > 0 }

    func look() -> Int {
        expire()
        return period
    }
}
