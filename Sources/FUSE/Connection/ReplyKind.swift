// SPDX-License-Identifier: MIT

import FUSEWire

/// What the reply to an operation is made of. It decides which `reply` of a ``DeferredReply`` fits.
enum ReplyKind {
    case nothing, entry, attributes, statistics, opened, created, openedDirectory, count, data, value, entries, lock, events, command
}

extension Opcode {
    /// Nil for what cannot be deferred: what nobody waits for, and what no method of a filesystem stands for.
    var replyKind: ReplyKind? {
        switch self {
        case .unlink, .rmdir, .rename, .rename2, .access, .flush, .fsync, .fallocate, .setlk, .setlkw, .fsyncdir, .syncfs, .setxattr,
            .removexattr:
            .nothing
        case .lookup, .mknod, .mkdir, .symlink, .link: .entry
        case .getattr, .setattr, .statx: .attributes
        case .statfs: .statistics
        case .open: .opened
        case .create, .tmpfile: .created
        case .opendir: .openedDirectory
        case .write, .copyFileRange, .copyFileRange64, .lseek: .count
        case .read, .readlink: .data
        case .getxattr, .listxattr: .value
        case .readdir, .readdirplus: .entries
        case .getlk: .lock
        case .poll: .events
        case .ioctl: .command
        default: nil
        }
    }
}
