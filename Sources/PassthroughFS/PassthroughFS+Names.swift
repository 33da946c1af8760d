// SPDX-License-Identifier: MIT

import CLinux
public import FUSE
import Glibc
public import SystemPackage

extension PassthroughFS {
    public func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry {
        let directory = try inodes.pin(parent)
        do {
            return try entry(name, in: directory)
        } catch .noSuchFileOrDirectory where options.cache != .none {
            // The kernel may remember that, too. A create or a rename through the mount replaces it.
            return .absent(for: timeout)
        }
    }

    public func forget(_ node: NodeID, lookups: UInt64) { inodes.forget(node, lookups: lookups) }

    /// What a name stands for, with one lookup more.
    private func entry(_ name: borrowing Name, in directory: borrowing Inode) throws(Errno) -> Entry {
        try entry(taking: relief.relieving { () throws(Errno) in try SystemCall.find(name, in: directory.descriptor) })
    }

    /// What an `O_PATH` descriptor stands for, with one lookup more. Takes it over.
    func entry(taking found: FileDescriptor) throws(Errno) -> Entry {
        let status: stat
        let handle: InodeHandle
        do {
            status = try SystemCall.status(of: found)
            handle = try self.handle(of: found, status)
        } catch {
            SystemCall.close(found)
            throw error
        }
        let node = try inodes.lookup(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), type: status.st_mode & S_IFMT, descriptor: found,
            handle: handle)
        // It may be given a name, or not: until then it must not go.
        if status.st_nlink == 0 { try inodes.keep(node) }
        return entry(node, status)
    }

    private func entry(_ node: NodeID, _ status: stat) -> Entry {
        Entry(node: node, attributes: shown(status), entryTimeout: timeout, attributesTimeout: timeout)
    }

    public func readlink(_ node: NodeID, into target: inout OutputRawSpan, for request: Request) throws(Errno) {
        let link = try inodes.pin(node)
        try SystemCall.readlink(link.descriptor, into: &target)
    }

    // MARK: Making names
    //
    // What is made is looked up afterwards, as the daemon. Where that fails (EMFILE, say), the user sees the failure though
    // the thing was made: removing it again could hit what another has put there meanwhile.

    public func mknod(_ name: borrowing Name, in parent: NodeID, _ new: NewFile, for request: Request) throws(Errno) -> Entry {
        let directory = try inodes.pin(parent)
        do {
            let assumed = try credentials.assume(request.caller)
            defer { credentials.restore(assumed) }
            try SystemCall.mknod(name, in: directory.descriptor, mode: new.mode, device: new.device)
        }
        return try entry(name, in: directory)
    }

    public func mkdir(_ name: borrowing Name, in parent: NodeID, _ new: NewFile, for request: Request) throws(Errno) -> Entry {
        let directory = try inodes.pin(parent)
        do {
            let assumed = try credentials.assume(request.caller)
            defer { credentials.restore(assumed) }
            try SystemCall.mkdir(name, in: directory.descriptor, permissions: new.mode.permissions)
        }
        return try entry(name, in: directory)
    }

    public func symlink(
        _ name: borrowing Name, in parent: NodeID, target: borrowing Name, for request: Request
    ) throws(Errno) -> Entry {
        let directory = try inodes.pin(parent)
        do {
            let assumed = try credentials.assume(request.caller)
            defer { credentials.restore(assumed) }
            try SystemCall.symlink(name, in: directory.descriptor, target: target)
        }
        return try entry(name, in: directory)
    }

    public func link(_ node: NodeID, to newName: borrowing Name, in newParent: NodeID, for request: Request) throws(Errno) -> Entry {
        let file = try inodes.pin(node)
        let directory = try inodes.pin(newParent)
        try SystemCall.link(file.descriptor, to: newName, in: directory.descriptor)
        inodes.stopKeeping(node)
        let status = try SystemCall.status(of: file.descriptor)
        try inodes.retain(node)
        return entry(node, status)
    }

    // MARK: Removing and moving names
    //
    // As the daemon: whether the caller may (sticky directories and all) the kernel has decided, and nothing of this
    // depends on who does it.

    public func unlink(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) {
        let directory = try inodes.pin(parent)
        try remove(name, in: directory, flags: 0)
    }

    public func rmdir(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) {
        let directory = try inodes.pin(parent)
        try remove(name, in: directory, flags: Int32(CLINUX_AT_REMOVEDIR))
    }

    private func remove(_ name: borrowing Name, in directory: borrowing Inode, flags: Int32) throws(Errno) {
        let kept = keepBeforeRemoval(of: name, in: directory)
        do throws(Errno) { try SystemCall.unlink(name, in: directory.descriptor, flags: flags) } catch {
            stopKeeping(kept)
            throw error
        }
    }

    public func rename(
        _ name: borrowing Name, in parent: NodeID, to newName: borrowing Name, in newParent: NodeID, flags: RenameFlags,
        for request: Request
    ) throws(Errno) {
        let directory = try inodes.pin(parent)
        let newDirectory = try inodes.pin(newParent)
        let overwrites = flags.isDisjoint(with: [.exchange, .noReplace])
        let kept = overwrites ? keepBeforeRemoval(of: newName, in: newDirectory) : nil
        do throws(Errno) {
            try SystemCall.rename(name, in: directory.descriptor, to: newName, in: newDirectory.descriptor, flags: flags)
        } catch {
            stopKeeping(kept)
            throw error
        }
    }
}
