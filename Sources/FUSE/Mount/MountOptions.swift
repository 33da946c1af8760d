// SPDX-License-Identifier: MIT

import CLinux
public import Logging
import SystemPackage

/// How a filesystem is mounted and served.
public struct MountOptions: Sendable {
    /// What `mount` and `df` show as the source.
    public var source = "fuse"
    /// The type is shown as `fuse.` and this. C counterpart: `subtype`.
    public var subtype: String?
    /// Users other than the one who mounts may use it. C counterpart: `allow_other`.
    public var allowOther = false
    /// The kernel checks permissions by owner, group and mode. Without it the filesystem must do so itself. C
    /// counterpart: `default_permissions`.
    public var defaultPermissions = true
    public var readOnly = false
    /// Set-user-id and set-group-id bits and file capabilities take effect. This and the next three hold unless the
    /// filesystem rules it out: ``FileSystem/mountRestrictions``.
    public var suid = false
    /// Device nodes work.
    public var dev = false
    /// Programs can be run from it.
    public var exec = true
    /// Symbolic links are followed.
    public var symfollow = true
    /// Reading a file does not change its access time.
    public var noatime = false
    /// Writes return when the filesystem has synchronized them. Not those to a file that is passed through: of them the kernel
    /// asks the backing file's filesystem whether it is mounted so.
    public var sync = false
    /// The kernel does nothing about it in a FUSE filesystem.
    public var dirsync = false

    /// What SELinux is to take the files for, by the names `context`, `fscontext`, `defcontext` and `rootcontext` of `mount(8)`.
    /// Kernels without it refuse them.
    public var securityLabels: [String: String] = [:]

    /// Called with a line for each message between kernel and filesystem, as ``TracedTransport`` describes them: on the thread
    /// that has the message in hand, from several at once. Nil, the default, costs nothing.
    public var trace: (@Sendable (String) -> Void)?

    /// How requests come.
    public var transport = TransportChoice.auto

    public var threads = ThreadLimits()
    public var session: SessionOptions

    /// What is to go wrong with io_uring, for tests.
    var ringFaults = RingFaults()

    public init(logger: Logger = Logger(label: "fuse")) { session = SessionOptions(logger: logger) }

    /// Rules out what a filesystem wants ruled out.
    public mutating func apply(_ restrictions: MountRestrictions) {
        if restrictions.contains(.noSuid) { suid = false }
        if restrictions.contains(.noDev) { dev = false }
        if restrictions.contains(.noExec) { exec = false }
        if restrictions.contains(.noSymlinkFollow) { symfollow = false }
    }
}

/// By which way requests come from the kernel. What a filesystem sees is the same.
public enum TransportChoice: String, Sendable, CaseIterable {
    /// Over io_uring where the kernel offers it, else by `/dev/fuse`; and by `/dev/fuse` where passthrough is switched off: it is quicker
    /// with small writes of many threads.
    case auto
    /// By `/dev/fuse`.
    case device = "dev"
    /// Over io_uring; a kernel that does not do it is an error. It takes Linux 6.14, and
    /// `/sys/module/fuse/parameters/enable_uring` switched on before mounting.
    case ring
}

extension MountOptions {
    /// The session's own, and what it has to know of the mount.
    var forSession: SessionOptions {
        var options = session
        options.defaultPermissions = defaultPermissions
        return options
    }

    /// The way over io_uring, where it is wanted and there can be one.
    func ring(on file: DeviceFile, _ connection: Int) throws(RingRefusal) -> RingTransport? {
        switch transport {
        case .device: return nil
        // All that goes by it then is data, small writes of many threads among it, for which /dev/fuse is quicker.
        case .auto: if session.passthrough == .off { return nil }
        case .ring: break
        }
        do throws(RingRefusal) { return try RingTransport(file, connection: connection, logger: session.logger, faults: ringFaults) } catch {
            if transport == .ring { throw error }
            session.logger.debug("requests come by /dev/fuse: \(error)")
            return nil
        }
    }

    /// Opens `/dev/fuse` and mounts it on a directory: by itself as root, by `fusermount3` as another user.
    func mount(at target: String) throws(MountError) -> Mounted {
        guard MountCalls.effectiveUser == 0 else {
            try checkLabels(target)
            return try Fusermount.mount(at: target, options: self)
        }
        let device: FileDescriptor
        do throws(Errno) { device = try DeviceFile.open() } catch { throw .device(error) }
        do {
            if DetachedMount.canBeNamed(source), DetachedMount.isKnown {
                return Mounted(device: device, connection: try DetachedMount(device, self).attach(at: target))
            }
            let tag = MountTag()
            try mount(device, at: target, tag)
            return Mounted(device: device, connection: try tag.connection(of: device, at: target))
        } catch {
            try? device.close()
            throw error as? MountError ?? .mountpoint(target, error as? Errno ?? .ioError)
        }
    }

    /// As `mount(2)` takes them.
    var flags: Int {
        var flags = 0
        if readOnly { flags |= CLINUX_MS_RDONLY }
        if !suid { flags |= CLINUX_MS_NOSUID }
        if !dev { flags |= CLINUX_MS_NODEV }
        if !exec { flags |= CLINUX_MS_NOEXEC }
        if !symfollow { flags |= CLINUX_MS_NOSYMFOLLOW }
        if noatime { flags |= CLINUX_MS_NOATIME }
        if sync { flags |= CLINUX_MS_SYNCHRONOUS }
        if dirsync { flags |= CLINUX_MS_DIRSYNC }
        return flags
    }

    /// Mounts an opened `/dev/fuse` on a directory, by `mount(2)`. Source of the option names: `fuse_fs_parameters` in Linux.
    private func mount(_ device: FileDescriptor, at target: String, _ tag: MountTag) throws(Errno) {
        var data = "fd=\(device.rawValue),rootmode=40000,user_id=\(MountCalls.user),group_id=\(MountCalls.group),\(tag.option)"
        if defaultPermissions { data += ",default_permissions" }
        if allowOther { data += ",allow_other" }
        data += labelData
        let type = subtype.map { "fuse.\($0)" } ?? "fuse"
        try MountCalls.mount(source, at: target, type: type, flags: UInt(flags), data: data)
    }
}
