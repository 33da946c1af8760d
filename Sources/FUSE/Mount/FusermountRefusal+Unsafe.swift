// SPDX-License-Identifier: MIT

import Glibc
import SystemPackage

/// Why the kernel refused `fusermount3` a mount that it had found right itself.
struct FusermountRefusal {
    let cause: String
    let remedy: String
    let errno: Errno

    /// By the helper's message, `mount failed: ` and the system's text; nil for any other.
    init?(_ message: String) {
        guard let range = message.firstRange(of: "mount failed: ") else { return nil }
        let reason = String(message[range.upperBound...])
        switch reason {
        // The helper is root where it mounts: of the kernel itself, root never hears this.
        case Errno.permissionDenied.description:
            cause = "a security module does not let fusermount3 mount here; AppArmor on Ubuntu allows few places"
            remedy = Self.elsewhere
            errno = .permissionDenied
        case Errno.notPermitted.description where Self.isPrivileged == false:
            cause = "fusermount3 may not mount, as it is not set-user-id root"
            remedy = "install the package fuse3 anew, or run as root"
            errno = .notPermitted
        case Errno.notPermitted.description where Self.hasProfile:
            cause = "fusermount3 was not allowed to mount here, perhaps by its AppArmor profile"
            remedy = Self.elsewhere
            errno = .notPermitted
        case Errno.notPermitted.description:
            cause = "fusermount3 was not allowed to mount here: this container or user namespace may not"
            remedy = "mount outside of it, or give it CAP_SYS_ADMIN"
            errno = .notPermitted
        default: return nil
        }
    }

    private static let elsewhere =
        "mount below your home directory, /mnt, /media or /tmp, or allow this place in /etc/apparmor.d/local/fusermount3"

    /// The profile as packages install it. Safe: a literal.
    private static var hasProfile: Bool { unsafe access("/etc/apparmor.d/fusermount3", F_OK) == 0 }

    /// Whether the helper is set-user-id root; nil where it is not found.
    private static var isPrivileged: Bool? {
        // Safe: the environment is not changed by this library, and the structure is filled within the call.
        let path = unsafe getenv("PATH").map { unsafe String(cString: $0) } ?? "/usr/bin:/bin"
        for directory in path.split(separator: ":") {
            var status = stat()
            guard unsafe stat("\(directory)/fusermount3", &status) == 0 else { continue }
            return status.st_uid == 0 && status.st_mode & S_ISUID != 0
        }
        return nil
    }
}
