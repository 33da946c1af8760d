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

    /// Mounts, agrees with the kernel on how to talk, and starts serving.
    ///
    /// Without root it mounts by `fusermount3`; everything works then but passthrough, which the kernel offers to processes
    /// with CAP_SYS_ADMIN alone.
    /// - Throws: ``MountError`` with what stood against it; nothing is mounted then.
    public init(_ fileSystem: FS, at path: FilePath, options: MountOptions = MountOptions()) throws(MountError) {
        let target = try Self.resolve(path.string)
        let device = DeviceFile(owning: try options.mount(at: target), logger: options.session.logger)
        do {
            // The connection's folder in fusectl has the mount's minor device number for its name.
            guard let number = try MountTable.topmost(at: target)?.connection else {
                throw MountError(target, "the mount is not in /proc/self/mountinfo", remedy: "it was unmounted at once, or /proc is not mounted")
            }
            let lane = try device.firstLane()
            session = try Session(fileSystem, device: device, lane: lane, options: options.session)
            pool = try WorkerPool(session, device: device, limits: options.threads)
            try pool.start(lane)
            mountpoint = target
            connectionNumber = number
        } catch {
            try? MountCalls.unmountAsAnyone(target, flags: CLINUX_MNT_DETACH)
            throw error as? MountError ?? MountError(target, "\(error)", errno: error as? Errno)
        }
    }

    /// Waits until the mount is gone.
    public func wait() {
        _ = try? MountCalls.waitForAny([pool.ended])
    }

    /// Unmounts. While files of it are open or someone's working directory is in it, it throws EBUSY and changes
    /// nothing.
    public func unmount() throws(MountError) { try unmount(flags: 0) }

    /// Takes it out of the tree at once. It is served on until nobody uses it any more. C counterpart: `MNT_DETACH`.
    public func detach() throws(MountError) { try unmount(flags: CLINUX_MNT_DETACH) }

    /// Ends the connection at once, and takes the mount out of the tree: what is under way fails with ECONNABORTED, and
    /// so does all that comes later. C counterpart: `MNT_FORCE`, or `abort` in the folder of the connection in fusectl
    /// where the mount is detached already, or something else is mounted on top of it.
    public func abort() throws(MountError) {
        if isTopmost {
            try unmount(flags: CLINUX_MNT_FORCE | CLINUX_MNT_DETACH)
            return
        }
        let path = FilePath("/sys/fs/fuse/connections/\(connectionNumber)/abort")
        do {
            let file = try FileDescriptor.open(path, .writeOnly)
            defer { try? file.close() }
            _ = try file.writeAll("1".utf8)
        } catch {
            throw MountError(path.string, "\(error)", remedy: "mount -t fusectl none /sys/fs/fuse/connections", errno: error as? Errno)
        }
    }

    /// Whether the mount is still in the tree, with nothing on top of it.
    private var isTopmost: Bool {
        do { return try MountTable.topmost(at: mountpoint)?.connection == connectionNumber } catch { return false }
    }

    private func unmount(flags: Int) throws(MountError) {
        do throws(Errno) {
            let mine = try MountTable.entries().filter { $0.mountpoint == mountpoint }
            guard mine.contains(where: { $0.connection == connectionNumber }) else { return }
            // Whoever mounted something on top does not want that to go instead.
            if mine.last?.connection != connectionNumber { throw .resourceBusy }
        } catch {
            throw .unmount(mountpoint, error)
        }
        try MountCalls.unmountAsAnyone(mountpoint, flags: flags)
    }

    private static func resolve(_ path: String) throws(MountError) -> String {
        do throws(Errno) {
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
/// - Parameter lazily: take it out of the tree even while it is in use. C counterpart: `MNT_DETACH`.
/// - Throws: ``MountError`` where no FUSE filesystem is mounted there, or it is in use.
public func unmount(_ path: FilePath, lazily: Bool = false) throws(MountError) {
    let target: String
    do throws(Errno) { target = try MountCalls.mountpointPath(path.string) } catch { throw .unmount(path.string, error) }
    let top: MountTableEntry?
    do throws(Errno) { top = try MountTable.topmost(at: target) } catch { throw .unmount(target, error) }
    guard let top else { throw MountError(target, "nothing is mounted here") }
    guard top.isFUSE else { throw MountError(target, "not a FUSE filesystem, but \(top.type)", remedy: "use umount(8)") }
    try MountCalls.unmountAsAnyone(target, flags: lazily ? CLINUX_MNT_DETACH : 0)
}
