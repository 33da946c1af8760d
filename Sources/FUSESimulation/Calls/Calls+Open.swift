// SPDX-License-Identifier: MIT

import CLinux
import FUSE
import FUSEWire
import Glibc
public import SystemPackage

extension SimulatedProcess {
    /// C counterpart: `openat(2)`. Fifos, sockets and devices are the kernel's own affair, which has none here: ENXIO.
    /// - Parameters:
    ///   - path: what to open.
    ///   - flags: `O_RDONLY` and the like, as Linux has them; `O_PATH` and `O_TMPFILE` too.
    ///   - mode: for what is created, less the mask.
    ///   - at: where a relative path starts; nil: in the working directory.
    public func open(_ path: String, _ flags: Int32, _ mode: UInt32 = 0o666, at: Descriptor? = nil) throws(Errno) -> Descriptor {
        try call(path) { (path, intent) throws(Errno) in
            let file = try kernel.open(path, from: start(at), flags, mode & 0o7777, for: self, intent)
            do throws(Errno) { return try add(file) } catch {
                kernel.release(file, for: self)
                throw error
            }
        }
    }

    /// How a file is open. C counterpart: `fcntl(2)` with `F_GETFL`.
    public func flags(_ descriptor: Descriptor) throws(Errno) -> Int32 {
        try call { () throws(Errno) in try file(descriptor).flags }
    }

    /// Changes what can be changed of it: `O_APPEND`, `O_NONBLOCK`, `O_DIRECT`, `O_NOATIME`. C counterpart: `fcntl(2)` with
    /// `F_SETFL`.
    public func setFlags(_ descriptor: Descriptor, _ flags: Int32) throws(Errno) {
        try call { () throws(Errno) in
            let file = try openFile(descriptor)
            let noatime = Int32(CLINUX_O_NOATIME)
            if flags & noatime != 0, file.flags & noatime == 0, !kernel.owns(file.inode, self) { throw .notPermitted }
            let changeable = O_APPEND | O_NONBLOCK | Int32(CLINUX_O_DIRECT) | noatime
            file.flags = file.flags & ~changeable | flags & changeable
        }
    }

    /// C counterpart: `close(2)`. The descriptor is gone, whatever is thrown.
    public func close(_ descriptor: Descriptor) throws(Errno) {
        try call { () throws(Errno) in try close(one: descriptor) }
    }

    func close(one descriptor: Descriptor) throws(Errno) {
        let file = try file(descriptor)
        files[descriptor.rawValue] = nil
        file.descriptors -= 1
        if !file.isPath {
            file.inode.locks.dropPOSIX(of: owner)
            kernel.monitor.wakeAll()
        }
        defer {
            if file.descriptors == 0 {
                file.inode.locks.drop(of: file.lockHolder)
                kernel.release(file, for: self)
                kernel.monitor.wakeAll()
            }
        }
        try kernel.flush(file, for: self)
    }
}

extension SimulatedKernel {
    func open(
        _ path: [UInt8], from start: KernelName, _ flags: Int32, _ mode: UInt32, for process: SimulatedProcess, _ intent: LookupIntent
    ) throws(Errno) -> KernelFile {
        if flags & Int32(CLINUX_O_TMPFILE) == Int32(CLINUX_O_TMPFILE) {
            return try openUnnamed(in: walk(path, from: start, for: process, intent), flags, mode, process)
        }
        if let name = try magicLink(path, process) {
            // A directory's is no last component that a flag could stand against.
            return try flags & Int32(CLINUX_O_PATH) == 0 ? open(existing: name, flags & ~(O_CREAT | O_EXCL), process) : named(name, flags)
        }
        if flags & Int32(CLINUX_O_PATH) != 0 {
            let name = try walk(path, from: start, follows: flags & Int32(CLINUX_O_NOFOLLOW) == 0, for: process, intent)
            return try named(name, flags)
        }
        if flags & O_CREAT != 0, flags & Int32(CLINUX_O_DIRECTORY) != 0 { throw .invalidArgument }
        var walk = Walk(intent: intent)
        return try open(path, from: start, flags, mode, &walk, process)
    }

    /// What `O_PATH` opens.
    private func named(_ name: KernelName, _ flags: Int32) throws(Errno) -> KernelFile {
        guard let inode = name.inode else { throw .noSuchFileOrDirectory }
        if flags & Int32(CLINUX_O_DIRECTORY) != 0, !inode.isDirectory { throw .notDirectory }
        return KernelFile(name, inode, OpenOut(), flags: flags, isKnownToServer: false)
    }

