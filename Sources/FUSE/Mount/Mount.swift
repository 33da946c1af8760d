// SPDX-License-Identifier: MIT

import CLinux
import Glibc
import Logging
import Synchronization
public import SystemPackage

/// A filesystem, mounted on a directory of this machine and served by threads of this process.
///
/// The mount is live when `init` returns. It ends when someone unmounts it (``unmount()``, or `umount(8)`), or when the
/// connection is aborted; ``wait()`` returns then. Dropping the last reference to a live mount does not unmount it.
public final class Mount<FS: FileSystem>: Sendable {
    public let session: Session<FS>
    /// The directory, as an absolute path without links.
    public let mountpoint: String
    /// The connection's number in `/sys/fs/fuse/connections`.
    public let connectionNumber: Int
    let pool: WorkerPool<FS>
    let file: DeviceFile
    let transport: any Transport

    /// Mounts, agrees with the kernel on how to talk, and starts serving.
    ///
    /// Without root it mounts by `fusermount3`; everything works then but passthrough, which the kernel offers to processes
    /// with CAP_SYS_ADMIN alone.
    /// - Throws: ``MountError`` with what stood against it; nothing is mounted then.
    public init(_ fileSystem: FS, at path: FilePath, options: MountOptions = MountOptions()) throws(MountError) {
        var options = options
        options.apply(fileSystem.mountRestrictions)
        let target = try Self.resolve(path.string)
        let mounted = try options.mount(at: target)
        let (file, number) = (DeviceFile(owning: mounted.device, logger: options.session.logger), mounted.connection)
        do {
            let ring = try options.ring(on: file, number)
            ring?.whenLost { Self.end(file, number, at: target) }
            let (transport, channel) = try Self.traced(ring ?? file, ring?.firstChannel() ?? file.firstChannel(), options.trace)
            session = try Session(
                fileSystem, transport: transport, channel: channel, options: options.forSession, mountedAs: MountCalls.deviceNumber(0, number))
            pool = try WorkerPool(session, transport: transport, limits: options.threads)
            try pool.start(channel)
            if options.transport == .ring, let refusal = ring?.outcome() { throw refusal }
            mountpoint = target
            connectionNumber = number
            self.file = file
            self.transport = transport
        } catch {
            // This one, and nothing that was there before, or that somebody has put on top of it.
            let isOnTop: Bool
            do throws(Errno) { isOnTop = try MountTable.topmost(at: target)?.connection == number } catch { isOnTop = true }
            if isOnTop { try? MountCalls.unmountAsAnyone(target, flags: CLINUX_MNT_DETACH) }
            if let refusal = error as? RingRefusal { throw MountError(target, "\(refusal)", remedy: refusal.remedy) }
            throw error as? MountError ?? MountError(target, "\(error)", errno: error as? Errno)
        }
    }

    /// A transport and its first channel, with their messages shown where that is wanted.
    private static func traced(
        _ transport: any Transport, _ channel: any Channel, _ trace: (@Sendable (String) -> Void)?
    ) throws(Errno) -> (any Transport, any Channel) {
        #if !SWIFT_FUSE_UNTRACED
            if let trace {
                let transport = TracedTransport(transport, trace)
                return (transport, transport.traced(channel))
            }
        #endif
        return (transport, channel)
    }

    /// Ends a connection that cannot be served any more.
    private static func end(_ file: DeviceFile, _ number: Int, at target: String) {
        if file.isConnected, let control = try? FileDescriptor.open(controlFile(number), .writeOnly) {
            defer { try? control.close() }
            if (try? control.writeAll("1".utf8)) != nil { return }
        }
        guard (try? MountTable.topmost(at: target))?.connection == number else { return }
        try? MountCalls.unmountAsAnyone(target, flags: CLINUX_MNT_FORCE | CLINUX_MNT_DETACH)
    }

    private static func controlFile(_ number: Int) -> FilePath { FilePath("/sys/fs/fuse/connections/\(number)/abort") }

    /// Waits until the mount is gone.
    public func wait() {
        pool.waitUntilEnded()
    }

    /// Unmounts. While files of it are open or someone's working directory is in it, it throws EBUSY and changes
    /// nothing.
    public func unmount() throws(MountError) { try unmount(flags: 0) }

    /// Takes it out of the tree at once. It is served on until nobody uses it any more. C counterpart: `MNT_DETACH`.
    public func detach() throws(MountError) { try unmount(flags: CLINUX_MNT_DETACH) }

