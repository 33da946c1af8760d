// SPDX-License-Identifier: MIT

import ConformanceCalls

// What is the same whoever does the system calls.

/// The entries of an open directory. `some(_:)` reads the next ones.
struct DirectoryReader {
    struct Entry {
        var name: String
        var type: UInt8
        var next: Int
        var inode: UInt64
    }

    let directory: Int

    /// All that are left.
    func all(_ room: Int = 4096) -> [Entry] {
        var entries: [Entry] = []
        while let more = some(room), !more.isEmpty { entries += more }
        return entries
    }
}

extension ConformanceCalls.flock {
    /// A lock of `count` bytes, 0 being all behind `start`.
    init(_ type: Int32, from start: Int, count: Int) {
        self.init()
        l_type = Int16(type)
        l_whence = Int16(SEEK_SET)
        l_start = start
        l_len = count
    }
}

extension Sys {
    /// As text, or the error's name.
    static func text(_ result: (outcome: Int, bytes: [UInt8])) -> String {
        result.outcome < 0 ? name(ofError: -result.outcome) : String(decoding: result.bytes, as: UTF8.self)
    }
}