    private func open(
        _ path: [UInt8], from start: KernelName, _ flags: Int32, _ mode: UInt32, _ walk: inout Walk, _ process: SimulatedProcess
    ) throws(Errno) -> KernelFile {
        let (parent, last) = try toLast(path, from: start, &walk, process)
        guard case .name(let bytes, let isDirectory) = last else {
            if flags & O_CREAT != 0 { throw flags & O_EXCL != 0 ? .fileExists : .isDirectory }
            if case .dotDot = last { return try open(existing: parent.parent ?? parent, flags, process) }
            return try open(existing: parent, flags, process)
        }
        if isDirectory, flags & O_CREAT != 0 { throw .isDirectory }
        let isExclusive = flags & (O_CREAT | O_EXCL) == O_CREAT | O_EXCL
        let name = try lookup(bytes, in: parent, isExclusive ? walk.intent.union(.change) : walk.intent, for: process)
        guard let inode = name.inode else {
            guard flags & O_CREAT != 0 else { throw .noSuchFileOrDirectory }
            try mayCreate(in: parent, for: process)
            if missing.contains(.create) { return try makeAndOpen(bytes, in: parent, flags, mode, process) }
            do throws(Errno) { return try create(bytes, in: parent, flags, mode, process) } catch {
                if error == .fileExists { name.until = 0 }
                guard error == .noFunction else { throw error }
                return try makeAndOpen(bytes, in: parent, flags, mode, process)
            }
        }
        if isExclusive { throw .fileExists }
        if inode.isLink {
            if flags & Int32(CLINUX_O_NOFOLLOW) != 0, !isDirectory {
                throw flags & Int32(CLINUX_O_DIRECTORY) != 0 ? .notDirectory : .tooManySymbolicLinkLevels
            }
            walk.links += 1
            guard walk.links <= Limits.links else { throw .tooManySymbolicLinkLevels }
            return try open(target(of: inode, for: process), from: parent, flags, mode, &walk, process)
        }
        if isDirectory, !inode.isDirectory { throw .notDirectory }
        return try open(existing: name, flags, process)
    }

    private func open(existing name: KernelName, _ flags: Int32, _ process: SimulatedProcess) throws(Errno) -> KernelFile {
        guard let inode = name.inode else { throw .noSuchFileOrDirectory }
        let isWritten = flags & O_ACCMODE != O_RDONLY || flags & O_TRUNC != 0
        if inode.isDirectory {
            if flags & O_CREAT != 0 || isWritten { throw .isDirectory }
        } else if flags & Int32(CLINUX_O_DIRECTORY) != 0 {
            throw .notDirectory
        }
        var wanted: AccessCheck = flags & O_ACCMODE == O_WRONLY ? [] : .read
        if isWritten { wanted.insert(.write) }
        try permission(inode, wanted, for: process)
        if flags & Int32(CLINUX_O_NOATIME) != 0, !owns(inode, process) { throw .notPermitted }
        guard inode.isRegular || inode.isDirectory else { throw .noSuchAddressOrDevice }
        return try opened(name, inode, flags, process)
    }

    func owns(_ inode: KernelInode, _ process: SimulatedProcess) -> Bool {
        process.credentials.isPrivileged || process.credentials.user == inode.attributes.uid
    }

    /// OPEN or OPENDIR. Source: `fuse_open`, `fuse_finish_open`.
    private func opened(_ name: KernelName, _ inode: KernelInode, _ flags: Int32, _ process: SimulatedProcess) throws(Errno) -> KernelFile {
        if inode.isBad { throw .ioError }
        let opcode: Opcode = inode.isDirectory ? .opendir : .open
        let truncates = flags & O_TRUNC != 0
        var sent = flags & ~(O_CREAT | O_EXCL | O_NOCTTY)
        if !has(.atomicOTrunc) { sent &= ~O_TRUNC }
        let file: KernelFile
        do throws(Errno) {
            if missing.contains(opcode) { throw .noFunction }
            var open = OpenIn(flags: UInt32(bitPattern: sent))
            if truncates, has(.atomicOTrunc), killsPrivileges(process) { open.open_flags = OpenInFlags.killSuidgid.rawValue }
            var body: [UInt8] = []
            body.put(open)
            let reply = try exchange(opcode, inode.node, body, .exactly(OpenOut.wireSize), for: process)
            guard let out = reply.structure(OpenOut.self) else { throw .ioError }
            file = KernelFile(name, inode, out, flags: flags & ~(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC))
            openFiles += 1
        } catch .noFunction {
            // For the whole connection, then: no OPEN and no RELEASE, handle 0, everything is kept.
            let out = OpenOut(open_flags: OpenFlags.keepCache.rawValue)
            file = KernelFile(name, inode, out, flags: flags & ~(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC), isKnownToServer: false)
        }
        try finishOpen(file, process)
        if truncates, has(.atomicOTrunc) {
            // Also where there was no OPEN to do it: no SETATTR comes instead (`fuse_do_setattr`).
            inode.attributes.size = 0
            inode.dropPages()
            inode.invalidateAttributes()
        } else if truncates {
            do throws(Errno) { try truncate(inode, to: 0, file: nil, process) } catch {
                release(file, for: process)
                throw error
            }
        }
        return file
    }

    /// Whether what a process changes loses set-user-id bits, and the server is to see to it.
    func killsPrivileges(_ process: SimulatedProcess) -> Bool { has(.handleKillprivV2) && !process.credentials.isPrivileged }

