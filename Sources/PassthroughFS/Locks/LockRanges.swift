// SPDX-License-Identifier: MIT

import FUSE

/// The parts of one file that one owner has locked: in order, as few as there can be, each with its kind.
///
/// POSIX: what an owner locks replaces what it had there, in whole or in part.
struct LockRanges: Sendable {
    private(set) var locks: [FileLock] = []

    var isEmpty: Bool { locks.isEmpty }

    /// Locks a range, or unlocks it.
    mutating func set(_ lock: FileLock) {
        var changed: [FileLock] = []
        for old in locks {
            guard old.start <= lock.end, lock.start <= old.end else {
                changed.append(old)
                continue
            }
            var part = old
            if old.start < lock.start {
                part.end = lock.start - 1
                changed.append(part)
            }
            if old.end > lock.end {
                part = old
                part.start = lock.end + 1
                changed.append(part)
            }
        }
        if lock.kind != .unlock { changed.append(lock) }
        locks = changed.sorted { $0.start < $1.start }.reduce(into: []) { merged, next in
            if let last = merged.last, last.kind == next.kind, last.end + 1 == next.start {
                merged[merged.count - 1].end = next.end
            } else {
                merged.append(next)
            }
        }
    }

    /// The first that stands in the way of another owner's lock.
    func conflict(with lock: FileLock) -> FileLock? {
        locks.first { held in
            held.start <= lock.end && lock.start <= held.end && (held.kind == .write || lock.kind == .write)
        }
    }
}
