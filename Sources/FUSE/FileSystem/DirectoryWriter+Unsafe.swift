// SPDX-License-Identifier: MIT

import SystemPackage

// A writer owns the view that it writes to. These lend it the free part of a reply for the time of a call.

extension DirectoryWriter {
    static func fill(
        _ room: inout OutputRawSpan, isPlus: Bool = false, _ body: (inout DirectoryWriter) throws(Errno) -> Void
    ) throws(Errno) {
        try unsafe room.withUnsafeMutableBytes { (buffer, count) throws(Errno) in
            // Safe: the view covers what is free, does not outlive this closure, and is finalized for its own buffer.
            let free = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
            var writer = DirectoryWriter(unsafe OutputRawSpan(buffer: free, initializedCount: 0), isPlus: isPlus)
            try body(&writer)
            unsafe count &+= writer.output.finalize(for: free)
        }
    }
}

extension DirectoryPlusWriter {
    static func fill(
        _ room: inout OutputRawSpan, _ body: (inout DirectoryPlusWriter) throws(Errno) -> Void
    ) throws(Errno) {
        try unsafe room.withUnsafeMutableBytes { (buffer, count) throws(Errno) in
            // Safe: as above.
            let free = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
            var writer = DirectoryPlusWriter(unsafe OutputRawSpan(buffer: free, initializedCount: 0))
            do throws(Errno) { try body(&writer) } catch {
                // Entries that were added count as looked up, so they must reach the kernel. The error comes again with
                // the next reading, which starts behind them.
                if writer.output.isEmpty { throw error }
            }
            unsafe count &+= writer.output.finalize(for: free)
        }
    }
}
