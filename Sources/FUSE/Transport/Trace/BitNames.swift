// SPDX-License-Identifier: MIT

import CLinux
import Glibc

/// Words of bits that belong to system calls rather than to FUSE. What has no name is kept as a number.
struct BitNames {
    /// The values that a part of the word can have; the first one is shown for 0.
    private var choice: (mask: UInt32, names: [(value: UInt32, name: String)]) = (0, [])
    private var bits: [(bits: UInt32, name: String)]

    private init(_ bits: [(UInt32, String)], choice mask: UInt32 = 0, _ names: [(UInt32, String)] = []) {
        self.bits = bits
        choice = (mask, names)
    }

    func describe(_ value: UInt32) -> String {
        var parts: [String] = []
        var rest = value
        if let chosen = choice.names.first(where: { $0.value == value & choice.mask }) {
            parts.append(chosen.name)
            rest &= ~choice.mask
        }
        for (bits, name) in bits where rest & bits == bits {
            parts.append(name)
            rest &= ~bits
        }
        if rest != 0 { parts.append("0x" + String(rest, radix: 16)) }
        return parts.joined(separator: "|")
    }

    /// open(2). The largest sets first: `O_TMPFILE` holds `O_DIRECTORY`, and `O_SYNC` holds `O_DSYNC`.
    static let open = BitNames(
        [
            (UInt32(CLINUX_O_TMPFILE), "O_TMPFILE"), (UInt32(O_CREAT), "O_CREAT"), (UInt32(O_EXCL), "O_EXCL"),
            (UInt32(O_NOCTTY), "O_NOCTTY"), (UInt32(O_TRUNC), "O_TRUNC"), (UInt32(O_APPEND), "O_APPEND"),
            (UInt32(O_NONBLOCK), "O_NONBLOCK"), (UInt32(O_SYNC), "O_SYNC"), (UInt32(O_DSYNC), "O_DSYNC"),
            (UInt32(O_ASYNC), "O_ASYNC"), (UInt32(CLINUX_O_DIRECT), "O_DIRECT"), (0o100000, "O_LARGEFILE"),
            (UInt32(CLINUX_O_DIRECTORY), "O_DIRECTORY"), (UInt32(CLINUX_O_NOFOLLOW), "O_NOFOLLOW"),
            (UInt32(CLINUX_O_NOATIME), "O_NOATIME"), (UInt32(CLINUX_O_CLOEXEC), "O_CLOEXEC"), (UInt32(CLINUX_O_PATH), "O_PATH"),
            // How execve(2) opens: `FMODE_EXEC` in include/linux/fs.h.
            (0o40, "FMODE_EXEC"),
        ],
        choice: 3, [(0, "O_RDONLY"), (1, "O_WRONLY"), (2, "O_RDWR")])

    /// renameat2(2).
    static let rename = BitNames([(1, "RENAME_NOREPLACE"), (2, "RENAME_EXCHANGE"), (4, "RENAME_WHITEOUT")])

    /// access(2).
    static let access = BitNames([(4, "R_OK"), (2, "W_OK"), (1, "X_OK")], choice: 7, [(0, "F_OK")])

    /// setxattr(2).
    static let setxattr = BitNames([(1, "XATTR_CREATE"), (2, "XATTR_REPLACE")])

    /// fallocate(2).
    static let fallocate = BitNames([
        (0x01, "KEEP_SIZE"), (0x02, "PUNCH_HOLE"), (0x04, "NO_HIDE_STALE"), (0x08, "COLLAPSE_RANGE"), (0x10, "ZERO_RANGE"),
        (0x20, "INSERT_RANGE"), (0x40, "UNSHARE_RANGE"),
    ])

    /// lseek(2).
    static let seek = BitNames(
        [], choice: .max, [(0, "SEEK_SET"), (1, "SEEK_CUR"), (2, "SEEK_END"), (3, "SEEK_DATA"), (4, "SEEK_HOLE")])

    /// fcntl(2), on locks.
    static let lock = BitNames([], choice: .max, [(0, "F_RDLCK"), (1, "F_WRLCK"), (2, "F_UNLCK")])

    /// poll(2).
    static let poll = BitNames([
        (0x001, "POLLIN"), (0x002, "POLLPRI"), (0x004, "POLLOUT"), (0x008, "POLLERR"), (0x010, "POLLHUP"),
        (0x020, "POLLNVAL"), (0x040, "POLLRDNORM"), (0x080, "POLLRDBAND"), (0x100, "POLLWRNORM"), (0x200, "POLLWRBAND"),
        (0x400, "POLLMSG"), (0x2000, "POLLRDHUP"),
    ])

    /// statx(2): what is asked for, or filled in.
    static let statx = BitNames([
        (0x7ff, "BASIC_STATS"), (0x001, "TYPE"), (0x002, "MODE"), (0x004, "NLINK"), (0x008, "UID"), (0x010, "GID"),
        (0x020, "ATIME"), (0x040, "MTIME"), (0x080, "CTIME"), (0x100, "INO"), (0x200, "SIZE"), (0x400, "BLOCKS"),
        (0x800, "BTIME"), (0x1000, "MNT_ID"), (0x2000, "DIOALIGN"), (0x4000, "MNT_ID_UNIQUE"), (0x8000, "SUBVOL"),
        (0x10000, "WRITE_ATOMIC"), (0x20000, "DIO_READ_ALIGN"),
    ])
    /// statx(2): how.
    static let statxHow = BitNames([(0x2000, "AT_STATX_FORCE_SYNC"), (0x4000, "AT_STATX_DONT_SYNC")])
}
