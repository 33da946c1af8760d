// SPDX-License-Identifier: MIT

import FUSE
import Glibc
import SystemPackage

// Set-user-id, set-group-id and file capabilities go when somebody changes a file. Mostly the kernel says so in the request
// that changes it. Not where it writes a file itself: then it first sends REMOVEXATTR for capabilities, and a SETATTR
// without any change for all of them. The same comes when somebody calls `chown` without a change, on any file, and there
// other rules hold: so the caller, who waits for the answer, is looked at.

extension PassthroughFS {
    /// Takes them from a regular file.
    func killPrivileges(of inode: borrowing Inode, for request: Request, andCapabilities: Bool = true) throws(Errno) {
        guard inode.type == S_IFREG else { return }
        let status = try SystemCall.status(of: inode.descriptor)
        let kept = withoutPrivileges(status, for: request)
        if kept != status.st_mode & 0o7777 { try SystemCall.chmod(inode.descriptor, FilePermissions(rawValue: kept)) }
        if andCapabilities { try SystemCall.removeCapabilities(of: inode.descriptor) }
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

    /// What the kernel's own writes are to do to the bits of a file. By the one who opens it, for who writes to it later is not
    /// known here; of those bits that the kernel knows of, it tells. Not exact: they would take what they should leave.
    func opener(
        _ open: OpenRequest, of inode: borrowing Inode, for request: Request
    ) -> (opener: Opened.IO.Opener, isExact: Bool) {
        let isRoot = request.caller.isRoot
        guard open.accessMode != .readOnly else { return (Opened.IO.Opener(writes: false, leavesPrivileges: isRoot), true) }
        // It is told cheaply, and where there is something to lose, exactly.
        guard let status = try? SystemCall.status(of: inode.descriptor), status.st_mode & (S_ISUID | S_ISGID) != 0 else {
            return (Opened.IO.Opener(leavesPrivileges: isRoot), true)
        }
        if mayKeepPrivileges(request) { return (Opened.IO.Opener(leavesPrivileges: true), true) }
        // Set-group-id where the group may not execute goes for all that the kernel writes here, as this process is in no
        // group that matters.
        return (Opened.IO.Opener(), withoutPrivileges(status, for: request) & S_ISGID == 0)
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
