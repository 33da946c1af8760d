// SPDX-License-Identifier: MIT

public import FUSE
import Glibc
public import SystemPackage

extension PassthroughFS {
    /// The inode's, also for an open file: its own descriptor could say nothing else.
    public func getattr(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        let inode = try inodes.pin(node)
        return try attributes(of: inode)
    }

    public func statx(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        let inode = try inodes.pin(node)
        var reply = try attributes(of: inode)
        reply.attributes.created = try SystemCall.birthTime(of: inode.descriptor)
        return reply
    }

    private func attributes(of inode: borrowing Inode) throws(Errno) -> AttributesReply {
        AttributesReply(Attributes(try SystemCall.status(of: inode.descriptor)), timeout: timeout)
    }

    /// Several changes in one request are made one after the other, where natively they are one; the kernel hardly sends
    /// such. The order is that of their effects on each other, and safe to be broken off:
    ///
    /// 1. The owner: `chown` clears set-user-id and set-group-id by itself, so a new mode comes after it.
    /// 2. Privileges: gone before the content changes, so that no failure leaves another's content with them.
    /// 3. The mode.
    /// 4. The size: it changes the times.
    /// 5. The times.
    public func setattr(
        _ node: NodeID, _ changes: AttributeChanges, handle: FileHandle?, for request: Request
    ) throws(Errno) -> AttributesReply {
        let inode = try inodes.pin(node)
        if changes.owner != nil || changes.group != nil {
            try SystemCall.chown(inode.descriptor, changes.owner, changes.group)
        }
        if changes.isEmpty {
            try killPrivileges(unaskedOf: inode, for: request)
        } else if changes.killPrivileges {
            try killPrivileges(of: inode, for: request)
        }
        if let mode = changes.mode { try SystemCall.chmod(inode.descriptor, mode) }
        if let size = changes.size {
            // Natively a length that is no file's is refused thus as well.
            let size = try size.fileOffset
            if let handle {
                try SystemCall.truncate(open: openFiles.descriptor(handle, .file), to: size)
            } else {
                try SystemCall.truncate(inode.descriptor, to: size)
            }
        }
        if changes.accessed != nil || changes.modified != nil {
            try SystemCall.setTimes(inode.descriptor, timespec(changes.accessed), timespec(changes.modified))
        }
        return try attributes(of: inode)
    }

    /// Takes set-user-id, set-group-id and file capabilities from a regular file. Set-group-id stays where the group may not
    /// execute (it means something else there) and the caller is in it. Source: `setattr_should_drop_suidgid` in Linux.
    func killPrivileges(of inode: borrowing Inode, for request: Request, andCapabilities: Bool = true) throws(Errno) {
        guard inode.type == S_IFREG else { return }
        let status = try SystemCall.status(of: inode.descriptor)
        let mode = status.st_mode & 0o7777
        var kept = mode & ~S_ISUID
        if mode & S_ISGID != 0, mode & S_IXGRP != 0 || !isMember(request, of: GroupID(rawValue: status.st_gid)) { kept &= ~S_ISGID }
        if kept != mode { try SystemCall.chmod(inode.descriptor, FilePermissions(rawValue: kept)) }
        if andCapabilities { try SystemCall.removeCapabilities(of: inode.descriptor) }
    }

    /// The request without any change: somebody writes a file that the kernel passes through, or calls `chown` on any file
    /// without a change. Which of the two, the kernel does not say.
    ///
    /// - Root's writes take capabilities away, but leave the bits (CAP_FSETID).
    /// - `chown` is for the owner alone, where there are bits to lose. So for another there must be somebody who has the file
    ///   open for writing: else anybody could take away the bits of programs that are no concern of theirs.
    private func killPrivileges(unaskedOf inode: borrowing Inode, for request: Request) throws(Errno) {
        guard inode.type == S_IFREG else { return }
        if request.caller.isRoot { return try SystemCall.removeCapabilities(of: inode.descriptor) }
        let status = try SystemCall.status(of: inode.descriptor)
        if status.st_mode & (S_ISUID | S_ISGID) != 0, status.st_uid != request.caller.user.rawValue,
            try !SystemCall.isOpenForWriting(inode.descriptor)
        {
            throw .notPermitted
        }
        try killPrivileges(of: inode, for: request)
    }

    public func access(_ node: NodeID, _ mode: AccessCheck, for request: Request) throws(Errno) {
        let inode = try inodes.pin(node)
        let assumed = try credentials.assume(request.caller)
        defer { credentials.restore(assumed) }
        try SystemCall.access(inode.descriptor, mode)
    }

    public func statfs(_ node: NodeID, for request: Request) throws(Errno) -> FileSystemStatistics {
        let inode = try inodes.pin(node)
        let source = try SystemCall.statistics(of: inode.descriptor)
        var statistics = FileSystemStatistics()
        statistics.blocks = UInt64(source.f_blocks)
        statistics.freeBlocks = UInt64(source.f_bfree)
        statistics.availableBlocks = UInt64(source.f_bavail)
        statistics.files = UInt64(source.f_files)
        statistics.freeFiles = UInt64(source.f_ffree)
        statistics.blockSize = UInt32(truncatingIfNeeded: source.f_bsize)
        statistics.maximumNameLength = UInt32(truncatingIfNeeded: source.f_namelen)
        // Some filesystems leave it 0, and the kernel's statfs(2) then shows the block size.
        statistics.fragmentSize = UInt32(truncatingIfNeeded: source.f_frsize == 0 ? source.f_bsize : source.f_frsize)
        return statistics
    }

    public func syncfs(_ node: NodeID, for request: Request) throws(Errno) {
        let inode = try inodes.pin(node)
        let file = try SystemCall.openDirectory(inode.descriptor)
        defer { SystemCall.close(file) }
        try SystemCall.syncfs(file)
    }
}
