// SPDX-License-Identifier: MIT

import FUSE
import Glibc
import SystemPackage

// Set-user-id, set-group-id and file capabilities go when somebody changes a file. Mostly the kernel says so in the request
// that changes it. Not where it writes a file itself: then it first sends REMOVEXATTR for capabilities, and a SETATTR
// without any change for all of them. The same comes when somebody calls `chown` without a change, on any file, and there
// other rules hold: so the caller, who waits for the answer, is looked at.

extension PassthroughFS {
    /// What has become of a file's permissions.
    struct Permissions {
        var isChanged = false
        /// Set-user-id or set-group-id is still there.
        var arePrivileged = false
    }

    /// Takes them from a regular file.
    @discardableResult
    func killPrivileges(
        of inode: borrowing Inode, for request: Request, andCapabilities: Bool = true
    ) throws(Errno) -> Permissions {
        guard inode.type == S_IFREG else { return Permissions() }
        let status = try SystemCall.status(of: inode.descriptor)
        let kept = withoutPrivileges(status, for: request)
        let isChanged = kept != status.st_mode & 0o7777
        if isChanged { try SystemCall.chmod(inode.descriptor, FilePermissions(rawValue: kept)) }
        if andCapabilities { try SystemCall.removeCapabilities(of: inode.descriptor) }
        return Permissions(isChanged: isChanged, arePrivileged: kept & (S_ISUID | S_ISGID) != 0)
    }

    /// As above, for a request whose reply does not tell the kernel of it.
    func killPrivileges(
        of inode: borrowing Inode, _ node: NodeID, untold request: Request, andCapabilities: Bool = true
    ) throws(Errno) -> Permissions {
        let permissions = try killPrivileges(of: inode, for: request, andCapabilities: andCapabilities)
        if permissions.isChanged { notifier.withLock { $0 }?.forgetAttributes(of: node) }
        return permissions
    }

    /// Changes the content of a file by a call before which the kernel has had the bits taken that it knows of (`file_modified` in
    /// Linux). Those that others set in the source go with the call, unless the caller may keep them. Within the caller's limits.
    func changingContent<R>(
        of file: borrowing OpenDescriptor, _ node: NodeID, for request: Request, _ body: () throws(Errno) -> R
    ) throws(Errno) -> R {
        guard !request.caller.isRoot else {
            credentials.bindByQuotas(request.caller)
            return try body()
        }
        let status = try SystemCall.status(of: file.descriptor)
        let before = status.st_mode & 0o7777
        var kept = before
        if before & (S_ISUID | S_ISGID) != 0, !mayKeepPrivileges(request) { kept = withoutPrivileges(status, for: request) }
        let arePrivileged = kept & (S_ISUID | S_ISGID) != 0
        // The source would take them all, or none.
        if arePrivileged, kept != before { try SystemCall.chmod(file.descriptor, FilePermissions(rawValue: kept)) }
        defer { if kept != before { notifier.withLock { $0 }?.forgetAttributes(of: node) } }
        let assumed = try credentials.limit(to: request.caller, keepingRights: arePrivileged)
        defer { credentials.restore(assumed) }
        return try body()
    }

    /// For the SETATTR without any change. Root's `chown` takes the bits, root's write leaves them: whose has CAP_FSETID, that is.
    func killPrivileges(unaskedOf inode: borrowing Inode, for request: Request) throws(Errno) {
        guard inode.type == S_IFREG else { return }
        if mayKeepPrivileges(request), try isWrite(request, to: inode) {
            return try SystemCall.removeCapabilities(of: inode.descriptor)
        }
        try refuseStranger(to: inode, request)
        try killPrivileges(of: inode, for: request)
    }

    /// `chown` is for the owner and root alone where there are bits to lose; any writer's write takes them. So others'
    /// `chown` is refused: else anybody could take away the bits of programs that are no concern of theirs.
    func refuseStranger(to inode: borrowing Inode, _ request: Request) throws(Errno) {
        guard inode.type == S_IFREG, !request.caller.isRoot else { return }
        let status = try SystemCall.status(of: inode.descriptor)
        guard status.st_uid != request.caller.user.rawValue else { return }
        if withoutPrivileges(status, for: request) != status.st_mode & 0o7777, try !isWrite(request, to: inode) {
            throw .notPermitted
        }
    }

    /// Whether such a request comes of something that changes the content, and not of a `chown`: by the system call that the
    /// caller is in. Where that is not to be seen (another pid namespace's caller, `/proc` without the right to look), a file
    /// that somebody has open for writing is taken to be written.
    private func isWrite(_ request: Request, to inode: borrowing Inode) throws(Errno) -> Bool {
        if isSeen(request.caller), let isOwner = SystemCall.current(of: request.caller.process).flatMap({ SystemCall.changesOwner($0) }) {
            return !isOwner
        }
        return try SystemCall.isOpenForWriting(inode.descriptor)
    }

    /// With which rights the kernel's own writes are made: what they do to the bits of a file, and whose limits hold. By the one
    /// who opens it, for who writes to it later is not known here; of those bits that the kernel knows of, it tells. Not exact: they would take what they should leave.
    ///
    /// `mayBePrivileged`: not known to be without such bits.
    func opener(
        _ open: OpenRequest, of inode: borrowing Inode, mayBePrivileged: Bool, for request: Request
    ) -> (opener: Opened.IO.Opener, isExact: Bool) {
        let isRoot = request.caller.isRoot
        // A daemon that cannot act as others is not root, and its own limits hold.
        let limits = isRoot || !credentials.canSwitch ? nil : request.caller.limited
        guard open.accessMode != .readOnly else {
            return (Opened.IO.Opener(writes: false, leavesPrivileges: isRoot, limits: limits), true)
        }
        // It is told cheaply, and where there is something to lose, exactly.
        guard mayBePrivileged, let status = try? SystemCall.status(of: inode.descriptor), status.st_mode & (S_ISUID | S_ISGID) != 0 else {
            return (Opened.IO.Opener(leavesPrivileges: isRoot, limits: limits), true)
        }
        if mayKeepPrivileges(request) { return (Opened.IO.Opener(leavesPrivileges: true, limits: limits), true) }
        // Set-group-id where the group may not execute goes for all that the kernel writes here: it has one group at the most,
        // the first of the one who opened the file first.
        return (Opened.IO.Opener(limits: limits), withoutPrivileges(status, for: request) & S_ISGID == 0)
    }

    /// The permissions that are left. Set-group-id stays where the group may not execute (it means something else there) and
    /// the caller is in it. Source: `setattr_should_drop_suidgid` in Linux.
    private func withoutPrivileges(_ status: stat, for request: Request) -> mode_t {
        let mode = status.st_mode & 0o7777
        var kept = mode & ~S_ISUID
        if mode & S_ISGID != 0, mode & S_IXGRP != 0 || !isMember(request, of: GroupID(rawValue: status.st_gid)) { kept &= ~S_ISGID }
        return kept
    }
}
