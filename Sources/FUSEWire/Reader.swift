// SPDX-License-Identifier: MIT

/// What is wrong with a message. Short or malformed data is an ordinary answer, never a trap.
public enum WireError: Error, Equatable, Sendable {
    /// The message ends before the thing that was to be read from it.
    case truncated
    /// A name without its terminating NUL, or a count or size that contradicts the message.
    case malformed
    /// A message that is being written has no room for the thing. It is left as it was.
    case noRoom
}

/// Reads a message from its start to its end. Copies nothing: names and data come out as views of the same memory.
public struct WireReader: ~Escapable {
    @usableFromInline var unread: RawSpan

    @inlinable
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) { unread = bytes }

    /// What has not been read yet.
    @inlinable public var rest: RawSpan {
        @_lifetime(copy self) get { unread }
    }

    /// Whether everything has been read.
    @inlinable public var isAtEnd: Bool { unread.isEmpty }

    /// The next structure.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func read<T: WireStruct>(_: T.Type = T.self) throws(WireError) -> T {
        let value = try unread.load(T.self)
        skip(T.wireSize)
        return value
    }

    /// The next `count` bytes.
    @inlinable
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    public mutating func bytes(_ count: Int) throws(WireError) -> RawSpan {
        guard count >= 0, unread.byteCount >= count else { throw .truncated }
        let value = unread.extracting(first: count)
        skip(count)
        return value
    }

    /// The next name, its terminating NUL included.
    @inlinable
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    public mutating func name() throws(WireError) -> RawSpan {
        guard let end = unread.firstNUL else { throw .malformed }
        return try bytes(end &+ 1)
    }

    /// Passes over `count` bytes, which the caller knows to be there; more than are there empties the reader.
    @inlinable
    @_lifetime(self: copy self)
    mutating func skip(_ count: Int) {
        unread = unread.extracting(droppingFirst: count)
    }
}

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

    /// Whether both hold the same bytes.
    public func hasSameBytes(as other: RawSpan) -> Bool {
        // Safe: both are looked at while their spans live.
        unsafe withUnsafeBytes { mine in unsafe other.withUnsafeBytes { unsafe mine.elementsEqual($0) } }
    }
}
