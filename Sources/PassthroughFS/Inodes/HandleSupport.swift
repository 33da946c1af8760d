// SPDX-License-Identifier: MIT

import SystemPackage

/// Whether a mirror can hold inodes by kernel file handle. Where it cannot, each inode that the kernel knows takes a
/// descriptor of the process, and the tree in use is bounded by `ulimit -n`.
public enum HandleSupport: Hashable, Sendable {
    case available
    case unavailable(reason: String, remedy: String)

    /// Which call said so.
    enum Call {
        case name(Errno)
        case open(Errno)
    }

    struct Missing: Error {
        let reason: String
        let remedy: String

        init(_ call: Call) {
            switch call {
            case .name(.notSupported):
                reason = "its filesystem has no handles that last"
                remedy = "raise the limit of descriptors, see ulimit -n"
            case .name(.overflow):
                reason = "its filesystem's handles are longer than \(InodeHandle.capacity) bytes"
                remedy = "raise the limit of descriptors, see ulimit -n"
            case .open(.notPermitted):
                reason = "the process lacks CAP_DAC_READ_SEARCH"
                remedy = "run as root, or raise the limit of descriptors, see ulimit -n"
            case .name(let error), .open(let error):
                reason = "\(error)"
                remedy = "raise the limit of descriptors, see ulimit -n"
            }
        }
    }

    /// Filesystems that give handles, and open them only while the inode happens to be in memory, FUSE and vfat: a handle
    /// does not replace a descriptor there. Their f_type, from `linux/magic.h`.
    static func isForgetful(type: Int64) -> Bool { [0x6573_5546, 0x4d44].contains(type & 0xffff_ffff) }
}
