// SPDX-License-Identifier: MIT

extension RawSpan {
    /// The structure that the bytes begin with. Bytes after it do not matter.
    @inlinable
    public func load<T: WireStruct>(_: T.Type = T.self) throws(WireError) -> T {
        guard byteCount >= T.wireSize else { throw .truncated }
        // Safe: within bounds by the line above, and any bytes make a T (see `WireStruct`).
        return unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: 0, as: T.self)
    }

    /// Where the first zero byte is.
    ///
    /// Looks at eight bytes a step: a byte that is zero borrows when 1 is taken from each, which sets its high bit, and
    /// the first one to do so is exact however the borrow runs on.
    @inlinable
    public var firstNUL: Int? {
        var offset = 0
        while byteCount &- offset >= 8 {
            // Safe: eight bytes are there by the line above.
            let loaded = unsafe unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: UInt64.self)
            let word = UInt64(littleEndian: loaded)
            let zeros = (word &- 0x0101_0101_0101_0101) & ~word & 0x8080_8080_8080_8080
            if zeros != 0 { return offset &+ zeros.trailingZeroBitCount / 8 }
            offset &+= 8
        }
        while offset < byteCount {
            // Safe: within bounds by the line above.
            if unsafe unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self) == 0 { return offset }
            offset &+= 1
        }
        return nil
    }
}
