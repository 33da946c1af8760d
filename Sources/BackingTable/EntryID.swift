// SPDX-License-Identifier: MIT

/// The number under which an entry is found: any of 64 bits but 0, which is what an anonymous entry shows.
///
/// The dialects whose OPEN replies carry an `int32_t` have a narrower door to the same table: `init(narrow:)`.
@frozen
public struct EntryID: Hashable, Sendable {
    public let rawValue: UInt64

    /// The largest id.
    @inlinable public static var max: EntryID { EntryID(known: .max) }

    /// The largest id that an `int32_t` holds, and so the largest that a table hands out by itself: INT32_MAX.
    @inlinable public static var maxNarrow: EntryID { EntryID(known: 0x7FFF_FFFF) }

    /// The smallest id, and the first that a table hands out.
    @inlinable public static var first: EntryID { EntryID(known: 1) }

    /// The id with this number; nil for 0.
    @inlinable
    public init?(_ value: UInt64) {
        guard value != 0 else { return nil }
        rawValue = value
    }

    /// The id with this number, for the dialects of 32 bits: nil unless it is 1...INT32_MAX. Takes 64 bits since that is how
    /// wide the field of the ioctl is.
    @inlinable
    public init?(narrow value: UInt64) {
        guard value != 0, value <= 0x7FFF_FFFF else { return nil }
        rawValue = value
    }

    @inlinable
    init(known value: UInt64) { rawValue = value }

    /// The id that the counter shows after this one. The counter is there for the dialects of 32 bits.
    @inlinable
    var successor: EntryID { rawValue >= 0x7FFF_FFFF ? .first : EntryID(known: rawValue &+ 1) }
}

/// How the id of a new entry is found.
@frozen
public enum IDChoice: Equatable, Sendable {
    /// The table's counter proposes one id, and steps whether or not that id is free. Where servers choose ids too, and
    /// choose them densely from 1 to N, it may take up to N tries to get past them.
    case next
    /// The server chose this one.
    case server(EntryID)
}
