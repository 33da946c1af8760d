// SPDX-License-Identifier: MIT

import FUSE
import Glibc
import SystemPackage

// Who asks, on mounts whose ids may be mapped (`idMapped`). The kernel then names a user in requests that create something alone:
// whose that is to be in the source, which need not be the one who makes it. All other requests name nobody. Which ids a mount maps
// the kernel knows and does not tell; it checks permissions, owners and groups. What is left is who asks on this machine: `/proc`
// shows it, for the thread that asks waits meanwhile.

extension PassthroughFS {
    /// The request as of the one who asks, by this machine's ids. Not seen: nobody in particular (-1), without rights and bound by limits.
    func asker(_ request: Request) -> Request {
        guard options.idMapped else { return request }
        var user = UInt32.max
        var group = UInt32.max
        // A kernel thread acts for others (NFS), and `/proc` shows its own ids, not theirs.
        if let text = statusText(of: request.caller), Self.line("Kthread:", of: text)?.first != "1" {
            // Real, effective, saved, filesystem.
            if let seen = Self.line("Uid:", of: text)?.last.flatMap({ UInt32($0) }) { user = seen }
            if let seen = Self.line("Gid:", of: text)?.last.flatMap({ UInt32($0) }) { group = seen }
        }
        let caller = Caller(user: UserID(rawValue: user), group: GroupID(rawValue: group), process: request.caller.process)
        return Request(id: request.id, caller: caller)
    }

    /// As whom something is made, and who asks. It is made as whose it is to be. But what is to be root's is made as an ordinary user
    /// who asks, and handed over: a filesystem gives the blocks that it keeps for root to whoever makes something as root.
    func maker(_ request: Request) -> (maker: Caller, asker: Caller) {
        guard options.idMapped, credentials.canSwitch else { return (request.caller, request.caller) }
        let asker = asker(request).caller
        guard request.caller.isRoot, !asker.isRoot else { return (request.caller, asker) }
        let maker = Caller(
            user: asker.limited.user, group: request.caller.group, process: request.caller.process,
            supplementaryGroup: request.caller.supplementaryGroup)
        return (maker, asker)
    }

    /// Gives to root what was made as another, see ``maker(_:)``.
    func handOver(_ name: borrowing Name, in directory: borrowing Inode, _ request: Request) throws(Errno) {
        guard options.idMapped, request.caller.isRoot, !maker(request).maker.isRoot else { return }
        let made = try SystemCall.find(name, in: directory.descriptor)
        defer { SystemCall.close(made) }
        _ = try give(made, request)
    }

    /// As above, with all permissions that it has been given. On failure the descriptor is closed.
    func handOver(_ file: FileDescriptor, _ request: Request) throws(Errno) {
        guard options.idMapped, request.caller.isRoot, !maker(request).maker.isRoot else { return }
        do throws(Errno) {
            let mode = try give(file, request) ?? 0
            // `chown` takes them.
            if mode & (S_ISUID | S_ISGID) != 0 { try SystemCall.chmod(file, FilePermissions(rawValue: mode & 0o7777)) }
        } catch {
            SystemCall.close(file)
            throw error
        }
    }

    /// The mode before.
    private func give(_ made: FileDescriptor, _ request: Request) throws(Errno) -> mode_t? {
        let status = try SystemCall.status(of: made)
        // Another may have put something else there meanwhile. If it is the maker's it is no loss: who makes something as root may as well
        // have made this one.
        guard status.st_uid == maker(request).maker.user.rawValue else { return nil }
        try SystemCall.chown(made, request.caller.user, nil)
        return status.st_mode
    }

    // MARK: Set-user-id and set-group-id
    //
    // The kernel takes them, by requests for their removal and for another mode. It goes by the mode that it remembers. Bits that others
    // set in the source meanwhile are taken here. One thing it does not pass on: that set-group-id goes where the group may
    // not execute, from those who are not in the group. Whether somebody is, is known here for ids that are not mapped; others are held
    // not to be.

    /// Adds to changes of a file's attributes what else is to go.
    func addPrivileges(to changes: inout AttributeChanges, of inode: borrowing Inode, for asker: Request) throws(Errno) {
        guard inode.type == S_IFREG, changes.owner != nil || changes.group != nil || changes.size != nil || changes.mode != nil else { return }
        let status = try SystemCall.status(of: inode.descriptor)
        guard status.st_mode & (S_ISUID | S_ISGID) != 0 else { return }
        if let mode = changes.mode?.rawValue {
            // As the kernel makes it of what it has read last.
            let isTaken = status.st_mode & S_ISUID != 0 && mode & 0o7777 == status.st_mode & 0o7777 & ~S_ISUID
            guard isTaken, mode & S_ISGID != 0, mode & S_IXGRP == 0 else { return }
            if SystemCall.current(of: asker.caller.process).map({ SystemCall.changesMode($0) }) ?? false { return }
            if !isMember(asker, of: GroupID(rawValue: status.st_gid)) { changes.mode = FilePermissions(rawValue: mode & ~S_ISGID) }
        } else if changes.owner != nil || changes.group != nil || !mayKeepPrivileges(asker) {
            changes.killPrivileges = true
        }
    }

    /// Whether a file still has bits that a write is to leave, once those have been taken that it is to take.
    func keepsPrivileges(_ file: borrowing OpenDescriptor, _ node: NodeID, for request: Request) throws(Errno) -> Bool {
        guard try SystemCall.status(of: file.descriptor).st_mode & (S_ISUID | S_ISGID) != 0 else { return false }
        let asker = asker(request)
        if mayKeepPrivileges(asker) { return true }
        let inode = try inodes.pin(node)
        return try killPrivileges(of: inode, node, untold: asker, andCapabilities: false).arePrivileged
    }
}
