// SPDX-License-Identifier: MIT

import ArgumentParser
import FUSE

/// Mount options that lines of `/etc/fstab` carry for other FUSE filesystems, and for SELinux. Each is followed, changes
/// nothing here whether it is said or not, or is refused with what to say instead.
enum ForeignOption {
    typealias Change = @Sendable (inout MountRequest) -> Void

    /// What a word does; nil for a word that is not known here either. Throws where it would not do what it says.
    static func change(for word: String, hasSELinux: Bool = Self.hasSELinux) throws -> Change? {
        let pair = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map { String($0) }
        let (name, value) = (pair[0], pair.count == 2 ? pair[1] : nil)
        if let value, let change = try withValue(name, value, hasSELinux) { return change }
        if let reason = refused[name] { throw ValidationError("mount option '\(word)': \(reason)") }
        if let reason = idle[name] ?? (name.hasPrefix("splice_") || name.hasPrefix("no_splice_") ? idle["splice_read"] : nil) {
            return { $0.idleWords[word] = reason }
        }
        return nil
    }

    private static func withValue(_ name: String, _ value: String, _ hasSELinux: Bool) throws -> Change? {
        switch name {
        case "max_background":
            guard let number = UInt16(value), number > 0 else { throw ValidationError("mount option 'max_background' takes a number from 1 to 65535") }
            return { $0.options.session.maxBackground = number }
        case "attr_timeout", "entry_timeout", "negative_timeout":
            guard Double(value) == 1 else { return nil }
            return { $0.idleWords["\(name)=\(value)"] = "that is the default; cache=always and cache=none choose otherwise" }
        case "context", "fscontext", "defcontext", "rootcontext":
            guard hasSELinux else { return { $0.idleWords["\(name)=\(value)"] = "this machine runs no SELinux" } }
            return { $0.options.securityLabels[name] = value.replacing("\"", with: "") }
        default: return nil
        }
    }

    /// SELinux has a filesystem of its own where it runs, also where it only warns.
    private static var hasSELinux: Bool {
        guard let mounts = try? MountTable.entries() else { return false }
        return mounts.contains { $0.type == "selinuxfs" }
    }

    /// What is so in any case, or shows in nothing.
    private static let idle: [String: String] = [
        "nonempty": "a directory that is mounted on may hold what it likes",
        "big_writes": "requests are as large as the kernel makes them",
        "max_read": "requests are as large as the kernel makes them",
        "max_write": "requests are as large as the kernel makes them",
        "congestion_threshold": "it follows from max_background",
        "use_ino": "inode numbers are the source's",
        "readdir_ino": "inode numbers are the source's",
        "auto_unmount": "the mount goes when its process ends; only one that was killed leaves it, dead (passthroughfs unmount MOUNTPOINT clears it)",
        "hard_remove": "a file that is removed while it is open is removed at once; those who have it open keep it",
        "atomic_o_trunc": "it is so in any case",
        "async_read": "the kernel may ask for several parts of a file at a time",
        "sync_read": "what is read is the same, however many parts of a file the kernel asks for at a time",
        "splice_read": "the kernel moves the data of the source's files by itself",
        "writeback_cache": "what is written goes to the source's own cache",
        "intr": "calls can always be interrupted",
        "intr_signal": "calls can always be interrupted",
        "clone_fd": "it is so in any case",
        "auto_cache": "data is kept until a file is seen to have changed",
        "kernel_cache": "data is kept until a file is seen to have changed; cache=always keeps it in any case",
        "no_remote_lock": "the kernel keeps locks, unless locks=source says otherwise",
        "no_remote_flock": "the kernel keeps locks, unless locks=source says otherwise",
        "no_remote_posix_lock": "the kernel keeps locks, unless locks=source says otherwise",
        "mand": "Linux has no mandatory locks any more", "nomand": "Linux has no mandatory locks any more",
    ]

    /// What would not be so, and what to say instead.
    private static let refused: [String: String] = {
        let timeouts = "how long names and attributes are remembered, --cache says: auto (for a second), always or none (cache=none, as a mount option)"
        let owners = "files show the owners and modes that they have in the source (change them there)"
        let mounting = "mount(8) does that, this command does not (mount -t fuse.passthroughfs -o OPTIONS SOURCE MOUNTPOINT)"
        return [
            "attr_timeout": timeouts, "entry_timeout": timeouts, "negative_timeout": timeouts, "ac_attr_timeout": timeouts,
            "noauto_cache": "data is kept until a file is seen to have changed (cache=none keeps nothing)",
            "direct_io": "the source's filesystem caches data in any case (cache=none keeps no second copy)",
            "noforget": "file handles are kept for a number of files (--remember NUMBER)",
            "remember": "file handles are kept for a number of files, not for a time (--remember NUMBER)",
            "max_idle_threads": "threads that were started stay (max-threads=NUMBER bounds them)",
            "allow_root": "a mount is for one user or for all (allow_other)",
            "uid": owners, "gid": owners, "umask": owners, "fmask": owners, "dmask": owners,
            "X-mount.mkdir": mounting, "X-mount.owner": mounting, "X-mount.group": mounting, "X-mount.mode": mounting,
            "X-mount.idmap": owners, "X-mount.subdir": mounting,
        ]
    }()
}

extension MountRequest {
    /// Tells of words that change nothing, to those who want to hear more.
    func tellOfIdleWords(_ tell: (String) -> Void) {
        for (word, reason) in idleWords.sorted(by: { $0.key < $1.key }) { tell("mount option \(word) changes nothing: \(reason)") }
    }
}
