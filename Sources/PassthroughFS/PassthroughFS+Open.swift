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
        let decision = decide(open, inode.descriptor, for: request)
        if case .deny(let error) = decision { throw error }
        let file = try SystemCall.reopen(inode.descriptor, sourceFlags(open))
        do {
            try serveAnyOffset(file, open)
            if open.killPrivileges, open.flags & O_TRUNC != 0 { try killPrivileges(of: inode) }
        } catch {
            SystemCall.close(file)
            throw error
        }
        return try opened(file, inode, decision, open)
    }

    /// Always creates: O_EXCL, so that the file is the caller's own. Where there is one already, the kernel did not know,
    /// and so has not asked whether the caller may open it; ESTALE makes it look the name up again, and open what it finds
    /// with all its checks. Source: `do_filp_open` and `fuse_atomic_open` in Linux.
    public func create(
        _ name: borrowing Name, in parent: NodeID, _ new: NewFile, _ open: OpenRequest, for request: Request
    ) throws(Errno) -> Created {
        let directory = try inodes.pin(parent)
        let verdict = decide(open, directory.descriptor, newName: name.string, isToBeCreated: true, for: request)
        if case .deny(let error) = verdict { throw error }
        let file: FileDescriptor
        do throws(Errno) {
            let assumed = try credentials.assume(request.caller)
            defer { credentials.restore(assumed) }
            file = try SystemCall.create(
                name, in: directory.descriptor, flags: sourceFlags(open) & ~O_TRUNC, permissions: new.mode.permissions)
        } catch .fileExists where open.flags & O_EXCL == 0 {
            throw .staleNFSFileHandle
        }
        return try created(file, open, for: request)
    }

    public func tmpfile(in parent: NodeID, _ new: NewFile, _ open: OpenRequest, for request: Request) throws(Errno) -> Created {
        let directory = try inodes.pin(parent)
        let verdict = decide(open, directory.descriptor, isToBeCreated: true, for: request)
        if case .deny(let error) = verdict { throw error }
        let file: FileDescriptor
        do {
            let assumed = try credentials.assume(request.caller)
            defer { credentials.restore(assumed) }
            // With O_EXCL it can never be given a name.
            file = try SystemCall.createUnnamed(
                in: directory.descriptor, flags: sourceFlags(open) & ~O_TRUNC | open.flags & O_EXCL,
                permissions: new.mode.permissions)
        }
        return try created(file, open, for: request)
    }

    /// The answer for a file that was just created. Takes its descriptor over. The node is found through the descriptor, not
    /// through the name: that may be another's by now.
    private func created(_ file: FileDescriptor, _ open: OpenRequest, for request: Request) throws(Errno) -> Created {
        let entry: Entry
        do {
            try serveAnyOffset(file, open)
            entry = try self.entry(taking: SystemCall.find(file))
        } catch {
            SystemCall.close(file)
            throw error
        }
        do {
            let inode = try inodes.pin(entry.node)
            return Created(entry: entry, opened: try opened(file, inode, decide(open, inode.descriptor, for: request), open))
        } catch {
            inodes.forget(entry.node, lookups: 1)
            throw error
        }
    }

    /// The answer for an open file. Takes its descriptor over.
    private func opened(
        _ file: FileDescriptor, _ inode: borrowing Inode, _ decision: OpenDecision, _ open: OpenRequest
    ) throws(Errno) -> Opened {
        let io: Opened.IO
        switch decision {
        case .deny(let error):
            SystemCall.close(file)
            throw error
        // The descriptor outlives the answer: the kernel holds the inode while it opens it. `O_PATH`, for a writable one
        // kept by the kernel would make running the source's file fail with ETXTBSY, and a remount read-only with EBUSY.
        case .passThrough:
            io = .passthrough(inode.descriptor, otherwise: options.cache == .none ? .direct : .cached)
        case .throughDaemon:
            switch options.cache {
            case .auto: io = .cached
            case .always: io = .keepingCache
            case .none: io = .direct
            }
        }
        // Right without FLUSH: where nothing was written nothing can fail to be, and where the source's filesystem has no
        // flush of its own, close(2) reports nothing natively either. POSIX locks are the kernel's: it drops them without
        // asking. Filesystems mounted within the source are asked: who knows what they are.
        let skipsFlush = open.accessMode == .readOnly || closesSilently && inode.device == device
        return Opened(handle: try openFiles.insert(file, .file), io: io, skipsFlush: skipsFlush)
    }

    /// The flags with which the source's file is opened: the caller's, so that the caller gets the errno that the source
    /// gives for them. Left out is what the kernel has done already, or what would apply to the path in /proc.
    private func sourceFlags(_ open: OpenRequest) -> Int32 {
        open.flags & (O_ACCMODE | O_TRUNC | O_APPEND | O_NONBLOCK | O_SYNC | O_DSYNC | Int32(CLINUX_O_DIRECT) | Int32(CLINUX_O_NOATIME))
    }

    /// Takes off what was good for opening, but not for serving requests.
    ///
    /// `O_APPEND`: the kernel sends each write with its place, and also writes back what was stored through a mapping; the
    /// source would put all of it at the end. An append-only file keeps it (EPERM): there every write appends.
    /// `O_DIRECT`: requests' buffers are aligned to nothing. A passthrough file has its own flags, the caller's.
    private func serveAnyOffset(_ file: FileDescriptor, _ open: OpenRequest) throws(Errno) {
        let unwanted = O_APPEND | Int32(CLINUX_O_DIRECT)
        guard open.flags & unwanted != 0 else { return }
        let flags = try SystemCall.flags(of: file)
        do {
            try SystemCall.setFlags(of: file, flags & ~unwanted)
        } catch .notPermitted {
            try SystemCall.setFlags(of: file, flags & ~Int32(CLINUX_O_DIRECT))
        }
    }
}
