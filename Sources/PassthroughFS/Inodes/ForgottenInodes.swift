// SPDX-License-Identifier: MIT

import Synchronization
import SystemPackage

// Inodes that the kernel has forgotten, and that are remembered all the same, in the order in which they were forgotten.
//
// A file handle of the mount names a node id and nothing else. So that it can be opened after the kernel has forgotten the
// node (`open_by_handle_at(2)`; NFS clients keep handles for days), the record must still be there. Records are kept for as
// many as there are places; who is put in when all are taken puts the one out that has been here for longest.
//
// Shared state: the places, behind a mutex that is held for a few instructions. A record that is here says so, and is here
// once: `InodeRecord.remembrance`, which its stripe's lock guards. Neither lock is taken within the other.

/// A queue of records, by slot.
final class ForgottenInodes: Sendable {
    private struct Queue {
        var places: [UInt32] = []
        var next = 0
    }

    private let capacity: Int
    private let queue = Mutex(Queue())

    init(capacity: Int) { self.capacity = max(0, capacity) }

    /// Puts a record in.
    /// - Returns: the record that has to go instead, which may be this one; 0: none.
    func add(_ slot: UInt32) -> UInt32 {
        guard capacity > 0 else { return slot }
        return queue.withLock { queue in
            guard queue.places.count == capacity else {
                queue.places.append(slot)
                return 0
            }
            let oldest = queue.places[queue.next]
            queue.places[queue.next] = slot
            queue.next = queue.next &+ 1 == capacity ? 0 : queue.next &+ 1
            return oldest
        }
    }
}

/// What a record knows of its place among the forgotten.
enum Remembrance: UInt8 {
    /// It has none.
    case absent = 0
    /// It was forgotten once since it got it.
    case once = 1
    /// It was looked up, and forgotten again: it gets another place when its own comes to an end.
    case again = 2
}
