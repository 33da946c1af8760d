// SPDX-License-Identifier: MIT

import Synchronization
import SystemPackage

// Shared state: the list of those who can help, behind a mutex that is taken when one comes, and when descriptors have run
// out. They are called without it.

/// Makes room when the process or the system has run out of descriptors, so that no user gets to see that while there
/// is something to evict.
final class DescriptorRelief: Sendable {
    typealias Evictor = @Sendable (Int) -> Int

    private let evictors = Mutex<[Evictor]>([])

    /// Adds one who evicts so many descriptors when asked, and answers how many there were.
    func add(_ evictor: @escaping Evictor) { evictors.withLock { $0.append(evictor) } }

    /// Evicts some descriptors. False: there were none.
    func makeRoom() -> Bool {
        var closed = 0
        for evictor in evictors.withLock({ $0 }) { closed += evictor(32) }
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
