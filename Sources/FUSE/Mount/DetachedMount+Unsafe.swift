// SPDX-License-Identifier: MIT

import CLinux
import Glibc
import SystemPackage

/// A mount that is not in the tree yet: made option by option, and gone again if it is not attached.
struct DetachedMount: ~Copyable {
    private let descriptor: FileDescriptor
    /// The minor number of its device, which is the connection's number.
    private let connection: Int

    /// The kernel takes no longer values than this (`fsconfig(2)`), where `mount(2)` does.
    static func canBeNamed(_ source: String) -> Bool { source.utf8.count <= 255 }

    /// Whether there is such a thing: not before Linux 5.2, nor under what stands in for a kernel (valgrind).
    static var isKnown: Bool {
        // Safe: a literal, NUL-terminated.
        let context = unsafe clinux_fsopen("fuse")
        guard context >= 0 else { return errno != ENOSYS }
        try? FileDescriptor(rawValue: context).close()
        return true
    }

    /// Makes a mount of an opened `/dev/fuse`. Source of the option names: `fuse_fs_parameters` and `vfs_parse_sb_flag` in Linux.
    init(_ device: FileDescriptor, _ options: MountOptions) throws(Errno) {
        // Safe, all of it: strings lent for the calls.
        let context = FileDescriptor(rawValue: try unsafe SystemCall.result(clinux_fsopen("fuse")))
        defer { try? context.close() }
        func set(_ key: String, _ value: String) throws(Errno) {
            _ = try unsafe SystemCall.result(clinux_fsconfig(context.rawValue, CInt(CLINUX_FSCONFIG_SET_STRING), key, value))
        }
        func set(_ flag: String) throws(Errno) {
            _ = try unsafe SystemCall.result(clinux_fsconfig(context.rawValue, CInt(CLINUX_FSCONFIG_SET_FLAG), flag, nil))
        }
        try set("source", options.source)
        if let subtype = options.subtype { try set("subtype", subtype) }
        try set("fd", "\(device.rawValue)")
        try set("rootmode", "40000")
        try set("user_id", "\(MountCalls.user)")
        try set("group_id", "\(MountCalls.group)")
        if options.defaultPermissions { try set("default_permissions") }
        if options.allowOther { try set("allow_other") }
        for (name, label) in options.securityLabels.sorted(by: { $0.key < $1.key }) { try set(name, label) }
        for (flag, name) in Self.filesystemFlags where options.flags & flag != 0 { try set(name) }
        _ = try SystemCall.result(clinux_fsconfig(context.rawValue, CInt(CLINUX_FSCONFIG_CMD_CREATE), nil, nil))
        let attributes = Self.attributes.reduce(0) { options.flags & $1.flag != 0 ? $0 | $1.attribute : $0 }
        let mount = FileDescriptor(rawValue: try SystemCall.result(clinux_fsmount(context.rawValue, attributes)))
        let number: CInt
        do throws(Errno) { number = try SystemCall.result(clinux_device_minor(mount.rawValue)) } catch {
            try? mount.close()
            throw error
        }
        (descriptor, connection) = (mount, Int(number))
    }

    deinit { try? descriptor.close() }

    /// Puts it into the tree, on a directory.
    /// - Returns: the connection's number.
    consuming func attach(at target: String) throws(Errno) -> Int {
        _ = try unsafe SystemCall.result(clinux_attach(descriptor.rawValue, target))
        return connection
    }

    /// The flags of `mount(2)` that are the filesystem's, by name.
    private static let filesystemFlags = [
        (CLINUX_MS_RDONLY, "ro"), (CLINUX_MS_SYNCHRONOUS, "sync"), (CLINUX_MS_DIRSYNC, "dirsync"),
    ]

    /// The flags of `mount(2)` that are the mount's, as `fsmount(2)` has them. Source: include/uapi/linux/mount.h.
    private static let attributes: [(flag: Int, attribute: UInt64)] = [
        (CLINUX_MS_RDONLY, 1), (CLINUX_MS_NOSUID, 2), (CLINUX_MS_NODEV, 4), (CLINUX_MS_NOEXEC, 8), (CLINUX_MS_NOATIME, 0x10),
        (256 /* MS_NOSYMFOLLOW */, 0x20_0000),
    ]
}
