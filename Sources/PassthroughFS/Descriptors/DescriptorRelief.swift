// SPDX-License-Identifier: MIT

import Synchronization
import SystemPackage

// Shared state: the list of those who can help, behind a mutex that is taken when one comes, and when descriptors have run
// out. They are called without it.

/// Makes room when the process or the system has run out of descriptors, so that no user gets to see that while there
/// is something to evict.
final class DescriptorRelief: Sendable {
    typealias Evictor = @Sendable (Int) -> Int

    private struct Entry {
        var owner: ObjectIdentifier
        var evictor: Evictor
    }

    private struct Evictors {
        var first: [Entry] = []
        var last: [Entry] = []
    }

    private let evictors = Mutex(Evictors())

    /// Adds one who evicts so many descriptors when asked, and answers how many there were; one that takes its time is asked
    /// last, and only where the others had none. The owner takes himself off before he goes.
    func add(_ owner: AnyObject, last: Bool = false, _ evictor: @escaping Evictor) {
        let entry = Entry(owner: ObjectIdentifier(owner), evictor: evictor)
        evictors.withLock { if last { $0.last.append(entry) } else { $0.first.append(entry) } }
    }

    func remove(_ owner: AnyObject) {
        let owner = ObjectIdentifier(owner)
        evictors.withLock { evictors in
            evictors.first.removeAll { $0.owner == owner }
            evictors.last.removeAll { $0.owner == owner }
        }
    }

    /// Evicts some descriptors. False: there were none.
    func makeRoom() -> Bool {
        let evictors = evictors.withLock { $0 }
        var closed = 0
        for entry in evictors.first { closed += entry.evictor(32) }
        for entry in evictors.last where closed == 0 { closed += entry.evictor(32) }
        return closed > 0
    }

    /// Calls something that needs a descriptor; where there is none left, again after some were evicted.
    func relieving<R: ~Copyable>(_ call: () throws(Errno) -> R) throws(Errno) -> R {
        while true {
            do throws(Errno) { return try call() } catch {
                guard error == .tooManyOpenFiles || error == .tooManyOpenFilesInSystem, makeRoom() else { throw error }
            }
        }
    }
}
