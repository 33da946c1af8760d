// SPDX-License-Identifier: MIT

/// The number under which an entry is found: 1...2,147,483,647, the positive values of the `int32_t` that an OPEN
/// reply carries. 0 is not an id: it is what an anonymous entry shows.
@frozen
public struct EntryID: Hashable, Sendable {
    public let rawValue: UInt32

    /// The largest id, and so the largest number of ids: INT32_MAX.
    @inlinable public static var max: EntryID { EntryID(known: 0x7FFF_FFFF) }

    /// The smallest id, and the first that a table hands out.
    @inlinable public static var first: EntryID { EntryID(known: 1) }

    /// The id with this number, if there is one. Takes 64 bits since that is how wide the field of the ioctl is.
    @inlinable
    public init?(_ value: UInt64) {
        guard value != 0, value <= 0x7FFF_FFFF else { return nil }
        rawValue = UInt32(truncatingIfNeeded: value)
    }

    @inlinable
    init(known value: UInt32) { rawValue = value }

    /// The id that the counter shows after this one.
    @inlinable
    var successor: EntryID { self == .max ? .first : EntryID(known: rawValue &+ 1) }
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

/// Where an entry or a bucket stands in the table's chain.
///
/// Buckets are intervals of keys, told apart by a key's leading bits. Ids come dense, cyclic or in strides, so they are
/// mixed first. The mixing is a bijection: two ids never share a key, and comparing keys is comparing ids.
@frozen
public struct OrderKey: Equatable, Sendable {
    public let bits: UInt32

    @inlinable
    init(bits: UInt32) { self.bits = bits }

    /// `seed` is a number that the server does not know, where ids that collide on purpose are a concern.
    @inlinable
    public init(_ id: EntryID, seed: UInt32) { self.init(mixing: id.rawValue, seed: seed) }

    /// Three xor-shifts and two odd factors, each of which can be undone. The constants are Chris Wellons's "lowbias32"
    /// (public domain): every input bit moves every output bit with a probability close to one half, which is what makes
    /// the leading bits good for every stride, and chains as short as those of random keys.
    @inlinable
    init(mixing number: UInt32, seed: UInt32) {
        // One operation a line: `>>` binds tighter than `&*`.
        var mixed = number ^ seed
        mixed ^= mixed &>> 16
        mixed = mixed &* 0x7FEB_352D
        mixed ^= mixed &>> 15
        mixed = mixed &* 0x846C_A68B
        mixed ^= mixed &>> 16
        bits = mixed
    }

    @inlinable
    static func < (left: OrderKey, right: OrderKey) -> Bool { left.bits < right.bits }
}
