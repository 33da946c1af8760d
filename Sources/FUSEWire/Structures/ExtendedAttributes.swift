// SPDX-License-Identifier: MIT

/// SETXATTR; the name and `size` bytes of value follow.
///
/// The first 8 bytes alone unless `InitFlags.setxattrExt` is negotiated (7.33). In C: `struct fuse_setxattr_in`.
public struct SetxattrIn: LengthenedWireStruct {
    public var size: UInt32
    /// XATTR_CREATE, XATTR_REPLACE.
    public var flags: UInt32
    /// `SetxattrFlags` (7.33).
    public var setxattr_flags: UInt32
    public var padding: UInt32

    @inlinable public static var shortSize: Int { 8 }
    @inlinable public static var zero: SetxattrIn { SetxattrIn() }

    @inlinable
    public init(size: UInt32 = 0, flags: UInt32 = 0, setxattr_flags: UInt32 = 0, padding: UInt32 = 0) {
        self.size = size
        self.flags = flags
        self.setxattr_flags = setxattr_flags
        self.padding = padding
    }
}

/// GETXATTR (the name follows) and LISTXATTR. In C: `struct fuse_getxattr_in`.
public struct GetxattrIn: WireStruct {
    /// Bytes that the caller has room for; 0 asks for the size.
    public var size: UInt32
    public var padding: UInt32

    @inlinable
    public init(size: UInt32 = 0, padding: UInt32 = 0) {
        self.size = size
        self.padding = padding
    }
}

/// The answer to GETXATTR and LISTXATTR with a `size` of 0. In C: `struct fuse_getxattr_out`.
public struct GetxattrOut: WireStruct {
    public var size: UInt32
    public var padding: UInt32

    @inlinable
    public init(size: UInt32 = 0, padding: UInt32 = 0) {
        self.size = size
        self.padding = padding
    }
}
