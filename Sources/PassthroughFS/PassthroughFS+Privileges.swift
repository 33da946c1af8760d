// SPDX-License-Identifier: MIT

import FUSE
import Glibc
import SystemPackage

// Set-user-id, set-group-id and file capabilities go when somebody changes a file. Mostly the kernel says so in the request
// that changes it. Not where it writes a file itself: then it first sends REMOVEXATTR for capabilities, and a SETATTR
// without any change for all of them. The same comes when somebody calls `chown` without a change, on any file.

extension PassthroughFS {
    /// Takes them from a regular file.
    func killPrivileges(of inode: borrowing Inode, for request: Request, andCapabilities: Bool = true) throws(Errno) {
        guard inode.type == S_IFREG else { return }
        let status = try SystemCall.status(of: inode.descriptor)
        let kept = withoutPrivileges(status, for: request)
        if kept != status.st_mode & 0o7777 { try SystemCall.chmod(inode.descriptor, FilePermissions(rawValue: kept)) }
        if andCapabilities { try SystemCall.removeCapabilities(of: inode.descriptor) }
    }

    /// For the SETATTR without any change. Root's `chown` takes the bits, root's write leaves them (CAP_FSETID): who has the
    /// file open for writing is taken to write it.
    func killPrivileges(unaskedOf inode: borrowing Inode, for request: Request) throws(Errno) {
        guard inode.type == S_IFREG else { return }
        if request.caller.isRoot, try SystemCall.isOpenForWriting(inode.descriptor) {
            return try SystemCall.removeCapabilities(of: inode.descriptor)
        }
        try refuseStranger(to: inode, request)
        try killPrivileges(of: inode, for: request)
    }

    /// `chown` is for the owner and root alone where there are bits to lose; any writer's write takes them. So where nobody
    /// has the file open for writing it is a `chown`, and others are refused: else anybody could take away the bits of
    /// programs that are no concern of theirs.
    func refuseStranger(to inode: borrowing Inode, _ request: Request) throws(Errno) {
        guard inode.type == S_IFREG, !request.caller.isRoot else { return }
        let status = try SystemCall.status(of: inode.descriptor)
        guard status.st_uid != request.caller.user.rawValue else { return }
        if withoutPrivileges(status, for: request) != status.st_mode & 0o7777, try !SystemCall.isOpenForWriting(inode.descriptor) {
            throw .notPermitted
        }
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
