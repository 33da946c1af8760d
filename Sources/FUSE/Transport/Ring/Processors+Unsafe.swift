// SPDX-License-Identifier: MIT

import CLinux
import SystemPackage

/// The machine's processors, as far as they matter for where a request goes.
enum Processors {
    /// How many there can be, those included that are not online; nil where it cannot be known, or their numbers have gaps: the
    /// kernel takes the processor's number for the queue's (`fuse_uring_task_to_queue`).
    static var possible: Int? {
        guard let file = try? FileDescriptor.open(FilePath("/sys/devices/system/cpu/possible"), .readOnly) else { return nil }
        defer { try? file.close() }
        var text = [UInt8](repeating: 0, count: 4096)
        // Safe: the bytes are lent for the call.
        guard let count = try? unsafe text.withUnsafeMutableBytes({ unsafe try file.read(into: $0) }) else { return nil }
        return self.count(in: String(decoding: text.prefix(count), as: UTF8.self))
    }

    /// The count of a list such as `0-3`.
    static func count(in list: String) -> Int? {
        let ends = list.split(whereSeparator: \.isWhitespace).first?.split(separator: "-").map { Int($0) } ?? []
        guard ends.count == 1 || ends.count == 2, ends[0] == 0, let last = ends[ends.count - 1], (0..<8192).contains(last) else { return nil }
        return last + 1
    }

    /// The calling thread runs on this one alone from now on; or anywhere, where that one is not online. False: it may not,
    /// as its cpuset has others.
    static func run(on processor: Int) -> Bool { clinux_run_on(UInt32(processor)) == 0 || !isOnline(processor) }

    private static func isOnline(_ processor: Int) -> Bool {
        guard let file = try? FileDescriptor.open(FilePath("/sys/devices/system/cpu/cpu\(processor)/online"), .readOnly) else { return true }
        defer { try? file.close() }
        var byte: [UInt8] = [0]
        // Safe: the byte is lent for the call.
        _ = try? unsafe byte.withUnsafeMutableBytes { unsafe try file.read(into: $0) }
        return byte[0] != UInt8(ascii: "0")
    }
}
