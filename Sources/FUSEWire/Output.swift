// SPDX-License-Identifier: MIT

// Writing messages, here and in `OutputRawSpan+Unsafe.swift`: into the caller's buffer, from its start to its end. What
// has no room throws `.noRoom` and changes nothing, so that a caller may send what is there already.

extension OutputRawSpan {
    /// Appends a name, given without NUL, and its NUL.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func append(name: RawSpan) throws(WireError) {
        guard freeCapacity > name.byteCount else { throw .noRoom }
        try append(bytes: name)
        append(0 as UInt8)
    }

    /// Writes a structure over bytes written before: a header whose length is known only now.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func overwrite<T: WireStruct>(at offset: Int, with value: T) throws(WireError) {
        guard offset >= 0, byteCount >= T.wireSize, offset <= byteCount &- T.wireSize else { throw .noRoom }
        var written = mutableBytes
        written.storeBytes(of: value, toByteOffset: offset, as: T.self)
    }
}
