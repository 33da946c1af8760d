// SPDX-License-Identifier: MIT

import CLinux
public import FUSE
import FUSEWire
import Glibc
public import SystemPackage

// Names: what is made, moved and removed. Source of the rules: `fs/namei.c` and `fs/fuse/dir.c` of Linux.

extension SimulatedProcess {
    public func mkdir(_ path: String, _ mode: UInt32 = 0o777) throws(Errno) {
        try call(path) { (path, intent) throws(Errno) in
            let (parent, name) = try kernel.newName(path, isDirectory: true, for: self, intent)
            var body: [UInt8] = []
            body.put(MkdirIn(mode: kernel.masked(mode & 0o1777, self), umask: mask))
            _ = try kernel.make(.mkdir, body, name, in: parent, type: S_IFDIR, self)
        }
    }

    /// C counterpart: `mknod(2)`. A mode without a type makes a regular file.
    public func mknod(_ path: String, _ mode: UInt32, major: UInt32 = 0, minor: UInt32 = 0) throws(Errno) {
        let type = mode & S_IFMT == 0 ? S_IFREG : mode & S_IFMT
        if type == S_IFDIR { throw .notPermitted }
        guard [S_IFREG, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK].contains(type) else { throw .invalidArgument }
        try call(path) { (path, intent) throws(Errno) in
            let (parent, name) = try kernel.newName(path, isDirectory: false, for: self, intent)
            if type == S_IFCHR || type == S_IFBLK, !credentials.isPrivileged { throw .notPermitted }
            let device = (minor & 0xff) | (major & 0xfff) << 8 | (minor & 0xfff00) << 12
            var body: [UInt8] = []
            body.put(MknodIn(mode: kernel.masked(mode & 0o7777 | type, self), rdev: device, umask: mask))
            _ = try kernel.make(.mknod, body, name, in: parent, type: type, self)
        }
    }

    public func symlink(_ target: String, _ path: String) throws(Errno) {
        let target = Array(target.utf8)
        guard !target.isEmpty else { throw .noSuchFileOrDirectory }
        guard target.count <= Limits.path else { throw .fileNameTooLong }
        try call(path) { (path, intent) throws(Errno) in
            let (parent, name) = try kernel.newName(path, isDirectory: false, for: self, intent)
            guard let directory = parent.inode else { throw .notDirectory }
            var body: [UInt8] = []
            body.put(name: name)
            body.put(name: target)
            let reply = try kernel.exchange(
                .symlink, directory.node, body, .exactly(EntryOut.wireSize), for: self, group: kernel.suppliedGroup(directory, self))
            _ = try kernel.made(reply, name, in: parent, type: S_IFLNK)
        }
    }

    public func readlink(_ path: String) throws(Errno) -> String {
        try call(path) { (path, intent) throws(Errno) in
            let name = try kernel.walk(path, follows: false, for: self, intent)
            guard let inode = name.inode, inode.isLink else { throw .invalidArgument }
            return String(decoding: try kernel.target(of: inode, for: self), as: UTF8.self)
        }
    }

    /// Of a link that was opened with `O_PATH` and `O_NOFOLLOW`. C counterpart: `readlinkat(2)` with an empty path.
    public func readlink(_ descriptor: Descriptor) throws(Errno) -> String {
        try call { () throws(Errno) in
            let inode = try file(descriptor).inode
            guard inode.isLink else { throw .noSuchFileOrDirectory }
            return String(decoding: try kernel.target(of: inode, for: self), as: UTF8.self)
        }
    }

    /// C counterpart: `link(2)`; `linkat(2)` with `AT_SYMLINK_FOLLOW`.
    public func link(_ path: String, _ newPath: String, followsLinks: Bool = false) throws(Errno) {
        let newPath = Array(newPath.utf8)
        try call(path) { (path, intent) throws(Errno) in
            let source = try kernel.walk(path, follows: followsLinks, for: self, intent)
            try kernel.link(source, to: newPath, self, intent)
        }
    }

    /// C counterpart: `linkat(2)` with `AT_EMPTY_PATH`, which takes privilege, or to have opened it oneself (Linux 6.10).
    public func link(_ descriptor: Descriptor, _ newPath: String) throws(Errno) {
        try call(newPath) { (newPath, intent) throws(Errno) in
            let file = try file(descriptor)
            guard credentials.isPrivileged || file.opener == credentials else { throw .noSuchFileOrDirectory }
            try kernel.link(file.name, to: newPath, self, intent)
        }
    }

    public func unlink(_ path: String) throws(Errno) {
        try call(path) { (path, intent) throws(Errno) in try kernel.remove(path, isDirectory: false, self, intent) }
    }

