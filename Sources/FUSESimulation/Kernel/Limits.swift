// SPDX-License-Identifier: MIT

/// Numbers of Linux that callers can see.
enum Limits {
    /// PATH_MAX less the NUL. The longest name that FUSE sends, since Linux 6.16; it was 1,024 before.
    static let path = 4095
    /// Symbolic links on the way through one path. C counterpart: `MAXSYMLINKS`.
    static let links = 40
    /// XATTR_NAME_MAX, XATTR_SIZE_MAX.
    static let xattrName = 255, xattrSize = 65536
    static let page = 4096
    /// The largest file: MAX_LFS_FILESIZE.
    static let fileSize = UInt64(Int64.max)
    static let descriptors = 1024
}
