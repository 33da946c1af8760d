// SPDX-License-Identifier: MIT

import CLinux
import Glibc
package import SystemPackage

/// The system calls of mounting.
package enum MountCalls {
    static var effectiveUser: UInt32 { geteuid() }
    static var user: UInt32 { getuid() }
    static var group: UInt32 { getgid() }

    /// The path from the root, without links.
    package static func realPath(_ path: String) throws(Errno) -> String {
        // Safe: the buffer that realpath(3) makes is freed here.
        guard let resolved = unsafe realpath(path, nil) else { throw Errno(rawValue: errno) }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }

    /// A device's number as `stat(2)` has it. C counterpart: `makedev(3)`.
    static func deviceNumber(_ major: Int, _ minor: Int) -> UInt64 {
        let (major, minor) = (UInt64(major), UInt64(minor))
        return (major & 0xfff) << 8 | (major & ~0xfff) << 32 | minor & 0xff | (minor & ~0xff) << 12
    }

    static func mode(of path: String) throws(Errno) -> mode_t {
        var status = stat()
        // Safe: the structure is filled within the call.
        _ = try unsafe SystemCall.result(stat(path, &status))
        return status.st_mode
    }

    static func mount(_ source: String, at target: String, type: String, flags: UInt, data: String) throws(Errno) {
        // Safe: strings lent for the call.
        _ = try unsafe SystemCall.result(clinux_mount(source, target, type, flags, data))
    }

    static func unmount(_ target: String, flags: Int) throws(Errno) {
        // Safe: a string lent for the call.
        _ = try unsafe SystemCall.result(clinux_umount2(target, CInt(flags)))
    }

    /// Unmounts: as root by itself, as another user by `fusermount3`.
    static func unmountAsAnyone(_ target: String, flags: Int) throws(MountError) {
        do throws(Errno) { try unmount(target, flags: flags) } catch {
            guard error == .notPermitted, effectiveUser != 0 else { throw .unmount(target, error) }
            try Fusermount.unmount(target, lazily: flags & CLINUX_MNT_DETACH != 0)
        }
    }
}
