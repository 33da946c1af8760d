// SPDX-License-Identifier: MIT

public import FUSE
import Glibc
public import SystemPackage

extension PassthroughFS {
    /// The inode's, also for an open file: its own descriptor could say nothing else.
    public func getattr(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        let inode = try inodes.pin(node)
        return try attributes(of: inode, node, dropsListing: true)
    }

    public func statx(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        let inode = try inodes.pin(node)
        var reply = try attributes(of: inode, node)
        reply.attributes.created = try SystemCall.birthTime(of: inode.descriptor)
        return reply
    }

    private func attributes(of inode: borrowing Inode, _ node: NodeID, dropsListing: Bool = false) throws(Errno) -> AttributesReply {
        // First: who stops storing after this has stored before the attributes are read.
        let descriptor = inode.descriptor
        let mayMove = inodes.mayBeStored(node) { (try? SystemCall.isOpenForWriting(descriptor)) ?? true }
        let status = try SystemCall.status(of: inode.descriptor)
        if status.st_nlink == 0 { dropBacking(of: node) }
        let timeout = mayMove ? .zero : timeout(of: node, status, dropsListing: dropsListing)
        return AttributesReply(shown(status, inode.restrictions), timeout: timeout)
    }

    /// Attributes of a node have changed by something of which no reply tells the kernel: it is to ask for them anew.
    func tellChange(of node: NodeID) { notifier.withLock { $0 }?.forgetAttributes(of: node) }

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
        let request = asker(request)
        var changes = changes
        if options.idMapped { try addPrivileges(to: &changes, of: inode, for: request) }
        // What changes its owner or group counts for the quotas of the new ones.
        credentials.bindByQuotas(request.caller)
        if changes.owner != nil || changes.group != nil {
            try SystemCall.chown(inode.descriptor, changes.owner, changes.group)
        }
        if changes.isEmpty {
            try killPrivileges(unaskedOf: inode, for: request)
        } else if changes.killPrivileges {
            try killPrivileges(of: inode, for: request)
        }
        if let mode = changes.mode { try SystemCall.chmod(inode.descriptor, self.mode(mode, of: inode)) }
        if let size = changes.size {
            // Natively a length that is no file's is refused thus as well.
            let size = try size.fileOffset
            if let handle {
                let file = try openFiles.pin(handle, .file)
                try credentials.limited(to: request.caller) { () throws(Errno) in
                    try SystemCall.truncate(open: file.descriptor, to: size)
                }
            } else {
                try credentials.limited(to: request.caller) { () throws(Errno) in
                    try SystemCall.truncate(inode.descriptor, to: size)
                }
            }
        }
        if changes.accessed != nil || changes.modified != nil {
            try SystemCall.setTimes(inode.descriptor, timespec(changes.accessed), timespec(changes.modified))
        }
        return try attributes(of: inode, node)
    }

    public func access(_ node: NodeID, _ mode: AccessCheck, for request: Request) throws(Errno) {
        let inode = try inodes.pin(node)
        let assumed = try credentials.assume(request.caller, boundAs: request.caller)
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
        let file = try relief.relieving { () throws(Errno) in try SystemCall.openDirectory(inode.descriptor) }
        defer { SystemCall.close(file) }
        try SystemCall.syncfs(file)
    }
}
