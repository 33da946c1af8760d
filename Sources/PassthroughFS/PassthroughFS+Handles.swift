// SPDX-License-Identifier: MIT

import CLinux
import FUSE
import Glibc
import SystemPackage

extension PassthroughFS {
    /// By what an inode is to be held, with a use of its mount, which goes to whoever takes the handle; none where only a
    /// descriptor will do. And what its mount rules out that the source's does not. Throws EXDEV for what is not to be shown.
    func hold(_ found: FileDescriptor, _ known: KnownStatus) throws(Errno) -> (InodeHandle, MountRestrictions) {
        let refuses = options.submounts == .refuse
        guard let source = mounts.sourceID else {
            if refuses, UInt64(known.status.st_dev) != device { throw .improperLink }
            return (.none, restrictions(of: found, on: known.mount))
        }
        var handle: InodeHandle
        let mountID: Int32
        do throws(Errno) { (handle, mountID) = try SystemCall.handle(of: found) } catch .notSupported {
            // Another filesystem than the source's, for that one has handles.
            if refuses { throw .improperLink }
            return (.none, restrictions(of: found, on: known.mount))
        }
        if refuses, mountID != source { throw .improperLink }
        if handle.isNone { return (.none, restrictions(of: found, on: known.mount)) }
        let (mount, restrictions) = mounts.retain(mountID, found, type: known.status.st_mode & S_IFMT)
        handle.mount = mount
        return (mount == SourceMounts.none ? .none : handle, restrictions)
    }

    /// What users see of an inode, on a mount that rules out so much more than the source's.
    func shown(_ status: stat, _ restrictions: MountRestrictions) -> Attributes {
        var attributes = Attributes(status)
        if !restrictions.isEmpty { attributes.hide(restrictions) }
        attributes.inode = devices.shown(UInt64(status.st_ino), on: UInt64(status.st_dev))
        return attributes
    }

    /// Whether an open file can be opened again whatever its mode has become: only by root's process.
    var mayOpenAgain: Bool { credentials.canSwitch }
}

extension SystemCall {
    /// Opens anew the file that an `O_PATH` descriptor stands for, to serve requests on it.
    static func openServed(_ file: FileDescriptor, _ flags: Int32) throws(Errno) -> FileDescriptor {
        let opened = try reopen(file, flags)
        do throws(Errno) {
            try serveAnyOffset(opened, flags)
            return opened
        } catch {
            close(opened)
            throw error
        }
    }

    /// Takes off what was good for opening, but not for serving requests.
    ///
    /// `O_APPEND`: the kernel sends each write with its place, and also writes back what was stored through a mapping; the
    /// source would put all of it at the end. An append-only file keeps it (EPERM): there every write appends.
    /// `O_DIRECT`: requests' buffers are aligned to nothing. A passthrough file has its own flags, the caller's.
    static func serveAnyOffset(_ file: FileDescriptor, _ flags: Int32) throws(Errno) {
        guard flags & (O_APPEND | Int32(CLINUX_O_DIRECT)) != 0 else { return }
        // The others that can be set (F_SETFL) stay as they were opened with; it leaves the rest alone.
        let kept = flags & (O_NONBLOCK | Int32(CLINUX_O_NOATIME))
        do {
            try setFlags(of: file, kept)
        } catch .notPermitted {
            try setFlags(of: file, kept | flags & O_APPEND)
        }
    }
}
