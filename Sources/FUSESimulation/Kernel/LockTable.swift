// SPDX-License-Identifier: MIT

import Glibc
import Synchronization

/// Who holds locks: a process, or an open file.
final class LockHolder {
    private static let last = Atomic<UInt64>(0)
    /// What the server is told of it.
    let number = LockHolder.last.add(1, ordering: .relaxed).newValue
}

/// The locks on one inode: ranges (fcntl) and whole-file ones (flock), each by its holder.
struct LockTable {
    struct Range {
        var holder: LockHolder
        var process: Int32
        var isExclusive: Bool
        var start: UInt64
        /// Inclusive.
        var end: UInt64
        /// Of a process: goes with any close of the file by it.
        var isPOSIX: Bool
    }

    private(set) var ranges: [Range] = []
    private var whole: [(holder: LockHolder, isExclusive: Bool)] = []

    /// A range lock in the way of this one.
    func conflict(with lock: Range) -> Range? {
        ranges.first { other in
            other.holder !== lock.holder && (other.isExclusive || lock.isExclusive) && other.start <= lock.end && lock.start <= other.end
        }
    }

    /// Takes a lock, or gives it back: what the holder had of the range is replaced.
    mutating func set(_ lock: Range, unlocks: Bool) {
        var kept: [Range] = []
        for other in ranges {
            guard other.holder === lock.holder, other.start <= lock.end, lock.start <= other.end else {
                kept.append(other)
                continue
            }
            if other.start < lock.start {
                var left = other
                left.end = lock.start - 1
                kept.append(left)
            }
            if other.end > lock.end {
                var right = other
                right.start = lock.end + 1
                kept.append(right)
            }
        }
        if !unlocks {
            // With those of the same kind that it touches it is one.
            var whole = lock
            kept.removeAll { other in
                guard other.holder === lock.holder, other.isExclusive == lock.isExclusive, other.isPOSIX == lock.isPOSIX,
                    other.start <= whole.end + 1, whole.start <= other.end + 1
                else { return false }
                (whole.start, whole.end) = (min(whole.start, other.start), max(whole.end, other.end))
                return true
            }
            kept.append(whole)
        }
        ranges = kept
    }

    /// Takes the whole file, or gives it back. False: somebody else has it.
    mutating func setWhole(_ holder: LockHolder, isExclusive: Bool?) -> Bool {
        guard let isExclusive else {
            whole.removeAll { $0.holder === holder }
            return true
        }
        let isTaken = whole.contains { $0.holder !== holder && ($0.isExclusive || isExclusive) }
        if isTaken { return false }
        whole.removeAll { $0.holder === holder }
        whole.append((holder, isExclusive))
        return true
    }

    mutating func dropPOSIX(of holder: LockHolder) { ranges.removeAll { $0.isPOSIX && $0.holder === holder } }

    /// An open file is gone.
    mutating func drop(of holder: LockHolder) {
        ranges.removeAll { $0.holder === holder }
        whole.removeAll { $0.holder === holder }
    }
}
