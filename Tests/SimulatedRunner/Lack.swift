// SPDX-License-Identifier: MIT

import Foundation

/// What the simulated kernel has no part of. A case that asks for it says nothing from there on; until there it counts.
enum Lack: String {
    case maps, programs, sockets, handles, ioctls
    /// Fifos and devices are opened by the kernel, not by a filesystem.
    case specialFiles = "special files"
    /// Limits of a process.
    case limits
    /// Capabilities one by one: root has them all, nobody else has one.
    case capabilities
    case userNamespaces = "user namespaces"
    /// `pwritev2(2)`'s.
    case writeFlags = "flags of a single write"
}

/// What the case that runs here asked for, and how much it had seen and found wrong before.
final class Lacks: @unchecked Sendable {
    static let all = Lacks()
    private let lock = NSLock()
    private var place: Place?
    private var found: (lack: Lack, seen: Int, wrong: Int)?

    /// Says that a case begins.
    func begin(_ place: Place) { lock.withLock { self.place = place } }

    /// The first thing that was asked for, if any.
    var first: (lack: Lack, seen: Int, wrong: Int)? { lock.withLock { found } }

    /// What a call answers that asks for it.
    func note(_ lack: Lack) -> Int {
        lock.withLock {
            if found == nil, let place { found = (lack, place.seen.count, place.wrong.count) }
            return -Int(ENOSYS)
        }
    }
}
