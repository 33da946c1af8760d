// SPDX-License-Identifier: MIT

import ConformanceCalls

/// A file in memory. Unmapped at the end of its life.
@safe
final class Mapping {
    /// Nothing, or -errno.
    let outcome: Int
    private let memory: UnsafeMutableRawPointer?
    private let count: Int

    init(_ file: Int, _ count: Int, _ protection: Int32 = PROT_READ | PROT_WRITE, _ flags: Int32 = MAP_SHARED, offset: Int = 0) {
        var error = 0
        unsafe memory = k_map(Int32(file), count, protection, flags, Int64(offset), &error)
        outcome = error
        self.count = count
    }

    deinit { if let memory = unsafe memory { _ = unsafe k_unmap(memory, count) } }

    /// Safe: within the mapping. Beyond the file's end it raises SIGBUS, which is what some cases want.
    subscript(index: Int) -> UInt8 {
        get { unsafe memory.unsafelyUnwrapped.load(fromByteOffset: min(index, count - 1), as: UInt8.self) }
        set { unsafe memory.unsafelyUnwrapped.storeBytes(of: newValue, toByteOffset: min(index, count - 1), as: UInt8.self) }
    }

    func text(_ range: Range<Int>) -> String { String(decoding: range.map { self[$0] }, as: UTF8.self) }

    func put(_ text: String, at index: Int) { for (offset, byte) in text.utf8.enumerated() { self[index + offset] = byte } }

    func sync() -> Int { unsafe k_msync(memory.unsafelyUnwrapped, count) }
}
