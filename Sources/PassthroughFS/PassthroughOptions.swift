// SPDX-License-Identifier: MIT

/// How a ``PassthroughFS`` behaves.
public struct PassthroughOptions: Hashable, Sendable {
    /// What the kernel may remember of the source.
    public enum Cache: String, Hashable, Sendable, CaseIterable {
        /// Names and attributes for a second, data until size or modification time are seen to have changed. What
        /// others do in the source is seen within a second.
        case auto
        /// Everything for as long as it is mounted: right where nobody else changes the source.
        case always
        /// Nothing: what others do in the source is seen at once.
        case none
    }

    /// What is shown of other filesystems that are mounted within the source.
    public enum Submounts: String, Hashable, Sendable, CaseIterable {
        /// Their content, as the source shows it.
        case cross
        /// The directories that they are mounted on, as `mount --bind` has it; what is mounted later does not show either.
        /// It takes CAP_SYS_ADMIN; without it such a directory is EXDEV.
        case refuse
    }

    /// Who keeps file locks: POSIX, of open file descriptions, flock(2).
    public enum Locks: String, Hashable, Sendable, CaseIterable {
        /// The kernel, among the users of the mount: nothing is sent.
        case kernel
        /// The source, so that they also hold against who works there directly. Each lock is a request, and so is each
        /// `close(2)`; who waits for a lock takes a thread. Whoever gets one sees the size, the times and the data that the last
        /// holder left; names are looked up each time, and data that are not passed through are not cached. Locks that belong to an open file (of open file descriptions,
        /// flock(2)) end a moment after its last close, for so late the kernel tells of it (RELEASE).
        case source
    }

    /// Who writes to a file that is passed through and was opened with `O_APPEND`.
    public enum Appends: String, Hashable, Sendable, CaseIterable {
        /// The kernel, as to all others. It keeps the backing file as it was opened: an `O_APPEND` that `fcntl(2)` takes off
        /// stays on, and what is written then still comes to the end of the file. Hardly any program takes it off.
        case kernel
        /// The daemon: each write through such a descriptor is a request, and what `fcntl(2)` does to `O_APPEND` counts.
        case daemon
    }

    /// Whether extended attributes are served.
    public enum Xattrs: String, Hashable, Sendable, CaseIterable {
        case on
        /// None are: users get EOPNOTSUPP. It saves a request for each file that is written and for each change of an owner, by
        /// which the kernel looks for file capabilities. Given up are capabilities of programs, labels, and access control lists:
        /// permissions are checked by owner, group and mode alone, and where a list denies more than these, it is not seen. So it
        /// is for mounts that only the mounting user may come to (without `MountOptions.allowOther`), for whom the source checks
        /// whatever is opened once more.
        case off
    }

    /// Who checks what a user may do.
    public enum Permissions: String, Hashable, Sendable, CaseIterable {
        /// The kernel, on the mount, for each user by owner, group, mode and access control lists: `MountOptions.defaultPermissions`.
        case mount
        /// The source alone, by what the process may do that serves the mount. It saves the request for a directory's attributes
        /// after each change in it, by which the kernel checks the next one. Right only where nobody may come but the mounting user,
        /// and so without `MountOptions.allowOther` and without `MountOptions.defaultPermissions`; not with ``idMapped``.
        ///
        /// Given up: whoever the kernel takes for the mounting user may do all that this process may. That is a root without
        /// CAP_DAC_OVERRIDE and its like (in a container, say) on a mount that root with all capabilities serves; and who changes
        /// the filesystem user id alone (`setfsuid(2)`), as servers of files do for their clients. The kernel's own, NFS, has
        /// nothing to do with such a mount: it cannot be exported, and file handles of it cannot be opened.
        case source
    }

    public var cache: Cache
    /// Whether the kernel is to read and write the source's files by itself. Otherwise, and where it cannot, data go
    /// through the daemon.
    public var passthrough: Bool
    public var submounts: Submounts
    public var locks: Locks
    public var appends: Appends
    /// Whether what is made gets the security context that the policy of this machine has for it on this mount (SELinux), as an
    /// attribute of the source's file. Without it, which is the default, it gets the source's own, as if it were made there.
    public var securityContexts: Bool
    /// Whether the mount can be mounted again with other ids (id-mapped mounts, `mount_setattr(2)`). It takes root and Linux 6.12. The
    /// kernel then does not say who asks: the mirror looks it up in `/proc`, and each write asks for an attribute.
    public var idMapped: Bool
    public var xattrs: Xattrs
    public var permissions: Permissions
    /// With locks on the source: how many threads of users may wait for one at the same time, for each takes one of the
    /// daemon's. ENOLCK beyond. To be fewer than there are threads: who is to give a lock back needs one too.
    public var lockWaiters: Int
    /// For how many inodes that the kernel has forgotten file handles of the mount (`open_by_handle_at(2)`, NFS) can still
    /// be opened: those forgotten last. Each takes 136 bytes. 0: for none.
    public var remembered: Int
    /// How many files stay registered with the kernel after their last close, for a while (``keptFor``), so that opening
    /// them again costs no call. Each holds its inode in the kernel's memory, some 1.5 KiB, keeps its filesystem from being
    /// unmounted, and keeps the space of a file that others remove. 0: none.
    public var keptBackings: Int
    /// For how long at the most; nil: without limit.
    public var keptFor: Duration?
    /// For how long something is held that nobody uses: a descriptor, which keeps the space of a file that others remove; and
    /// what the kernel remembers of inodes on a mount within the source, which keeps that from being unmounted (from Linux 6.18
    /// on). A thread looks after it twice in that time, as long as anything is held.
    public var idleFor: Duration

    public init(
        cache: Cache = .auto, passthrough: Bool = true, submounts: Submounts = .cross,
        locks: Locks = .kernel, appends: Appends = .kernel, securityContexts: Bool = false, idMapped: Bool = false,
        xattrs: Xattrs = .on, permissions: Permissions = .mount, lockWaiters: Int = 128,
        remembered: Int = PassthroughOptions.defaultRemembered, keptBackings: Int = PassthroughOptions.defaultKeptBackings,
        keptFor: Duration? = .seconds(10), idleFor: Duration = .seconds(6)
    ) {
        self.cache = cache
        self.passthrough = passthrough
        self.submounts = submounts
        self.locks = locks
        self.appends = appends
        self.securityContexts = securityContexts
        self.idMapped = idMapped
        self.xattrs = xattrs
        self.permissions = permissions
        self.lockWaiters = lockWaiters
        self.remembered = remembered
        self.keptBackings = keptBackings
        self.keptFor = keptFor
        self.idleFor = idleFor
    }

    /// In milliseconds, how often to look for what is not used; a day at the most.
    var idlePeriod: Int {
        let time = min(max(idleFor, .zero), .seconds(86400)).components
        return max(1, Int(time.seconds) * 500 + Int(time.attoseconds / 2_000_000_000_000_000))
    }

    /// 16,384: some two mebibytes.
    public static var defaultRemembered: Int { 1 << 14 }

    /// 1,024: what a build or a working copy comes back to within seconds, for at most two mebibytes of kernel memory.
    public static var defaultKeptBackings: Int { 1 << 10 }
}
