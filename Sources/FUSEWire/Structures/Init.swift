// SPDX-License-Identifier: MIT

/// The first request of a connection: what the kernel speaks and offers.
///
/// Kernels before 7.36 send the first 16 bytes alone. In C: `struct fuse_init_in`.
public struct InitIn: LengthenedWireStruct {
    public var major: UInt32
    public var minor: UInt32
    /// In bytes; the reply may lower it.
    public var max_readahead: UInt32
    /// The low half of `InitFlags`.
    public var flags: UInt32
    /// The high half of `InitFlags`, valid with `InitFlags.initExt` (7.36).
    public var flags2: UInt32
    /// Zero (7.36).
    public var unused: InlineArray<11, UInt32>

    @inlinable public static var shortSize: Int { 16 }
    @inlinable public static var zero: InitIn { InitIn() }

    @inlinable
    public init(
        major: UInt32 = 0, minor: UInt32 = 0, max_readahead: UInt32 = 0, flags: UInt32 = 0, flags2: UInt32 = 0,
        unused: InlineArray<11, UInt32> = InlineArray(repeating: 0)
    ) {
        self.major = major
        self.minor = minor
        self.max_readahead = max_readahead
        self.flags = flags
        self.flags2 = flags2
        self.unused = unused
    }
}

/// The answer to INIT: what the two will speak.
///
/// In C: `struct fuse_init_out`.
public struct InitOut: WireStruct {
    public var major: UInt32
    /// The lower one of both sides' is spoken.
    public var minor: UInt32
    /// In bytes, not above what the kernel named.
    public var max_readahead: UInt32
    /// The low half of `InitFlags`: those wanted, out of those offered.
    public var flags: UInt32
    /// How many readahead and other background requests may be under way; 0 keeps the kernel's default.
    public var max_background: UInt16
    /// From how many on the kernel calls the connection congested; 0 keeps three quarters of `max_background`.
    public var congestion_threshold: UInt16
    /// The largest WRITE in bytes.
    public var max_write: UInt32
    /// Granularity of timestamps in nanoseconds, 1 to 1,000,000,000.
    public var time_gran: UInt32
    /// The largest READ or WRITE in pages, valid with `InitFlags.maxPages`.
    public var max_pages: UInt16
    /// Base-2 logarithm of the alignment of DAX mappings, valid with `InitFlags.mapAlignment`.
    public var map_alignment: UInt16
    /// The high half of `InitFlags`, valid with `InitFlags.initExt` (7.36).
    public var flags2: UInt32
    /// How deep backing files may be stacked, 1 or 2, needed for `InitFlags.passthrough` (7.40).
    public var max_stack_depth: UInt32
    /// Seconds until the kernel gives a request up and ends the connection, valid with `InitFlags.requestTimeout`
    /// (7.43).
    public var request_timeout: UInt16
    public var unused: InlineArray<11, UInt16>

    @inlinable
    public init(
        major: UInt32 = 0, minor: UInt32 = 0, max_readahead: UInt32 = 0, flags: UInt32 = 0,
        max_background: UInt16 = 0, congestion_threshold: UInt16 = 0, max_write: UInt32 = 0, time_gran: UInt32 = 0,
        max_pages: UInt16 = 0, map_alignment: UInt16 = 0, flags2: UInt32 = 0, max_stack_depth: UInt32 = 0,
        request_timeout: UInt16 = 0, unused: InlineArray<11, UInt16> = InlineArray(repeating: 0)
    ) {
        self.major = major
        self.minor = minor
        self.max_readahead = max_readahead
        self.flags = flags
        self.max_background = max_background
        self.congestion_threshold = congestion_threshold
        self.max_write = max_write
        self.time_gran = time_gran
        self.max_pages = max_pages
        self.map_alignment = map_alignment
        self.flags2 = flags2
        self.max_stack_depth = max_stack_depth
        self.request_timeout = request_timeout
        self.unused = unused
    }
}

/// The first request on a CUSE channel (a character device in user space).
///
/// In C: `struct cuse_init_in`.
public struct CuseInitIn: WireStruct {
    public var major: UInt32
    public var minor: UInt32
    public var unused: UInt32
    /// `CUSEInitFlags`.
    public var flags: UInt32

    @inlinable
    public init(major: UInt32 = 0, minor: UInt32 = 0, unused: UInt32 = 0, flags: UInt32 = 0) {
        self.major = major
        self.minor = minor
        self.unused = unused
        self.flags = flags
    }
}

/// The answer to CUSE_INIT; the device's properties, as NUL-terminated `KEY=VALUE` strings, follow it.
///
/// In C: `struct cuse_init_out`.
public struct CuseInitOut: WireStruct {
    public var major: UInt32
    public var minor: UInt32
    public var unused: UInt32
    /// `CUSEInitFlags`.
    public var flags: UInt32
    public var max_read: UInt32
    public var max_write: UInt32
    /// Of the character device; 0 lets the kernel choose.
    public var dev_major: UInt32
    public var dev_minor: UInt32
    public var spare: InlineArray<10, UInt32>

    @inlinable
    public init(
        major: UInt32 = 0, minor: UInt32 = 0, unused: UInt32 = 0, flags: UInt32 = 0, max_read: UInt32 = 0,
        max_write: UInt32 = 0, dev_major: UInt32 = 0, dev_minor: UInt32 = 0,
        spare: InlineArray<10, UInt32> = InlineArray(repeating: 0)
    ) {
        self.major = major
        self.minor = minor
        self.unused = unused
        self.flags = flags
        self.max_read = max_read
        self.max_write = max_write
        self.dev_major = dev_major
        self.dev_minor = dev_minor
        self.spare = spare
    }
}
