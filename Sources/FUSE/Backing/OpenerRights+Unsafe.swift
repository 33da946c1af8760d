// SPDX-License-Identifier: MIT

import CLinux
import Glibc
import SystemPackage

/// The rights of an opener, which the calling thread has while a file is registered.
///
/// CAP_SYS_ADMIN stays, which registering takes: neither `setfsuid(2)` nor anything here drops it.
struct OpenerRights {
    /// The ids of before, where they were changed.
    private var ids: (user: uid_t, group: gid_t)?
    private var hasGroups = false
    private var hasDroppedPrivileges = false

    /// The process's supplementary groups: blocks may be kept for one of them.
    private static let groups: [gid_t] = {
        let count = getgroups(0, nil)
        var groups = [gid_t](repeating: 0, count: Int(max(0, count)))
        // Safe: filled within the call, with no more than there is room for.
        let got = unsafe getgroups(count, &groups)
        return Array(groups.prefix(Int(max(0, got))))
    }()

    /// - Throws: EACCES where this process may not act as that user. (EPERM would say that no file can be registered.)
    static func assume(_ opener: Opened.IO.Opener) throws(Errno) -> OpenerRights {
        var rights = OpenerRights()
        let user = opener.limitedUser
        _ = clinux_use_resource_right(user == nil ? 1 : 0)
        if let user {
            if !groups.isEmpty, clinux_setgroups(0, nil) != 0 { throw .permissionDenied }
            rights.hasGroups = !groups.isEmpty
            let group = gid_t(bitPattern: clinux_setfsgid(user.group.rawValue))
            rights.ids = (uid_t(bitPattern: clinux_setfsuid(user.user.rawValue)), group)
            // Neither call reports failure, so it is asked: an id that is none changes nothing. (The group gives no right where
            // it is still this process's: no filesystem keeps blocks for root's group.)
            guard UInt32(bitPattern: clinux_setfsuid(.max)) == user.user.rawValue,
                !opener.leavesPrivileges || clinux_keep_rights() == 0
            else {
                rights.restore()
                throw .permissionDenied
            }
        }
        // Without CAP_FSETID each write takes set-user-id bits. Root's loses it with its id.
        if !opener.leavesPrivileges, rights.ids?.user != 0 { rights.hasDroppedPrivileges = clinux_drop_fsetid() == 1 }
        return rights
    }

    /// The user first: that brings the capabilities back.
    func restore() {
        if let ids {
            _ = clinux_setfsuid(ids.user)
            _ = clinux_setfsgid(ids.group)
        }
        // Safe: only read, within the call. It cannot fail where the change before it succeeded.
        if hasGroups { unsafe Self.groups.withUnsafeBufferPointer { _ = unsafe clinux_setgroups($0.count, $0.baseAddress) } }
        if hasDroppedPrivileges { _ = clinux_raise_fsetid() }
    }
}

extension Opened.IO.Opener {
    /// The user whose limits hold instead of this process's.
    var limitedUser: Caller? { limits.flatMap { $0.isRoot ? nil : $0 } }
}