    public func rmdir(_ path: String) throws(Errno) {
        try call(path) { (path, intent) throws(Errno) in try kernel.remove(path, isDirectory: true, self, intent) }
    }

    /// C counterpart: `renameat2(2)`.
    public func rename(_ path: String, _ newPath: String, _ flags: RenameFlags = []) throws(Errno) {
        let newPath = Array(newPath.utf8)
        guard flags.isSubset(of: [.noReplace, .exchange, .whiteout]) else { throw .invalidArgument }
        if flags.contains(.exchange), flags != .exchange { throw .invalidArgument }
        try call(path) { (path, intent) throws(Errno) in try kernel.rename(path, newPath, flags, self, intent) }
    }
}

extension SimulatedKernel {
    /// A place for something new: its directory and a name that stands for nothing there.
    fileprivate func newName(
        _ path: [UInt8], isDirectory: Bool, for process: SimulatedProcess, _ intent: LookupIntent
    ) throws(Errno) -> (KernelName, [UInt8]) {
        let (parent, last) = try walkToLast(path, for: process, intent)
        guard case .name(let bytes, let hasSlash) = last else { throw .fileExists }
        let name = try lookup(bytes, in: parent, intent.union(.change), for: process)
        if name.inode != nil { throw .fileExists }
        if hasSlash, !isDirectory { throw .noSuchFileOrDirectory }
        try mayCreate(in: parent, for: process)
        return (parent, bytes)
    }

    func make(
        _ opcode: Opcode, _ structure: [UInt8], _ bytes: [UInt8], in parent: KernelName, type: mode_t, _ process: SimulatedProcess
    ) throws(Errno) -> KernelName {
        guard let directory = parent.inode else { throw .notDirectory }
        var body = structure
        body.put(name: bytes)
        let reply = try exchange(
            opcode, directory.node, body, .exactly(EntryOut.wireSize), for: process, group: suppliedGroup(directory, process))
        return try made(reply, bytes, in: parent, type: type)
    }

    /// Source: `create_new_entry`.
    fileprivate func made(_ reply: [UInt8], _ bytes: [UInt8], in parent: KernelName, type: mode_t) throws(Errno) -> KernelName {
        guard let entry = reply.structure(EntryOut.self), isNew(entry), entry.attr.mode & S_IFMT == type else { throw .ioError }
        let inode = inode(entry)
        parent.inode?.invalidateAttributes()
        return try place(bytes, in: parent, inode, entry)
    }

    fileprivate func link(_ source: KernelName, to newPath: [UInt8], _ process: SimulatedProcess, _ intent: LookupIntent) throws(Errno) {
        guard let inode = source.inode else { throw .noSuchFileOrDirectory }
        try mayLink(inode, process)
        let (parent, bytes) = try newName(newPath, isDirectory: false, for: process, intent)
        guard let directory = parent.inode else { throw .notDirectory }
        if inode.isDirectory { throw .notPermitted }
        if inode.attributes.nlink == 0, !inode.isLinkable { throw .noSuchFileOrDirectory }
        var body: [UInt8] = []
        body.put(LinkIn(oldnodeid: inode.node))
        body.put(name: bytes)
        let reply = try exchange(.link, directory.node, body, .exactly(EntryOut.wireSize), for: process)
        _ = try made(reply, bytes, in: parent, type: inode.type)
        inode.isLinkable = false
    }

    /// With `fs.protected_hardlinks`, as everybody has it: who does not own a file can link it only if it is harmless.
    private func mayLink(_ inode: KernelInode, _ process: SimulatedProcess) throws(Errno) {
        if owns(inode, process) { return }
        let mode = inode.mode
        guard inode.isRegular, mode & 0o4000 == 0, mode & 0o2010 != 0o2010 else { throw .notPermitted }
        do throws(Errno) { try permission(inode, [.read, .write], for: process) } catch { throw .notPermitted }
    }

    fileprivate func remove(_ path: [UInt8], isDirectory: Bool, _ process: SimulatedProcess, _ intent: LookupIntent) throws(Errno) {
        let (parent, last) = try walkToLast(path, for: process, intent)
        guard case .name(let bytes, let hasSlash) = last else {
            guard isDirectory else { throw .isDirectory }
            switch last {
            case .dot: throw .invalidArgument
            case .dotDot: throw .directoryNotEmpty
            default: throw .resourceBusy
            }
        }
        let name = try lookup(bytes, in: parent, intent, for: process)
        guard let inode = name.inode else { throw .noSuchFileOrDirectory }
        if hasSlash, !isDirectory { throw inode.isDirectory ? .isDirectory : .notDirectory }
        try mayDelete(inode, in: parent, isDirectory: isDirectory, for: process)
        guard let directory = parent.inode else { throw .notDirectory }
        var body: [UInt8] = []
        body.put(name: bytes)
        do throws(Errno) { _ = try exchange(isDirectory ? .rmdir : .unlink, directory.node, body, for: process) } catch {
            if error == .interrupted || error == .noSuchFileOrDirectory { name.until = 0 }
            throw error
        }
        removed(name, inode, in: directory)
    }

