// SPDX-License-Identifier: MIT

/// What is wrong with a message. Short or malformed data is an ordinary answer, never a trap.
public enum WireError: Error, Equatable, Sendable {
    /// The message ends before the thing that was to be read from it.
    case truncated
    /// A name without its terminating NUL, or a count or size that contradicts the message.
    case malformed
}

/// Reads a message from its start to its end. Copies nothing: names and data come out as views of the same memory.
public struct WireReader: ~Escapable {
    public private(set) var rest: RawSpan

    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) { rest = bytes }

    /// The next structure.
    @_lifetime(self: copy self)
    public mutating func read<T: WireStruct>(_: T.Type = T.self) throws(WireError) -> T {
        guard rest.byteCount >= T.wireSize else { throw .truncated }
        // Safe: within bounds by the line above, and any bytes make a T (see `WireStruct`).
        let value = unsafe rest.unsafeLoadUnaligned(as: T.self)
        rest = rest.extracting(droppingFirst: T.wireSize)
        return value
    }

    /// The next `count` bytes.
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    public mutating func bytes(_ count: Int) throws(WireError) -> RawSpan {
        guard count >= 0, rest.byteCount >= count else { throw .truncated }
        let value = rest.extracting(first: count)
        rest = rest.extracting(droppingFirst: count)
        return value
    }

    /// The next name, its terminating NUL included.
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    public mutating func name() throws(WireError) -> RawSpan {
        for index in rest.byteOffsets {
            if unsafe rest.unsafeLoad(fromByteOffset: index, as: UInt8.self) == 0 {
                return try bytes(index + 1)
            }
        }
        throw .malformed
    }
}
