// SPDX-License-Identifier: MIT

/// SETUPMAPPING: map a part of a file into the DAX window (virtiofs). In C: `struct fuse_setupmapping_in`.
public struct SetupmappingIn: WireStruct {
    public var fh: UInt64
    /// Offset in the file.
    public var foffset: UInt64
    public var len: UInt64
    /// `SetupMappingFlags`.
    public var flags: UInt64
    /// Offset in the window.
    public var moffset: UInt64

    @inlinable
    public init(fh: UInt64 = 0, foffset: UInt64 = 0, len: UInt64 = 0, flags: UInt64 = 0, moffset: UInt64 = 0) {
        self.fh = fh
        self.foffset = foffset
        self.len = len
        self.flags = flags
        self.moffset = moffset
    }
}

/// REMOVEMAPPING: `count` times `RemovemappingOne` follows. In C: `struct fuse_removemapping_in`.
public struct RemovemappingIn: WireStruct {
    public var count: UInt32

    @inlinable
    public init(count: UInt32 = 0) {
        self.count = count
    }
}

/// A stretch of the DAX window to unmap. In C: `struct fuse_removemapping_one`.
public struct RemovemappingOne: WireStruct {
    /// Offset in the window.
    public var moffset: UInt64
    public var len: UInt64

    @inlinable
    public init(moffset: UInt64 = 0, len: UInt64 = 0) {
        self.moffset = moffset
        self.len = len
    }
}
