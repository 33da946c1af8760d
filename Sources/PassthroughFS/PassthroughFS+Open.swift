// SPDX-License-Identifier: MIT

import CLinux
public import FUSE
import Glibc
public import SystemPackage

extension PassthroughFS {
    public func open(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> Opened {
        let inode = try inodes.pin(node)
        // The kernel opens fifos, sockets and devices by itself; opening a fifo here could block for ever.
        guard inode.type == S_IFREG else {
            throw inode.type == S_IFDIR ? .isDirectory : inode.type == S_IFLNK ? .tooManySymbolicLinkLevels : .noSuchAddressOrDevice
        }
        if open.executes, inode.restrictions.contains(.noExec) { throw .permissionDenied }
        let request = asker(request)
        let decision = decide(open, inode.descriptor, for: request)
        if case .deny(let error) = decision { throw error }
        let file = try relief.relieving { () throws(Errno) in
            try SystemCall.openServed(inode.descriptor, sourceFlags(open))
        }
        var mayBePrivileged = true
        do {
            if open.killPrivileges, open.flags & O_TRUNC != 0 {
                mayBePrivileged = try killPrivileges(of: inode, node, untold: request).arePrivileged
            }
        } catch {
            SystemCall.close(file)
            throw error
        }
        return try opened(file, node, inode, decision, open, mayBePrivileged: mayBePrivileged, for: request)
    }

    /// Always creates: O_EXCL, so that the file is the caller's own. Where there is one already, the kernel did not know,
    /// and so has not asked whether the caller may open it; ESTALE makes it look the name up again, and open what it finds
    /// with all its checks. Source: `do_filp_open` and `fuse_atomic_open` in Linux.
    public func create(
        _ name: borrowing Name, in parent: NodeID, _ new: NewFile, _ open: OpenRequest, for request: Request
    ) throws(Errno) -> Created {
        let directory = try inodes.pin(parent)
        let asker = asker(request)
        let verdict = decide(open, directory.descriptor, newName: name.string, isToBeCreated: true, for: asker)
        if case .deny(let error) = verdict { throw error }
        let file: FileDescriptor
        do throws(Errno) {
            file = try asCaller(request, new) { (permissions) throws(Errno) in
                try relief.relieving { () throws(Errno) in
                    try SystemCall.create(
                        name, in: directory.descriptor, flags: sourceFlags(open) & ~O_TRUNC, permissions: permissions)
                }
            }
        } catch .fileExists where open.flags & O_EXCL == 0 {
            throw .staleNFSFileHandle
        }
        try handOver(file, request)
        return try created(file, open, for: asker)
    }

    public func tmpfile(in parent: NodeID, _ new: NewFile, _ open: OpenRequest, for request: Request) throws(Errno) -> Created {
        let directory = try inodes.pin(parent)
        let asker = asker(request)
        let verdict = decide(open, directory.descriptor, isToBeCreated: true, for: asker)
        if case .deny(let error) = verdict { throw error }
        let file = try asCaller(request, new) { (permissions) throws(Errno) in
            // With O_EXCL it can never be given a name.
            try relief.relieving { () throws(Errno) in
                try SystemCall.createUnnamed(
                    in: directory.descriptor, flags: sourceFlags(open) & ~O_TRUNC | open.flags & O_EXCL, permissions: permissions)
            }
        }
        try handOver(file, request)
        return try created(file, open, for: asker)
    }

    /// The answer for a file that was just created. Takes its descriptor over. The node is found through the descriptor, not
    /// through the name: that may be another's by now.
    private func created(_ file: FileDescriptor, _ open: OpenRequest, for request: Request) throws(Errno) -> Created {
        let entry: Entry
        do {
            try SystemCall.serveAnyOffset(file, open.flags)
            entry = try takeEntry(relief.relieving { () throws(Errno) in try SystemCall.find(file) })
        } catch {
            SystemCall.close(file)
            throw error
        }
        let inode = try pin(entry.node, elseClosing: file)
        // Its attributes were read a moment ago. Not all of them show on a mount that rules some out.
        let mayBePrivileged = entry.attributes.mode.rawValue & (S_ISUID | S_ISGID) != 0 || !inode.restrictions.isEmpty
        do {
            let decision = decide(open, inode.descriptor, for: request)
            return Created(
                entry: entry,
                opened: try opened(
                    file, entry.node, inode, decision, open, isNew: true, mayBePrivileged: mayBePrivileged, for: request))
        } catch {
            inodes.forget(entry.node, lookups: 1)
            throw error
        }
    }

    /// Lends an inode that was just looked up. On failure the lookup is taken back.
    private func pin(_ node: NodeID, elseClosing file: FileDescriptor) throws(Errno) -> Inode {
        do { return try inodes.pin(node) } catch {
            SystemCall.close(file)
            inodes.forget(node, lookups: 1)
            throw error
        }
    }

    /// The answer for an open file. Takes its descriptor over.
    private func opened(
        _ file: FileDescriptor, _ node: NodeID, _ inode: consuming Inode, _ decision: OpenDecision, _ open: OpenRequest,
        isNew: Bool = false, mayBePrivileged: Bool, for request: Request
    ) throws(Errno) -> Opened {
        let io: Opened.IO
        var isPassedThrough = false
        let traits = devices.traits(of: inode.device)
        switch decision {
        case .deny(let error):
            SystemCall.close(file)
            throw error
        // Its size says nothing, and what was read before says nothing of what would be read now; nor does the kernel pass
        // such files through.
        case .passThrough where traits.contains(.isGenerated), .throughDaemon where traits.contains(.isGenerated): io = .direct
        case .passThrough:
            isPassedThrough = true
            io = passedThrough(inode, open, mayBePrivileged, for: request)
        case .throughDaemon:
            io = freshness.served
        }
        // Mapped by the kernel itself, that is. Where nothing is remembered there is nothing to be wrong.
        let stores = isPassedThrough && open.accessMode == .readWrite && freshness.isLasting
        // Right without FLUSH: where nothing was written nothing can fail to be, and where the source's filesystem has no
        // flush of its own, close(2) reports nothing natively either. POSIX locks that are the kernel's it drops without
        // asking; of those on the source it tells by FLUSH.
        let isSilent = open.accessMode == .readOnly || traits.contains(.closesSilently)
        // Evicting is a close: where that can report an error, which is to be the user's, it must not be done early.
        let handle = try openFiles.insert(
            file, .file, of: node, by: request.caller, flags: sourceFlags(open) & ~O_TRUNC, kept: !mayOpenAgain || !isSilent,
            stores: stores)
        if stores {
            inodes.addStorer(to: node)
            // What was answered before may be remembered for long. (Of a new file it may: before anything can be stored the file
            // must have a size, and by what gives it one the kernel's memory of it ends.)
            if !isNew { tellChange(of: node) }
        }
        return Opened(handle: handle, io: io, skipsFlush: isSilent && locks == nil)
    }

    /// The inode's own descriptor is what the kernel gets: `O_PATH`, for a writable one that it kept would make running the source's
    /// file fail with ETXTBSY, and a remount read-only with EBUSY.
    private func passedThrough(_ inode: consuming Inode, _ open: OpenRequest, _ mayBePrivileged: Bool, for request: Request) -> Opened.IO {
        let otherwise = freshness.servedInstead
        let (opener, isExact) = opener(open, of: inode, mayBePrivileged: mayBePrivileged, for: request)
        // The kernel keeps its backing file as it was opened, so O_APPEND that is taken off later (F_SETFL) would stay on
        // there, and data end up where they do not belong. Each write that is sent says what holds for it.
        let mayChange = open.flags & O_APPEND != 0 && opener.writes && options.appends == .daemon
        let file = inode.asBackingFile(of: lenders)
        return mayChange || !isExact
            ? .passthroughDirect(file, otherwise: otherwise, for: opener) : .passthrough(file, otherwise: otherwise, for: opener)
    }

    /// The flags with which the source's file is opened: the caller's, so that the caller gets the errno that the source
    /// gives for them. Left out is what the kernel has done already, or what would apply to the path in /proc.
    private func sourceFlags(_ open: OpenRequest) -> Int32 {
        open.flags & (O_ACCMODE | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC | O_DSYNC | Int32(CLINUX_O_DIRECT) | Int32(CLINUX_O_NOATIME))
    }
}
