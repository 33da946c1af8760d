// SPDX-License-Identifier: MIT

public import SystemPackage

/// Why a filesystem is not mounted or unmounted: the thing, the cause, the remedy.
public struct MountError: Error, Hashable, CustomStringConvertible, Sendable {
    /// The path, or what else was in hand.
    public let subject: String
    public let cause: String
    public let remedy: String?
    /// The error that the system gave, where there is one.
    public let errno: Errno?

    public init(_ subject: String, _ cause: String, remedy: String? = nil, errno: Errno? = nil) {
        self.subject = subject
        self.cause = cause
        self.remedy = remedy
        self.errno = errno
    }

    public var description: String { "\(subject): \(cause)" + (remedy.map { " (\($0))" } ?? "") }
}

extension MountError {
    static func device(_ errno: Errno) -> MountError {
        switch errno {
        case .noSuchFileOrDirectory, .operationNotSupportedByDevice, .noSuchAddressOrDevice:
            MountError("/dev/fuse", "this kernel has no FUSE", remedy: "modprobe fuse, as root", errno: errno)
        case .permissionDenied, .notPermitted:
            MountError("/dev/fuse", "not open to this user", remedy: "run as root, or have root chmod 0666 /dev/fuse", errno: errno)
        default: MountError("/dev/fuse", "\(errno)", errno: errno)
        }
    }

    static func unmount(_ path: String, _ errno: Errno) -> MountError {
        switch errno {
        case .resourceBusy:
            MountError(
                path, "in use: files of it are open, someone's working directory is in it, or something is mounted on it",
                remedy: "who uses it: fuser -vm \(path); to take it out of the tree all the same: \(MountCalls.lazyUnmount) \(path)", errno: errno)
        case .noSuchFileOrDirectory: MountError(path, "no such directory", errno: errno)
        case .notPermitted: MountError(path, "not allowed to unmount", remedy: "run as root", errno: errno)
        default: MountError(path, "\(errno)", errno: errno)
        }
    }

    static func remount(_ path: String, _ errno: Errno) -> MountError {
        switch errno {
        case .resourceBusy: MountError(path, "in use: files of it are open for writing", remedy: "whose they are: fuser -vm \(path)", errno: errno)
        case .noSuchFileOrDirectory: MountError(path, "no such directory", errno: errno)
        case .notPermitted: MountError(path, "not allowed to remount", remedy: "run as root", errno: errno)
        default: MountError(path, "\(errno)", errno: errno)
        }
    }

    static func mountpoint(_ path: String, _ errno: Errno) -> MountError {
        switch errno {
        case .noSuchFileOrDirectory: MountError(path, "no such directory", remedy: "make it first: the mountpoint must exist", errno: errno)
        case .notDirectory: MountError(path, "not a directory", remedy: "the mountpoint must be one", errno: errno)
        case .socketNotConnected, .connectionAbort:
            MountError(path, "a dead FUSE mount is in the way", remedy: "unmount it first: \(MountCalls.lazyUnmount) \(path)", errno: errno)
        case .timedOut:
            MountError(
                path, "the filesystem that is mounted there does not answer",
                remedy: "see whether the process that serves it is stopped, or unmount it first: \(MountCalls.lazyUnmount) \(MountCalls.mountByName(path))",
                errno: errno)
        case .notPermitted: MountError(path, "not allowed to mount", remedy: "run as root", errno: errno)
        default: MountError(path, "\(errno)", errno: errno)
        }
    }
}

extension DeviceFile {
    /// Whether `/dev/fuse` is there and open to this user. Throws what stands against it, and what would help.
    public static func check() throws(MountError) {
        let descriptor: FileDescriptor
        do throws(Errno) { descriptor = try DeviceFile.open() } catch { throw .device(error) }
        try? descriptor.close()
    }
}
