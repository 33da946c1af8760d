// SPDX-License-Identifier: MIT

/// A structure of the kernel's FUSE ABI.
///
/// A conforming type stores fixed-width integers (or other conforming types) alone, in the kernel's order, with the
/// kernel's padding named: its memory layout is then the C layout, and every bit pattern is a value of it. That is
/// what makes loading one from a message, and storing one into a reply, safe.
///
/// Source: `include/uapi/linux/fuse.h`.
public protocol WireStruct: BitwiseCopyable, Sendable {}

extension WireStruct {
    /// Its size in bytes on the wire. The kernel pads every structure to its alignment.
    @inlinable public static var wireSize: Int { MemoryLayout<Self>.stride }
}
