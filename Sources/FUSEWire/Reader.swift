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
