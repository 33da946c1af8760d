// SPDX-License-Identifier: MIT

/// A structure of the kernel's FUSE ABI.
///
/// A conforming type stores fixed-width integers (or other conforming types, or inline arrays of them) alone, in the
/// kernel's order, with the kernel's padding named: its memory layout is then the C layout, without hidden padding,
/// and every bit pattern is a value of it. That is what makes loading one from a message, and storing one into a reply,
/// safe.
///
/// Source: `include/uapi/linux/fuse.h`. Fields that came after protocol 7.31 say so.
public protocol WireStruct: BitwiseCopyable, Sendable, Equatable {}

extension WireStruct {
    /// Its size in bytes on the wire. The kernel pads every structure to its alignment.
    @inlinable public static var wireSize: Int { MemoryLayout<Self>.stride }
}

// Bare integers, for what comes in lists: group ids, node ids, descriptors and backing ids.
extension UInt32: WireStruct {}
extension UInt64: WireStruct {}

/// A structure that a later minor made longer and that still arrives in its older, shorter form.
public protocol LengthenedWireStruct: WireStruct {
    /// The size in bytes of the older form.
    static var shortSize: Int { get }
    /// All fields zero.
    static var zero: Self { get }
}
