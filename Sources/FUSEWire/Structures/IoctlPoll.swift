// SPDX-License-Identifier: MIT

/// IOCTL; `in_size` bytes of data follow. In C: `struct fuse_ioctl_in`.
public struct IoctlIn: WireStruct {
    public var fh: UInt64
    /// `IoctlFlags`.
    public var flags: UInt32
    public var cmd: UInt32
    /// The call's third argument: in the caller's address space, if it is an address.
    public var arg: UInt64
    public var in_size: UInt32
    /// The most bytes that the reply may carry.
    public var out_size: UInt32

    @inlinable
    public init(
        fh: UInt64 = 0, flags: UInt32 = 0, cmd: UInt32 = 0, arg: UInt64 = 0, in_size: UInt32 = 0,
        out_size: UInt32 = 0
    ) {
        self.fh = fh
        self.flags = flags
        self.cmd = cmd
        self.arg = arg
        self.in_size = in_size
        self.out_size = out_size
    }
}

/// A stretch of the caller's memory, in a reply with `IoctlFlags.retry`. In C: `struct fuse_ioctl_iovec`.
public struct IoctlIovec: WireStruct {
    public var base: UInt64
    public var len: UInt64

    @inlinable
    public init(base: UInt64 = 0, len: UInt64 = 0) {
        self.base = base
        self.len = len
    }
}

/// The answer to IOCTL; data follows, or with `IoctlFlags.retry` `in_iovs` + `out_iovs` times `IoctlIovec`.
///
/// In C: `struct fuse_ioctl_out`.
public struct IoctlOut: WireStruct {
    /// What the call returns; negative is an errno.
    public var result: Int32
    /// `IoctlFlags`.
    public var flags: UInt32
    public var in_iovs: UInt32
    public var out_iovs: UInt32

    @inlinable
    public init(result: Int32 = 0, flags: UInt32 = 0, in_iovs: UInt32 = 0, out_iovs: UInt32 = 0) {
        self.result = result
        self.flags = flags
        self.in_iovs = in_iovs
        self.out_iovs = out_iovs
    }
}

/// POLL. In C: `struct fuse_poll_in`.
public struct PollIn: WireStruct {
    public var fh: UInt64
    /// The kernel's name for the waiter, for `NotifyPollWakeupOut`.
    public var kh: UInt64
    /// `PollFlags`.
    public var flags: UInt32
    /// The POLL* bits that are waited for.
    public var events: UInt32

    @inlinable
    public init(fh: UInt64 = 0, kh: UInt64 = 0, flags: UInt32 = 0, events: UInt32 = 0) {
        self.fh = fh
        self.kh = kh
        self.flags = flags
        self.events = events
    }
}

/// The answer to POLL. In C: `struct fuse_poll_out`.
public struct PollOut: WireStruct {
    /// The POLL* bits that hold now.
    public var revents: UInt32
    public var padding: UInt32

    @inlinable
    public init(revents: UInt32 = 0, padding: UInt32 = 0) {
        self.revents = revents
        self.padding = padding
    }
}
