// SPDX-License-Identifier: MIT

import SystemPackage

extension DataWriter {
    /// Appends bytes: all of them or, where there is no room for all, none.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func append(_ bytes: RawSpan) {
        let size = bytes.byteCount
        guard size <= output.freeCapacity else { return overfill(by: size) }
        unsafe output.withUnsafeMutableBytes { buffer, count in
            unsafe bytes.withUnsafeBytes { source in
                // Safe: the free part of the buffer has room for the source, by the guard above. An empty source may
                // have no address, and copies nothing.
                unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[count...]).copyMemory(from: source)
                count &+= source.count
            }
        }
    }

    /// Appends bytes: an array, the UTF-8 of a string. In one piece where they lie in one.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func append(contentsOf bytes: some Sequence<UInt8>) {
        let size: Int? = unsafe output.withUnsafeMutableBytes { buffer, count in
            let free = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
            return bytes.withContiguousStorageIfAvailable { source in
                guard source.count <= free.count else { return source.count }
                // Safe: the free part of the buffer has room for the source, by the line above.
                unsafe free.copyMemory(from: UnsafeRawBufferPointer(source))
                count &+= source.count
                return 0
            }
        }
        guard let size else {
            for byte in bytes {
                append(byte)
                if excess > Self.mostExcess { return }
            }
            return
        }
        if size > 0 { overfill(by: size) }
    }

    /// Lends the free room to be filled in place, by a system call say. What `body` has written before it throws is dropped.
    ///
    /// The view that it lends is the standard library's, which ends the process where more is appended than there is room for:
    /// for what may be larger there is `append`.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func appendInPlace<Result, Failure: Error>(
        _ body: (inout OutputRawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        var isElsewhere = false
        let result = try unsafe output.withUnsafeMutableBytes { (buffer, count) throws(Failure) -> Result in
            // Safe: the view covers what is free, and does not outlive this closure.
            let free = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
            var room = unsafe OutputRawSpan(buffer: free, initializedCount: 0)
            let result = try body(&room)
            // Not by `finalize(for:)`, which traps where `body` has left another view there.
            let written = unsafe room.withUnsafeMutableBytes { unsafe $0.baseAddress == free.baseAddress ? $1 : nil }
            isElsewhere = written == nil
            count &+= written ?? 0
            return result
        }
        if isElsewhere { overfill(by: 1) }
        return result
    }
}

extension OutputRawSpan {
    /// Lends up to `limit` bytes of a reply's room to a filesystem. What it has written before it throws is dropped.
    /// - Returns: what `body` does, and for how many bytes there was no room.
    @_lifetime(self: copy self)
    mutating func lend<Result>(
        upTo limit: Int, _ body: (inout DataWriter) throws(Errno) -> Result
    ) throws(Errno) -> (result: Result, excess: Int) {
        let room = Swift.max(0, Swift.min(limit, freeCapacity))
        return try unsafe withUnsafeMutableBytes { (buffer, count) throws(Errno) in
            // Safe: `room` bytes lie free after the first `count`; the writer does not outlive this closure, and its view is
            // finalized for the very buffer that it was made of: nobody else can make one, or put it in this one's place.
            let start = count
            let free = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[start..<(start &+ room)])
            var writer = DataWriter(unsafe OutputRawSpan(buffer: free, initializedCount: 0))
            let result = try body(&writer)
            let excess = writer.excess
            count = unsafe start &+ writer.output.finalize(for: free)
            return (result, excess)
        }
    }
}
