// SPDX-License-Identifier: MIT

import FUSEWire

/// What `poll(2)` asks for and answers. C counterpart: the `POLL*` bits.
public struct PollEvents: OptionSet, Hashable, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// There is something to read. C counterpart: `POLLIN`.
    public static var readable: PollEvents { PollEvents(rawValue: 0x1) }
    /// C counterpart: `POLLPRI`.
    public static var urgent: PollEvents { PollEvents(rawValue: 0x2) }
    /// A write would not block. C counterpart: `POLLOUT`.
    public static var writable: PollEvents { PollEvents(rawValue: 0x4) }
    /// C counterpart: `POLLERR`; answered whether asked for or not.
    public static var failed: PollEvents { PollEvents(rawValue: 0x8) }
    /// C counterpart: `POLLHUP`; answered whether asked for or not.
    public static var hungUp: PollEvents { PollEvents(rawValue: 0x10) }
    /// `POLLIN` under its other name, which many programs ask for too. C counterpart: `POLLRDNORM`.
    public static var readableNormally: PollEvents { PollEvents(rawValue: 0x40) }
    /// C counterpart: `POLLWRNORM`.
    public static var writableNormally: PollEvents { PollEvents(rawValue: 0x100) }
}

/// A command of an `ioctl(2)`. C counterpart: its second argument, and what the kernel says of it.
public struct IoctlCommand: Hashable, Sendable {
    /// The command. By the usual layout its number says the direction, and the size of what the argument points to; the
    /// kernel takes it so.
    public var number: UInt32
    /// The call's third argument as it is: an address of the caller's, or a number.
    public var argument: UInt64
    /// The caller is a 32-bit process, and its structures are laid out for one. C counterpart: `FUSE_IOCTL_COMPAT`.
    public var isCompat: Bool
    /// It was sent on a directory. C counterpart: `FUSE_IOCTL_DIR`.
    public var isOnDirectory: Bool

    public init(number: UInt32, argument: UInt64 = 0, isCompat: Bool = false, isOnDirectory: Bool = false) {
        self.number = number
        self.argument = argument
        self.isCompat = isCompat
        self.isOnDirectory = isOnDirectory
    }
}
