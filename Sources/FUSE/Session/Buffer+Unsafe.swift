// SPDX-License-Identifier: MIT

/// Lends memory to write to, and then what was written.
func withBuffer(capacity: Int, _ write: (inout OutputRawSpan) -> Void, reading read: (RawSpan) -> Void) {
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 16)
    defer { unsafe room.deallocate() }
    // Safe: the memory outlives both views, which follow one another, and what is read of it has been written.
    var output = unsafe OutputRawSpan(buffer: room, initializedCount: 0)
    write(&output)
    let count = unsafe output.finalize(for: room)
    read(unsafe RawSpan(_unsafeStart: room.baseAddress.unsafelyUnwrapped, byteCount: count))
}
