// SPDX-License-Identifier: MIT

import CLinux
public import FUSE
import Glibc
public import SystemPackage

extension PassthroughFS {
    public func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry {
        let directory = try inodes.pin(parent)
        if freshness.listings == .checked { inodes.countLookup(in: parent) }
        do {
            return try findEntry(name, in: directory)
        } catch .noSuchFileOrDirectory where freshness.names != .zero {
            // The kernel may remember that, too. A create or a rename through the mount replaces it.
            return .absent(for: freshness.names)
        }
    }

    public func forget(_ node: NodeID, lookups: UInt64) { inodes.forget(node, lookups: lookups) }

    /// What a name stands for, with one lookup more.
    private func findEntry(_ name: borrowing Name, in directory: borrowing Inode) throws(Errno) -> Entry {
        try findEntry(in: directory.descriptor) { (directory) throws(Errno) in try SystemCall.find(name, in: directory) }
    }

    /// What a name stands for, with one lookup more. Where that is this mirror itself, mounted within its source, it is
    /// the directory that it is mounted on.
    func findEntry(
        in directory: FileDescriptor, _ find: (FileDescriptor) throws(Errno) -> FileDescriptor
    ) throws(Errno) -> Entry {
        let found = try relief.relieving { () throws(Errno) in try find(directory) }
        // What the kernel knows will do: finding the name has asked whoever there is to ask.
        let status = try statusOrClose(found)
        guard isSelf(status.status) else { return try takeEntry(found, status) }
        SystemCall.close(found)
        let beneath = try relief.relieving { () throws(Errno) in try findBeneath(directory, find) }
        return try takeEntry(beneath, statusOrClose(beneath))
    }

    private func statusOrClose(_ found: FileDescriptor) throws(Errno) -> KnownStatus {
        do throws(Errno) { return try SystemCall.knownStatus(of: found) } catch {
            SystemCall.close(found)
            throw error
        }
    }

    /// What an `O_PATH` descriptor stands for, with one lookup more. Takes it over.
    func takeEntry(_ found: FileDescriptor) throws(Errno) -> Entry { try takeEntry(found, statusOrClose(found)) }

    /// As above, for what is known of it already.
    private func takeEntry(_ found: FileDescriptor, _ known: KnownStatus) throws(Errno) -> Entry {
        let status = known.status
        devices.learn(UInt64(status.st_dev), from: found)
        let handle: InodeHandle
        let restrictions: MountRestrictions
        do {
            (handle, restrictions) = try hold(found, known)
        } catch {
            SystemCall.close(found)
            throw error
        }
        let node = try inodes.lookup(
            device: UInt64(status.st_dev), inode: UInt64(status.st_ino), type: status.st_mode & S_IFMT, descriptor: found,
            handle: handle, restrictions: restrictions)
        // It may be given a name, or not: until then it must not go.
        if status.st_nlink == 0 {
            do { try inodes.keep(node) } catch {
                inodes.forget(node, lookups: 1)
                throw error
            }
        }
        return makeEntry(node, status, restrictions)
    }

    func makeEntry(_ node: NodeID, _ status: stat, _ restrictions: MountRestrictions) -> Entry {
        var (status, mayMove) = (status, inodes.mayBeStored(node) { true })
        // It may be over with that: then what is answered is read after that was seen.
        if mayMove, let inode = try? inodes.pin(node),
            !inodes.mayBeStored(node, isWritten: { (try? SystemCall.isOpenForWriting(inode.descriptor)) ?? true }),
            let now = try? SystemCall.status(of: inode.descriptor) {
            (status, mayMove) = (now, false)
        }
        return Entry(
            node: node, attributes: shown(status, restrictions), entryTimeout: freshness.names,
            attributesTimeout: mayMove ? .zero : timeout(of: node, status, dropsListing: true))
    }

    public func readlink(_ node: NodeID, into target: inout DataWriter, for request: Request) throws(Errno) {
        let link = try inodes.pin(node)
        if link.restrictions.contains(.noSymlinkFollow) { throw .tooManySymbolicLinkLevels }
        try target.appendInPlace { (room) throws(Errno) in try SystemCall.readlink(link.descriptor, into: &room) }
    }

    // MARK: Making names
    //
    // What is made is looked up afterwards, as the daemon. Where that fails (EMFILE, say), the user sees the failure though
    // the thing was made: removing it again could hit what another has put there meanwhile.

    public func mknod(_ name: borrowing Name, in parent: NodeID, _ new: NewFile, for request: Request) throws(Errno) -> Entry {
        let directory = try inodes.pin(parent)
        try asCaller(request, new) { (permissions) throws(Errno) in
            let mode = FileMode(type: new.mode.type, permissions: permissions)
            try SystemCall.mknod(name, in: directory.descriptor, mode: mode, device: new.device)
        }
        try handOver(name, in: directory, request)
        return try findEntry(name, in: directory)
    }

    public func mkdir(_ name: borrowing Name, in parent: NodeID, _ new: NewFile, for request: Request) throws(Errno) -> Entry {
        let directory = try inodes.pin(parent)
        try asCaller(request, new) { (permissions) throws(Errno) in
            try SystemCall.mkdir(name, in: directory.descriptor, permissions: permissions)
        }
        try handOver(name, in: directory, request)
        return try findEntry(name, in: directory)
    }

    public func symlink(
        _ name: borrowing Name, in parent: NodeID, target: borrowing Name, for request: Request
    ) throws(Errno) -> Entry {
        let directory = try inodes.pin(parent)
        try asCaller(request) { () throws(Errno) in
            try SystemCall.symlink(name, in: directory.descriptor, target: target)
        }
        try handOver(name, in: directory, request)
        return try findEntry(name, in: directory)
    }

    public func link(_ node: NodeID, to newName: borrowing Name, in newParent: NodeID, for request: Request) throws(Errno) -> Entry {
        let file = try inodes.pin(node)
        let directory = try inodes.pin(newParent)
        try credentials.limited(to: asker(request).caller) { () throws(Errno) in
            try SystemCall.link(file.descriptor, to: newName, in: directory.descriptor)
        }
        inodes.stopKeeping(node)
        let status = try SystemCall.status(of: file.descriptor)
        try inodes.retain(node)
        return makeEntry(node, status, file.restrictions)
    }

    // MARK: Removing and moving names
    //
    // With the daemon's rights: whether the caller may (sticky directories and all) the kernel has decided, and nothing of this
    // depends on who does it but the caller's limits.

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
        if let kept { dropBacking(of: kept) }
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
            if flags.contains(.whiteout) {
                // It leaves something new behind, which is the caller's.
                try asCaller(request) { () throws(Errno) in
                    try SystemCall.rename(name, in: directory.descriptor, to: newName, in: newDirectory.descriptor, flags: flags)
                }
            } else {
                // The directory may grow.
                try credentials.limited(to: asker(request).caller) { () throws(Errno) in
                    try SystemCall.rename(name, in: directory.descriptor, to: newName, in: newDirectory.descriptor, flags: flags)
                }
            }
        } catch {
            stopKeeping(kept)
            throw error
        }
        if let kept { dropBacking(of: kept) }
    }
}
