// SPDX-License-Identifier: MIT

/// READ, READDIR and READDIRPLUS. In C: `struct fuse_read_in`.
public struct ReadIn: WireStruct {
    public var fh: UInt64
    /// In a directory: the `off` of the last entry seen, 0 for the start.
    public var offset: UInt64
    /// The most bytes that the reply may carry.
    public var size: UInt32
    /// `ReadFlags`.
    public var read_flags: UInt32
    /// Valid with `ReadFlags.lockOwner`.
    public var lock_owner: UInt64
    /// Those of open(2), as they are now.
    public var flags: UInt32
    public var padding: UInt32

    @inlinable
    public init(
        fh: UInt64 = 0, offset: UInt64 = 0, size: UInt32 = 0, read_flags: UInt32 = 0, lock_owner: UInt64 = 0,
        flags: UInt32 = 0, padding: UInt32 = 0
    ) {
        self.fh = fh
        self.offset = offset
        self.size = size
        self.read_flags = read_flags
        self.lock_owner = lock_owner
        self.flags = flags
        self.padding = padding
    }
}

/// WRITE; `size` bytes of data follow. In C: `struct fuse_write_in`.
public struct WriteIn: WireStruct {
    /// A guess with `WriteFlags.cache`: any file handle open for writing.
    public var fh: UInt64
    public var offset: UInt64
    public var size: UInt32
    /// `WriteFlags`.
    public var write_flags: UInt32
    /// Valid with `WriteFlags.lockOwner`.
    public var lock_owner: UInt64
    /// Those of open(2), as they are now.
    public var flags: UInt32
    public var padding: UInt32

    @inlinable
    public init(
        fh: UInt64 = 0, offset: UInt64 = 0, size: UInt32 = 0, write_flags: UInt32 = 0, lock_owner: UInt64 = 0,
        flags: UInt32 = 0, padding: UInt32 = 0
    ) {
        self.fh = fh
        self.offset = offset
        self.size = size
        self.write_flags = write_flags
        self.lock_owner = lock_owner
        self.flags = flags
        self.padding = padding
    }
}

/// The answer to WRITE and COPY_FILE_RANGE. In C: `struct fuse_write_out`.
public struct WriteOut: WireStruct {
    /// How many bytes were written.
    public var size: UInt32
    public var padding: UInt32

    @inlinable
    public init(size: UInt32 = 0, padding: UInt32 = 0) {
        self.size = size
        self.padding = padding
    }
}

/// FALLOCATE. In C: `struct fuse_fallocate_in`.
public struct FallocateIn: WireStruct {
    public var fh: UInt64
    public var offset: UInt64
    public var length: UInt64
    /// FALLOC_FL_* bits.
    public var mode: UInt32
    public var padding: UInt32

    @inlinable
    public init(fh: UInt64 = 0, offset: UInt64 = 0, length: UInt64 = 0, mode: UInt32 = 0, padding: UInt32 = 0) {
        self.fh = fh
        self.offset = offset
        self.length = length
        self.mode = mode
        self.padding = padding
    }
}

/// LSEEK: SEEK_DATA and SEEK_HOLE, for which the kernel cannot answer itself. In C: `struct fuse_lseek_in`.
public struct LseekIn: WireStruct {
    public var fh: UInt64
    public var offset: UInt64
    public var whence: UInt32
    public var padding: UInt32

    @inlinable
    public init(fh: UInt64 = 0, offset: UInt64 = 0, whence: UInt32 = 0, padding: UInt32 = 0) {
        self.fh = fh
        self.offset = offset
        self.whence = whence
        self.padding = padding
    }
}

/// The answer to LSEEK. In C: `struct fuse_lseek_out`.
public struct LseekOut: WireStruct {
    public var offset: UInt64

    @inlinable
    public init(offset: UInt64 = 0) {
        self.offset = offset
    }
}

/// COPY_FILE_RANGE and COPY_FILE_RANGE_64 (7.45); the header's `nodeid` is the source. In C: `struct
/// fuse_copy_file_range_in`.
public struct CopyFileRangeIn: WireStruct {
    public var fh_in: UInt64
    public var off_in: UInt64
    public var nodeid_out: UInt64
    public var fh_out: UInt64
    public var off_out: UInt64
    public var len: UInt64
    public var flags: UInt64

    @inlinable
    public init(
        fh_in: UInt64 = 0, off_in: UInt64 = 0, nodeid_out: UInt64 = 0, fh_out: UInt64 = 0, off_out: UInt64 = 0,
        len: UInt64 = 0, flags: UInt64 = 0
    ) {
        self.fh_in = fh_in
        self.off_in = off_in
        self.nodeid_out = nodeid_out
        self.fh_out = fh_out
        self.off_out = off_out
        self.len = len
        self.flags = flags
    }
}

/// The answer to COPY_FILE_RANGE_64 (7.45): it has 64 bits where `WriteOut` has 32. In C: `struct
/// fuse_copy_file_range_out`.
public struct CopyFileRangeOut: WireStruct {
    public var bytes_copied: UInt64

    @inlinable
    public init(bytes_copied: UInt64 = 0) {
        self.bytes_copied = bytes_copied
    }
}

/// BMAP: the FIBMAP ioctl, on block-device mounts. In C: `struct fuse_bmap_in`.
public struct BmapIn: WireStruct {
    /// The block of the file, in units of `blocksize`.
    public var block: UInt64
    public var blocksize: UInt32
    public var padding: UInt32

    @inlinable
    public init(block: UInt64 = 0, blocksize: UInt32 = 0, padding: UInt32 = 0) {
        self.block = block
        self.blocksize = blocksize
        self.padding = padding
    }
}

/// The answer to BMAP. In C: `struct fuse_bmap_out`.
public struct BmapOut: WireStruct {
    /// The block of the device.
    public var block: UInt64

    @inlinable
    public init(block: UInt64 = 0) {
        self.block = block
    }
}

/// INTERRUPT: the caller of a request under way got a signal. No reply is due. In C: `struct fuse_interrupt_in`.
public struct InterruptIn: WireStruct {
    /// That of the request that should end early, with EINTR.
    public var unique: UInt64

    @inlinable
    public init(unique: UInt64 = 0) {
        self.unique = unique
    }
}
