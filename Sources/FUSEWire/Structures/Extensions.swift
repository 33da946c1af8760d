// SPDX-License-Identifier: MIT

/// Opens an extension of a creating request (7.38). In C: `struct fuse_ext_header`.
public struct ExtHeader: WireStruct {
    /// Bytes of this extension, this header included.
    public var size: UInt32
    /// An `ExtensionType`.
    public var type: UInt32

    @inlinable
    public init(size: UInt32 = 0, type: UInt32 = 0) {
        self.size = size
        self.type = type
    }
}

/// Opens the security contexts of a creating request (7.36); `nr_secctx` times `Secctx` follows.
///
/// The same bytes as `ExtHeader`: a `type` up to 31 is a count of contexts. In C: `struct fuse_secctx_header`.
public struct SecctxHeader: WireStruct {
    /// Bytes of all contexts, this header included.
    public var size: UInt32
    public var nr_secctx: UInt32

    @inlinable
    public init(size: UInt32 = 0, nr_secctx: UInt32 = 0) {
        self.size = size
        self.nr_secctx = nr_secctx
    }
}

/// A security context (7.36): the attribute's name with its NUL and `size` bytes of value follow, padded to 8 bytes.
///
/// In C: `struct fuse_secctx`.
public struct Secctx: WireStruct {
    public var size: UInt32
    public var padding: UInt32

    @inlinable
    public init(size: UInt32 = 0, padding: UInt32 = 0) {
        self.size = size
        self.padding = padding
    }
}

/// The supplementary groups of a caller that matter to the request (7.38); `nr_groups` ids of 32 bits follow.
///
/// In C: `struct fuse_supp_groups`, up to its `groups`.
public struct SuppGroups: WireStruct {
    public var nr_groups: UInt32

    @inlinable
    public init(nr_groups: UInt32 = 0) {
        self.nr_groups = nr_groups
    }
}
