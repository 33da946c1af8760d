// SPDX-License-Identifier: MIT

import SystemPackage

// A writer owns the view that it writes to. These lend it the free part of a reply for the time of a call.

extension DirectoryWriter {
    /// - Returns: whether an entry was left out.
    @discardableResult
    static func fill(
        _ room: inout OutputRawSpan, isPlus: Bool = false, _ body: (inout DirectoryWriter) throws(Errno) -> Void
    ) throws(Errno) -> Bool {
        try unsafe room.withUnsafeMutableBytes { (buffer, count) throws(Errno) in
            // Safe: the view covers what is free, does not outlive this closure, and is finalized for its own buffer.
            let free = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
            var writer = DirectoryWriter(unsafe OutputRawSpan(buffer: free, initializedCount: 0), isPlus: isPlus)
            try body(&writer)
            let leftOut = writer.leftOut
            unsafe count &+= writer.output.finalize(for: free)
            return leftOut
        }
    }
}

extension DirectoryPlusWriter {
    /// - Parameter takeBack: called with the nodes of entries that were left out, where there are some.
    /// - Returns: whether an entry was left out.
    @discardableResult
    static func fill(
        _ room: inout OutputRawSpan, takeBack: ([NodeID]) -> Void = { _ in },
        _ body: (inout DirectoryPlusWriter) throws(Errno) -> Void
    ) throws(Errno) -> Bool {
        try unsafe room.withUnsafeMutableBytes { (buffer, count) throws(Errno) in
            // Safe: as above.
            let free = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
            var writer = DirectoryPlusWriter(unsafe OutputRawSpan(buffer: free, initializedCount: 0))
            var failure: Errno?
            do throws(Errno) { try body(&writer) } catch { failure = error }
            if !writer.refused.isEmpty { takeBack(writer.refused) }
            // Entries that were added count as looked up, so they must reach the kernel. The error comes again with the next
            // reading, which starts behind them.
            if let failure, writer.output.isEmpty { throw failure }
            let leftOut = writer.leftOut
            unsafe count &+= writer.output.finalize(for: free)
            return leftOut
        }
    }
}

extension RawSpan {
    var holdsSlash: Bool {
        // Safe: only read, within the call.
        unsafe withUnsafeBytes { unsafe $0.contains(UInt8(ascii: "/")) }
    }
}
