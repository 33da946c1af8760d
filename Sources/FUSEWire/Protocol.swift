// SPDX-License-Identifier: MIT

/// The protocol's numbers that belong to no structure.
public enum FUSEProtocol {
    public static let major: UInt32 = 7
    /// The oldest minor that this module speaks: Linux 5.4.
    public static let oldestMinor: UInt32 = 31
    /// The newest minor that this module knows: Linux 6.18.
    public static let newestMinor: UInt32 = 45

    /// The root directory's node id, in place without a LOOKUP. In C: `FUSE_ROOT_ID`.
    public static let rootID: UInt64 = 1
    /// Set in `InHeader.unique` of a request that the kernel sends again (7.40). In C: `FUSE_UNIQUE_RESEND`.
    public static let uniqueResend: UInt64 = 1 << 63
    /// A user or group id that the mount's id mapping has no value for (7.41). In C: `FUSE_INVALID_UIDGID`.
    public static let invalidID: UInt32 = .max

    /// A read of the device with less room fails with EINVAL. In C: `FUSE_MIN_READ_BUFFER`.
    public static let minReadBuffer = 8192
    /// The most `IoctlIovec` that an answer may list. In C: `FUSE_IOCTL_MAX_IOV`.
    public static let maxIoctlVectors = 256
    /// The most bytes of device properties after `CuseInitOut`. In C: `CUSE_INIT_INFO_MAX`.
    public static let maxCUSEInfo = 4096
    /// The longest name in bytes that a kernel of any minor takes in a directory entry. In C: `FUSE_NAME_MAX`, in the
    /// kernel's own `fuse_i.h`. One longer, or empty, or with a "/", makes the whole listing fail with EIO.
    public static let maxName = 1024

    /// Bytes of the header and of the operation's structure in a ring entry (7.42).
    /// In C: `FUSE_URING_IN_OUT_HEADER_SZ`, `FUSE_URING_OP_IN_OUT_SZ`.
    public static let ringHeaderSize = 128, ringOperationSize = 128

    /// Rounds a size up to 8 bytes, as directory entries and extensions are. In C: `FUSE_REC_ALIGN`.
    @inlinable
    public static func aligned(_ size: Int) -> Int { (size &+ 7) & ~7 }
}

/// What a connection has agreed on, as far as the reading of its messages depends on it.
public struct ProtocolFeatures: Equatable, Sendable {
    /// The minor that both sides speak.
    public var minor: UInt32
    /// What INIT's reply picked.
    public var flags: InitFlags

    /// The default is the state before INIT.
    @inlinable
    public init(minor: UInt32 = FUSEProtocol.oldestMinor, flags: InitFlags = []) {
        self.minor = minor
        self.flags = flags
    }
}

/// The commands of a ring's submissions (7.42). In C: `enum fuse_uring_cmd`.
public enum RingCommand {
    public static let invalid: UInt32 = 0
    /// Lends an entry to the kernel, which completes it with a request in it.
    public static let register: UInt32 = 1
    /// Hands over a reply, and the entry for the next request.
    public static let commitAndFetch: UInt32 = 2
}

/// The ioctls of `/dev/fuse`.
///
/// A command's number holds direction, size, type and number, laid out as most architectures do it (x86, Arm, RISC-V,
/// s390): MIPS, PowerPC and SPARC differ.
public enum DeviceIoctl {
    /// Makes a fresh descriptor of `/dev/fuse` another channel of the connection of the descriptor given.
    /// The argument points to a descriptor, a 32-bit integer. In C: `FUSE_DEV_IOC_CLONE`.
    public static let clone = number(read, 0, MemoryLayout<UInt32>.size)
    /// Registers a backing file; returns its id. The argument points to a `BackingMap` (7.40).
    /// In C: `FUSE_DEV_IOC_BACKING_OPEN`.
    public static let backingOpen = number(write, 1, BackingMap.wireSize)
    /// Ends a registration. The argument points to the id, a 32-bit integer (7.40).
    /// In C: `FUSE_DEV_IOC_BACKING_CLOSE`.
    public static let backingClose = number(write, 2, MemoryLayout<UInt32>.size)
    /// Makes mount(2) wait for the answer to INIT. Takes no argument (added during 7.45).
    /// In C: `FUSE_DEV_IOC_SYNC_INIT`.
    public static let syncInit = number(none, 3, 0)

    private static let none: UInt = 0
    private static let write: UInt = 1
    private static let read: UInt = 2

    private static func number(_ direction: UInt, _ number: UInt, _ size: Int) -> UInt {
        direction << 30 | UInt(size) << 16 | 229 << 8 | number
    }
}
