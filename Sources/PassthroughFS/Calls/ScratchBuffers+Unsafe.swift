// SPDX-License-Identifier: MIT
//
// Buffers that one call needs, too large for a stack that may be small, and needed too often to be allocated each time.
//
// Shared state: a few places for buffers that nobody uses. Who takes one out has it alone, and puts it back into any place that is
// free. A buffer is written before it is put back (releasing) and read after it is taken (acquiring).

import Glibc
import Synchronization

/// Memory for the time of a call.
@safe enum ScratchBuffers {
    /// The size of each, in bytes.
    static let size = 65536

    private static let places = InlineArray<8, Atomic<UInt>> { _ in Atomic(0) }

    /// Lends so many bytes, ``size`` at the most. nil: there is no memory.
    static func withBuffer<R>(byteCount: Int, _ body: (UnsafeMutableRawBufferPointer) -> R) -> R? {
        guard let buffer = unsafe take() else { return nil }
        defer { unsafe put(buffer) }
        // Safe: the buffer has that size, and is this call's alone.
        return unsafe body(UnsafeMutableRawBufferPointer(start: buffer, count: min(byteCount, size)))
    }

    private static func take() -> UnsafeMutableRawPointer? {
        for place in places.indices {
            let address = places[place].exchange(0, ordering: .acquiring)
            if let buffer = unsafe UnsafeMutableRawPointer(bitPattern: address) { return unsafe buffer }
        }
        return unsafe malloc(size)
    }

    private static func put(_ buffer: UnsafeMutableRawPointer) {
        let address = UInt(bitPattern: buffer)
        for place in places.indices
        where places[place].compareExchange(expected: 0, desired: address, ordering: .releasing).exchanged { return }
        unsafe free(buffer)
    }
}
