// SPDX-License-Identifier: MIT

/// Takes the data of a reply: a file's content, an attribute's value, a link's target. It writes straight into the reply.
///
/// It never writes more than the caller has room for, and it never traps: what is appended beyond ``freeCapacity`` is left
/// out, and remembered. The request then fails: with ERANGE for the value of an attribute, as the caller expects of one that is
/// larger than its buffer, and with EIO and a line in the log for anything else.
public struct DataWriter: ~Copyable, ~Escapable {
    @usableFromInline var output: OutputRawSpan
    /// How many bytes had no room.
    @usableFromInline var excess = 0

    @_lifetime(copy output)
    init(_ output: consuming OutputRawSpan) { self.output = output }

    /// How many more bytes there is room for.
    @inlinable public var freeCapacity: Int { output.freeCapacity }

    /// How many bytes were written.
    @inlinable public var byteCount: Int { output.byteCount }

    /// Whether nothing was written.
    @inlinable public var isEmpty: Bool { output.isEmpty }

    /// Whether something was appended for which there was no room.
    @inlinable public var isOverfilled: Bool { excess > 0 }

    /// Appends a byte.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func append(_ byte: UInt8) {
        guard output.freeCapacity > 0 else { return overfill(by: 1) }
        output.append(byte)
    }

    /// Notes that so many bytes had no room.
    @usableFromInline
    @_lifetime(self: copy self)
    mutating func overfill(by count: Int) {
        let (sum, overflows) = excess.addingReportingOverflow(count)
        excess = overflows ? .max : sum
    }

    /// A sequence without an end is not followed for ever: no reply has a megabyte more than it has room for.
    @usableFromInline static var mostExcess: Int { 1 << 20 }
}
