// SPDX-License-Identifier: MIT

import CLinux
import FUSE
import Glibc
import SystemPackage

// What a user creates must be that user's: creating calls are made with the caller's filesystem ids.
//
// The ids belong to the calling thread (bare system calls; glibc's wrappers would change every thread), from `assume` to
// `restore`, which surround one system call. With a filesystem user id other than 0 the thread loses CAP_DAC_OVERRIDE and
// its like for that time, and creates what the caller may create: the kernel has let the caller by its own check before
// (`default_permissions`). What must be opened as the daemon is opened outside.
//
// What takes space is made within the caller's limits. Filesystems keep blocks for a user (root, mostly), by the filesystem ids,
// and CAP_SYS_RESOURCE overrides that and quotas. Nothing else here needs that one, so a thread keeps it or goes without it
// until it serves a caller of the other kind: no call where all are root, and none where all are not.
//
// Nothing may be done with other ids than it should be, and `setfsuid(2)` and `setfsgid(2)` do not say whether they did it. They do
// not where the id has no number in this user namespace, where a security module is against it, or for want of memory; so it is not
// enough that it went well before. A group is set with the effective one (`setresgid(2)`), which does say it, and which gives
// nobody a hold on the thread. A user is not: who has a thread's effective user id may change its priority and its processors
// (sched_setaffinity(2)). So that is asked for after it was set, and before anything is done.

/// As whom files are created and grow.
struct Credentials: Sendable {
    /// Whether callers' ids can be taken on at all. Only root can.
    let canSwitch: Bool
    /// The daemon's own ids, and its supplementary groups, which no caller may gain.
    private let user: uid_t
    private let group: gid_t
    private let effectiveGroup: gid_t
    private let groups: [gid_t]

    /// The ids of the process at the moment.
    init() {
        canSwitch = geteuid() == 0
        // Asking with an id that is none reports the current one.
        user = uid_t(bitPattern: clinux_setfsuid(.max))
        group = gid_t(bitPattern: clinux_setfsgid(.max))
        effectiveGroup = getegid()
        let count = getgroups(0, nil)
        var groups = [gid_t](repeating: 0, count: Int(max(0, count)))
        let got = unsafe getgroups(count, &groups)
        groups.removeLast(groups.count - Int(max(0, min(got, count))))
        self.groups = groups
    }

    /// What was changed, and is to be restored on the same thread.
    struct Assumed {
        fileprivate var user = false
        fileprivate var group = false
        fileprivate var effectiveGroup = false
        fileprivate var groups = false
    }

    /// Has quotas bind the caller as they do natively: not where it is root. On this thread, until it serves another.
    func bindByQuotas(_ caller: Caller) { _ = clinux_use_resource_right(caller.isRoot ? 1 : 0) }

    /// Grows files and directories within the caller's limits from now on, on this thread. Throws EPERM, with nothing changed,
    /// where that cannot be.
    ///
    /// `keepingRights`: whatever else the daemon may do it may still do. Otherwise it is without CAP_FSETID and what overrides
    /// permissions, which an open file does not need.
    func limit(to caller: Caller, keepingRights: Bool = true) throws(Errno) -> Assumed {
        bindByQuotas(caller)
        var assumed = Assumed()
        guard canSwitch, !caller.isRoot else { return assumed }
        let caller = caller.limited
        if !groups.isEmpty {
            guard clinux_setgroups(0, nil) == 0 else { throw .notPermitted }
            assumed.groups = true
        }
        // Whether this succeeds does not matter: no filesystem keeps blocks for root's group.
        assumed.group = caller.group.rawValue != group
        if assumed.group { _ = clinux_setfsgid(caller.group.rawValue) }
        assumed.user = true
        _ = clinux_setfsuid(caller.user.rawValue)
        guard UInt32(bitPattern: clinux_setfsuid(.max)) == caller.user.rawValue, !keepingRights || clinux_keep_rights() == 0 else {
            restore(assumed)
            throw .notPermitted
        }
        return assumed
    }

    /// Does something within the caller's limits, with all other rights of the daemon.
    func limited<R>(to caller: Caller, _ body: () throws(Errno) -> R) throws(Errno) -> R {
        let assumed = try limit(to: caller)
        defer { restore(assumed) }
        return try body()
    }

    /// Acts as the caller from now on, on this thread. Throws EPERM, with nothing changed, where that cannot be.
    ///
    /// Quotas bind as they bind `asker`: not where that is root.
    func assume(_ caller: Caller, boundAs asker: Caller) throws(Errno) -> Assumed {
        bindByQuotas(asker)
        var assumed = Assumed()
        guard canSwitch, caller.user.rawValue != user || caller.group.rawValue != group else { return assumed }
        if !groups.isEmpty || caller.supplementaryGroup != nil {
            var group = caller.supplementaryGroup?.rawValue ?? 0
            guard unsafe clinux_setgroups(caller.supplementaryGroup == nil ? 0 : 1, &group) == 0 else { throw .notPermitted }
            assumed.groups = true
        }
        if caller.group.rawValue != group {
            // -1 would leave it as it is.
            guard caller.group.rawValue != .max, clinux_setegid(caller.group.rawValue) == 0 else {
                restore(assumed)
                throw .notPermitted
            }
            assumed.effectiveGroup = true
        }
        if caller.user.rawValue != user {
            assumed.user = true
            _ = clinux_setfsuid(caller.user.rawValue)
            if UInt32(bitPattern: clinux_setfsuid(.max)) != caller.user.rawValue {
                restore(assumed)
                throw .notPermitted
            }
        }
        return assumed
    }

    /// Acts as the daemon again. The user first: that brings the capabilities back.
    func restore(_ assumed: Assumed) {
        if assumed.user { _ = clinux_setfsuid(user) }
        if assumed.effectiveGroup { _ = clinux_setegid(effectiveGroup) }
        if assumed.group || assumed.effectiveGroup && group != effectiveGroup { _ = clinux_setfsgid(group) }
        if assumed.groups {
            // Safe: only read, within the call. It cannot fail where the change before it succeeded.
            unsafe groups.withUnsafeBufferPointer { _ = unsafe clinux_setgroups($0.count, $0.baseAddress) }
        }
    }
}

extension Caller {
    /// As whom its limits are those of: one who is not told (-1) is nobody in particular. 65534 is what Linux shows for ids that it
    /// has no number for.
    var limited: Caller {
        user.rawValue == .max ? Caller(user: UserID(rawValue: 65534), group: GroupID(rawValue: 65534)) : self
    }
}