    /// Ends the connection at once, and takes the mount out of the tree: what is under way fails with ECONNABORTED, and
    /// so does all that comes later. C counterpart: `MNT_FORCE`, or `abort` in the folder of the connection in fusectl
    /// for users other than root, and where the mount is detached already or something else is mounted on top of it.
    public func abort() throws(MountError) {
        defer { if !file.isConnected { session.interrupts.connectionIsOver() } }
        if isTopmost {
            do throws(MountError) { try unmount(flags: CLINUX_MNT_FORCE | CLINUX_MNT_DETACH) } catch {
                // The control file is the user's, whatever fusermount3 refuses.
                guard MountCalls.effectiveUser != 0, (try? abortByControlFile()) != nil else { throw error }
                return
            }
            // What fusermount3 does for other users only detaches.
            if MountCalls.effectiveUser == 0 { return }
        }
        try abortByControlFile()
    }

    /// The file belongs to the user who mounted. Source: `fuse_ctl_add_dentry` in Linux.
    private func abortByControlFile() throws(MountError) {
        let path = Self.controlFile(connectionNumber)
        do {
            let file = try FileDescriptor.open(path, .writeOnly)
            defer { try? file.close() }
            // A connection that is over has given its number back, and another mount may have it: what was opened is this
            // one's only where this one still lives.
            if self.file.isConnected { _ = try file.writeAll("1".utf8) }
        } catch {
            // What has just been unmounted is out of the tree before its connection is over.
            guard self.file.isConnected(after: 1000) else { return }
            throw MountError(path.string, "\(error)", remedy: "mount -t fusectl none /sys/fs/fuse/connections", errno: error as? Errno)
        }
    }

    /// Whether the mount is still in the tree, with nothing on top of it.
    private var isTopmost: Bool {
        do { return try mountsThere.last == connectionNumber } catch { return false }
    }

    private func unmount(flags: Int) throws(MountError) {
        do throws(Errno) {
            let there = try mountsThere
            guard there.contains(connectionNumber) else { return }
            // Whoever mounted something on top does not want that to go instead.
            if there.last != connectionNumber { throw .resourceBusy }
        } catch {
            throw .unmount(mountpoint, error)
        }
        do throws(MountError) { try MountCalls.unmountAsAnyone(mountpoint, flags: flags) } catch {
            // Somebody else was faster.
            if let there = try? mountsThere, !there.contains(connectionNumber) { return }
            throw error
        }
    }

    /// The connections of what is mounted on the directory, the topmost one last; nil for what is no FUSE.
    private var mountsThere: [Int?] {
        get throws(Errno) { try MountTable.stack(at: mountpoint).map(\.connection) }
    }

    private static func resolve(_ path: String) throws(MountError) -> String {
        do throws(Errno) {
            // First of all: a mount that does not answer is in nobody's way then.
            try MountCalls.checkIsServed(path)
            let target = try MountCalls.realPath(path)
            guard try MountCalls.mode(of: target) & S_IFMT == S_IFDIR else { throw .notDirectory }
            return target
        } catch {
            throw .mountpoint(path, error)
        }
    }
}

/// Unmounts whatever FUSE filesystem is mounted at a path, whoever serves it.
///
/// `lazily`: take it out of the tree even while it is in use. C counterpart: `MNT_DETACH`.
/// - Throws: ``MountError`` where no FUSE filesystem is mounted there, or it is in use.
public func unmount(_ path: FilePath, lazily: Bool = false) throws(MountError) {
    let target: String
    do throws(Errno) { target = try MountCalls.pathWithoutEntering(path) } catch { throw .unmount(path.string, error) }
    let top: MountTableEntry?
    do throws(Errno) { top = try MountTable.topmost(at: target) } catch { throw .unmount(target, error) }
    guard let top else { throw MountError(target, "nothing is mounted here") }
    guard top.isFUSE else { throw MountError(target, "not a FUSE filesystem, but \(top.type)", remedy: "use umount(8)") }
    try MountCalls.unmountAsAnyone(target, flags: lazily ? CLINUX_MNT_DETACH : 0)
}

/// Changes how a FUSE filesystem is mounted, whoever serves it: read-only or not, and what mount flags the options name.
/// Files that are open for writing keep it from becoming read-only. C counterpart: `mount -o remount`.
///
/// The options hold as they are: what the filesystem had ruled out when it was mounted (``FileSystem/mountRestrictions``) is
/// its server's to know. ``MountOptions/apply(_:)`` rules it out again.
/// - Throws: ``MountError`` where no FUSE filesystem is mounted there, it is in use, or this user may not.
public func remount(_ path: FilePath, options: MountOptions) throws(MountError) {
    let target: String
    let top: MountTableEntry?
    do throws(Errno) {
        target = try MountCalls.pathWithoutEntering(path)
        top = try MountTable.topmost(at: target)
    } catch {
        throw .remount(path.string, error)
    }
    guard let top, top.isFUSE else { throw MountError(target, "no FUSE filesystem is mounted here") }
    do throws(Errno) {
        try MountCalls.mount(top.source, at: target, type: top.type, flags: UInt(options.flags | CLINUX_MS_REMOUNT), data: "")
    } catch {
        throw .remount(path.string, error)
    }
}