    /// An open that breaks the rules is taken back.
    private func finishOpen(_ file: KernelFile, _ process: SimulatedProcess) throws(Errno) {
        do throws(Errno) { try enterMode(file) } catch {
            release(file, for: process)
            throw error
        }
        if !file.openFlags.contains(.keepCache), file.inode.isRegular { file.inode.dropPages() }
    }

    // MARK: Creating

    /// Source: `fuse_create_open`.
    private func create(
        _ bytes: [UInt8], in parent: KernelName, _ flags: Int32, _ mode: UInt32, _ process: SimulatedProcess
    ) throws(Errno) -> KernelFile {
        try create(.create, name: bytes, in: parent, flags, mode, process) { (entry, inode) throws(Errno) in
            try self.place(bytes, in: parent, inode, entry)
        }
    }

    private func openUnnamed(in parent: KernelName, _ flags: Int32, _ mode: UInt32, _ process: SimulatedProcess) throws(Errno) -> KernelFile {
        guard let inode = parent.inode, inode.isDirectory else { throw .notDirectory }
        guard flags & O_ACCMODE != O_RDONLY else { throw .invalidArgument }
        try permission(inode, [.write, .execute], for: process)
        if missing.contains(.tmpfile) { throw .notSupported }
        do throws(Errno) {
            let file = try create(.tmpfile, name: Array("#unnamed".utf8), in: parent, flags, mode, process) {
                KernelName(unnamedIn: parent, $1)
            }
            file.inode.isLinkable = flags & O_EXCL == 0
            return file
        } catch .noFunction { throw .notSupported }
    }

    private func create(
        _ opcode: Opcode, name bytes: [UInt8], in parent: KernelName, _ flags: Int32, _ mode: UInt32, _ process: SimulatedProcess,
        _ place: (EntryOut, KernelInode) throws(Errno) -> KernelName
    ) throws(Errno) -> KernelFile {
        guard let directory = parent.inode else { throw .notDirectory }
        var body: [UInt8] = []
        var create = CreateIn(
            flags: UInt32(bitPattern: flags & ~O_NOCTTY), mode: masked(mode | S_IFREG, process), umask: process.mask)
        // With O_EXCL there is nothing that could have them.
        if flags & (O_TRUNC | O_EXCL) == O_TRUNC, killsPrivileges(process) { create.open_flags = OpenInFlags.killSuidgid.rawValue }
        body.put(create)
        body.put(name: bytes)
        let size = EntryOut.wireSize + OpenOut.wireSize
        let reply = try exchange(
            opcode, directory.node, body, .exactly(size), for: process, group: suppliedGroup(directory, process))
        guard let entry = reply.structure(EntryOut.self), let out = reply.structure(OpenOut.self, at: EntryOut.wireSize),
            entry.attr.mode & S_IFMT == S_IFREG, isNew(entry)
        else { throw .ioError }
        let inode = inode(entry)
        directory.invalidateAttributes()
        let name = try place(entry, inode)
        let file = KernelFile(name, inode, out, flags: flags & ~(O_CREAT | O_EXCL | O_NOCTTY | O_TRUNC))
        openFiles += 1
        try finishOpen(file, process)
        return file
    }

    /// Where the server has no CREATE.
    private func makeAndOpen(
        _ bytes: [UInt8], in parent: KernelName, _ flags: Int32, _ mode: UInt32, _ process: SimulatedProcess
    ) throws(Errno) -> KernelFile {
        var body: [UInt8] = []
        body.put(MknodIn(mode: masked(mode | S_IFREG, process), umask: process.mask))
        let name = try make(.mknod, body, bytes, in: parent, type: S_IFREG, process)
        guard let inode = name.inode else { throw .ioError }
        // What is new is not truncated, but OPEN has all flags.
        return try opened(name, inode, has(.atomicOTrunc) ? flags : flags & ~O_TRUNC, process)
    }

    func masked(_ mode: UInt32, _ process: SimulatedProcess) -> UInt32 { has(.dontMask) ? mode : mode & ~process.mask }

    /// What a new node cannot be. Source: `invalid_nodeid`, `fuse_invalid_attr`.
    func isNew(_ entry: EntryOut) -> Bool { entry.nodeid != 0 && entry.nodeid != FUSEProtocol.rootID && !isInvalid(entry.attr) }

    /// The directory's group, where the caller has it beside its first one.
    func suppliedGroup(_ directory: KernelInode, _ process: SimulatedProcess) -> UInt32? {
        let group = directory.attributes.gid
        guard has(.createSuppGroup), process.credentials.group != group, process.credentials.groups.contains(group) else { return nil }
        return group
    }

    /// Source: `fuse_flush`.
    func flush(_ file: KernelFile, for process: SimulatedProcess) throws(Errno) {
        guard file.isKnownToServer, file.inode.isRegular, !missing.contains(.flush) else { return }
        if file.inode.isBad { throw .ioError }
        if file.openFlags.contains(.noflush), !has(.writebackCache) { return }
        var body: [UInt8] = []
        body.put(FlushIn(fh: file.handle, lock_owner: process.owner.number))
        do throws(Errno) { _ = try exchange(.flush, file.inode.node, body, for: process) } catch .noFunction {}
    }
}
