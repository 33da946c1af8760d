// SPDX-License-Identifier: MIT

extension OutputRawSpan {
    /// Appends a structure.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func append<T: WireStruct>(_ value: T) throws(WireError) {
        guard freeCapacity >= T.wireSize else { throw .noRoom }
        // Safe: a T is plain bytes without padding (see `WireStruct`).
        unsafe append(value, as: T.self)
    }

    /// Appends bytes as they are.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func append(bytes: RawSpan) throws(WireError) {
        guard freeCapacity >= bytes.byteCount else { throw .noRoom }
        unsafe withUnsafeMutableBytes { buffer, count in
            unsafe bytes.withUnsafeBytes { source in
                // Safe: the free part of the buffer has room for the source, by the guard above. An empty source may
                // have no address, and copies nothing.
                unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[count...]).copyMemory(from: source)
                count &+= source.count
            }
        }
    }

    /// Appends zeros.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func append(zeros count: Int) throws(WireError) {
        guard count >= 0, freeCapacity >= count else { throw .noRoom }
        // Safe: any bytes make an integer.
        unsafe append(repeating: 0, count: count, as: UInt8.self)
    }

    /// Lets `body` append at most `limit` bytes, in place; fewer, if less room is left.
    ///
    /// For an answer whose size the request limits (READ, READDIR, GETXATTR). What `body` appended before it threw is
    /// dropped.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func append<Result, Failure: Error>(
        upTo limit: Int, _ body: (inout OutputRawSpan) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let room = Swift.max(0, Swift.min(limit, freeCapacity))
        return try unsafe withUnsafeMutableBytes { (buffer, count) throws(Failure) -> Result in
            // Safe: `room` bytes lie free after the first `count`; `part` does not outlive this closure, and is
            // finalized for the very buffer that it was made of.
            let start = count
            let free = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[start..<(start &+ room)])
            var part = unsafe OutputRawSpan(buffer: free, initializedCount: 0)
            let result = try body(&part)
            count = unsafe start &+ part.finalize(for: free)
            return result
        }
    }
}
