// SPDX-License-Identifier: MIT

import SystemPackage

extension [UInt8] {
    /// What `write` leaves in a room of so many bytes.
    init(capacity: Int, _ write: (inout OutputRawSpan) throws(Errno) -> Void) throws(Errno) {
        var failure: Errno?
        self = unsafe [UInt8](unsafeUninitializedCapacity: capacity) { buffer, count in
            // Safe: the room is the array's own, and does not outlive this closure; what counts of it has been written.
            let room = UnsafeMutableRawBufferPointer(buffer)
            var output = unsafe OutputRawSpan(buffer: room, initializedCount: 0)
            do throws(Errno) { try write(&output) } catch { failure = error }
            count = unsafe output.finalize(for: room)
        }
        if let failure { throw failure }
    }
}
