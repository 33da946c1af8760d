// SPDX-License-Identifier: MIT

import CLinux
import FUSE
import Glibc
import SystemPackage

// Acting as the caller, and what is known of the caller besides.

extension PassthroughFS {
    /// Makes something as the caller, with the caller's mask.
    ///
    /// The mask is applied by the source, for it alone knows when to: not where the directory has a default ACL. `permissions`
    /// are those to ask the source for.
    func asCaller<R>(
        _ request: Request, _ new: NewFile, _ body: (FilePermissions) throws(Errno) -> R
    ) throws(Errno) -> R {
        var permissions = new.mode.permissions
        if clinux_thread_umask(new.umask.rawValue) != 0 {
            // In a sandbox that forbids threads a mask of their own. Default ACLs then give less than they should.
            permissions.subtract(new.umask)
        }
        return try asCaller(request) { () throws(Errno) in try body(permissions) }
    }

    /// Does something as the caller.
    ///
    /// The kernel has checked that the caller may (`default_permissions`), by groups that it does not all tell. So where the
    /// source refuses for want of permission alone, it is done once more without regard to that; still as the caller, whose
    /// the new thing is.
    func asCaller<R>(_ request: Request, _ body: () throws(Errno) -> R) throws(Errno) -> R {
        let (maker, asker) = maker(request)
        do throws(Errno) {
            let assumed = try credentials.assume(maker, boundAs: asker)
            defer { credentials.restore(assumed) }
            return try body()
        } catch .permissionDenied where credentials.canSwitch && !maker.isRoot {
            let assumed = try credentials.assume(maker, boundAs: asker)
            defer { credentials.restore(assumed) }
            guard clinux_override_permissions() == 0 else { throw .permissionDenied }
            return try body()
        }
    }

    /// Whether the caller is in a group, or need not be: who has CAP_FSETID, as root usually does. The request tells of one group
    /// only; the others are in the caller's `/proc`, where it waits meanwhile. Slow, and for rare cases alone.
    func isMember(_ request: Request, of group: GroupID) -> Bool {
        if request.caller.group == group { return true }
        if let groups = status(of: request.caller, "Groups:"), groups.contains(where: { UInt32($0) == group.rawValue }) { return true }
        return mayKeepPrivileges(request)
    }

    /// Whether the caller has CAP_FSETID, as root usually does. Slow, as above.
    ///
    /// In a user namespace of their own people have all capabilities, which are worth nothing here.
    func mayKeepPrivileges(_ request: Request) -> Bool {
        guard isSeen(request.caller), let effective = status(of: request.caller, "CapEff:")?.first.flatMap({ UInt64($0, radix: 16) }),
            let namespace = SystemCall.path(at: "/proc/\(request.caller.process)/ns/user")
        else { return request.caller.isRoot }
        return effective & 1 << 4 != 0 && namespace == SystemCall.path(at: "/proc/self/ns/user")
    }

    /// Whether `/proc` shows the caller by its number: one who acts as the same user, as far as that goes.
    func isSeen(_ caller: Caller) -> Bool {
        status(of: caller, "Uid:")?.last.flatMap { UInt32($0) } == caller.user.rawValue
    }

    /// The words of a line of the caller's `/proc/PID/status`; nil where that is not to be seen.
    private func status(of caller: Caller, _ name: String) -> [Substring]? { statusText(of: caller).flatMap { Self.line(name, of: $0) } }

    func statusText(of caller: Caller) -> String? {
        caller.process > 0 ? try? SystemCall.text(of: "/proc/\(caller.process)/status") : nil
    }

    static func line(_ name: String, of text: String) -> [Substring]? {
        text.split(separator: "\n").first { $0.hasPrefix(name) }?.split(whereSeparator: \.isWhitespace).dropFirst().map { $0 }
    }
}
