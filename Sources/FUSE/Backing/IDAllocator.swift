// SPDX-License-Identifier: MIT

/// Hands out ids from 1, always the lowest that is free.
///
/// A bitmap, with summaries: a bit of a level says that the word of 64 bits below it is full. A free id is found from the top,
/// one word a level: 4 for a million ids, 6 for all there are. A million take 131 KiB; the memory grows with the
/// highest id that was ever in use, and stays.
struct IDAllocator {
    /// From the ids themselves upwards; the last level is one word.
    private var levels: [[UInt64]] = [[1]]  // id 0 is none

    /// How many are out.
    private(set) var count = 0

    /// Takes the lowest free id; nil where all are taken.
    mutating func take() -> BackingID? {
        if levels[levels.count - 1][0] == .max { grow() }
        var position = 0
        for level in levels.indices.reversed() {
            if position == levels[level].count { levels[level].append(0) }
            position = position << 6 | (~levels[level][position]).trailingZeroBitCount
        }
        guard let id = Int32(exactly: position) else { return nil }
        set(position)
        count += 1
        return BackingID(rawValue: id)
    }

    /// Gives one back. One that is not taken is let be.
    mutating func give(_ id: BackingID) {
        guard id.rawValue > 0, Int(id.rawValue) >> 6 < levels[0].count else { return }
        var position = Int(id.rawValue)
        guard levels[0][position >> 6] & 1 << UInt64(position & 63) != 0 else { return }
        count -= 1
        for level in levels.indices {
            levels[level][position >> 6] &= ~(1 << UInt64(position & 63))
            position >>= 6
        }
    }

    private mutating func set(_ id: Int) {
        var position = id
        for level in levels.indices {
            levels[level][position >> 6] |= 1 << UInt64(position & 63)
            guard levels[level][position >> 6] == .max else { return }
            position >>= 6
        }
    }

    /// All that the top word stands for is taken: a level above it, whose first bit says so.
    private mutating func grow() { levels.append([1]) }

    /// The memory that it takes, in bytes.
    var byteCount: Int { levels.reduce(0) { $0 + $1.capacity * 8 } }
}