    /// Source: `fuse_dir_changed`, `fuse_entry_unlinked`.
    private func removed(_ name: KernelName, _ inode: KernelInode, in directory: KernelInode) {
        directory.invalidateAttributes()
        inode.attributes.nlink = inode.isDirectory ? 0 : inode.attributes.nlink - min(1, inode.attributes.nlink)
        inode.invalidateAttributes()
        drop(name)
    }

    fileprivate func rename(
        _ path: [UInt8], _ newPath: [UInt8], _ flags: RenameFlags, _ process: SimulatedProcess, _ intent: LookupIntent
    ) throws(Errno) {
        let (parent, last) = try walkToLast(path, for: process, intent)
        let (newParent, newLast) = try walkToLast(newPath, for: process, intent)
        guard case .name(let bytes, let hasSlash) = last else { throw .resourceBusy }
        guard case .name(let newBytes, let newHasSlash) = newLast else { throw flags.contains(.noReplace) ? .fileExists : .resourceBusy }
        let source = try lookup(bytes, in: parent, intent, for: process)
        guard let inode = source.inode else { throw .noSuchFileOrDirectory }
        let target = try lookup(newBytes, in: newParent, intent.union(.change), for: process)
        let replaced = target.inode
        if flags.contains(.noReplace), replaced != nil { throw .fileExists }
        if flags.contains(.exchange) {
            guard let replaced else { throw .noSuchFileOrDirectory }
            if !replaced.isDirectory, newHasSlash { throw .notDirectory }
        }
        if !inode.isDirectory, hasSlash || (newHasSlash && !flags.contains(.exchange)) { throw .notDirectory }
        if inode.isDirectory, source.isAbove(newParent) { throw .invalidArgument }
        if target.isAbove(parent), replaced != nil { throw flags.contains(.exchange) ? .invalidArgument : .directoryNotEmpty }
        if inode === replaced { return }
        try mayDelete(inode, in: parent, isDirectory: inode.isDirectory, for: process)
        if let replaced {
            try mayDelete(
                replaced, in: newParent, isDirectory: flags.contains(.exchange) ? replaced.isDirectory : inode.isDirectory, for: process)
        } else {
            try mayCreate(in: newParent, for: process)
        }
        // A directory that comes elsewhere is written: its "..".
        if parent !== newParent {
            for moved in [inode, flags.contains(.exchange) ? replaced : nil].compactMap(\.self) where moved.isDirectory {
                try permission(moved, .write, for: process)
            }
        }
        try rename(source, target, bytes, newBytes, parent, newParent, flags, process)
    }

    private func rename(
        _ source: KernelName, _ target: KernelName, _ bytes: [UInt8], _ newBytes: [UInt8], _ parent: KernelName,
        _ newParent: KernelName, _ flags: RenameFlags, _ process: SimulatedProcess
    ) throws(Errno) {
        guard let directory = parent.inode, let newDirectory = newParent.inode else { throw .notDirectory }
        var body: [UInt8] = []
        if flags.isEmpty { body.put(RenameIn(newdir: newDirectory.node)) } else {
            if missing.contains(.rename2) { throw .invalidArgument }
            body.put(Rename2In(newdir: newDirectory.node, flags: flags.rawValue))
        }
        body.put(name: bytes)
        body.put(name: newBytes)
        do throws(Errno) { _ = try exchange(flags.isEmpty ? .rename : .rename2, directory.node, body, for: process) } catch {
            if error == .interrupted {
                // Nobody knows whether it was done.
                source.until = 0
                target.until = 0
            }
            throw error == .noFunction && !flags.isEmpty ? .invalidArgument : error
        }
        directory.invalidateAttributes()
        newDirectory.invalidateAttributes()
        source.inode?.invalidateAttributes()
        if flags.contains(.exchange) {
            target.inode?.invalidateAttributes()
            target.move(to: parent, as: bytes)
        } else if let replaced = target.inode {
            removed(target, replaced, in: newDirectory)
        } else {
            drop(target)
        }
        source.move(to: newParent, as: newBytes)
    }
}
