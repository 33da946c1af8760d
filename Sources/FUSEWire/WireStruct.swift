// SPDX-License-Identifier: MIT

/// A structure of the kernel's FUSE ABI.
///
/// A conforming type stores fixed-width integers (or other conforming types, or inline arrays of them) alone, in the
/// kernel's order, with the kernel's padding named: its memory layout is then the C layout, without hidden padding, and
/// every bit pattern is a value of it. That is what makes loading one from a message, and storing one into a reply, safe.
///
/// Source: `include/uapi/linux/fuse.h`. Fields that came after protocol 7.31 say so.
public protocol WireStruct: BitwiseCopyable, Sendable, Equatable {}

extension WireStruct {
    /// Its size in bytes on the wire. The kernel pads every structure to its alignment.
    @inlinable public static var wireSize: Int { MemoryLayout<Self>.stride }

    /// Equal are structures whose bytes are: there is no padding that could differ unseen.
    public static func == (left: Self, right: Self) -> Bool {
        var left = left
        var right = right
        // Safe: both are plain bytes (see above), looked at while the variables live.
        return unsafe withUnsafeBytes(of: &left) { left in
            unsafe withUnsafeBytes(of: &right) { right in unsafe left.elementsEqual(right) }
        }
    }
}

/// A structure that a later minor made longer and that still arrives in its older, shorter form.
public protocol LengthenedWireStruct: WireStruct {
    /// The size in bytes of the older form.
    static var shortSize: Int { get }
    /// All fields zero.
    static var zero: Self { get }
}

extension LengthenedWireStruct {
    /// Loads whichever form `bytes` holds; fields that the older one lacks are zero.
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= Self.shortSize else { throw .truncated }
        let count = bytes.byteCount >= Self.wireSize ? Self.wireSize : Self.shortSize
        var value = Self.zero
        // Safe: `count` is within both buffers by the lines above, and any bytes make a Self (see `WireStruct`).
        unsafe withUnsafeMutableBytes(of: &value) { target in
            unsafe bytes.extracting(first: count).withUnsafeBytes { source in unsafe target.copyMemory(from: source) }
        }
        self = value
    }
}
