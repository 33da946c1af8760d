// SPDX-License-Identifier: MIT

import Glibc
import SystemPackage

// From Linux 6.13 on ext4, XFS, btrfs and tmpfs give a change a time of its own if somebody has looked at the file's times since
// the one before (multigrain timestamps). Not where the filesystem has no room for such times, as an ext4 with small inodes has not;
// so it is tried out.

extension SystemCall {
    /// Whether, in the filesystem of a directory, two changes with a look at the times between them have different times, however
    /// soon they follow each other. It is tried on a file that never gets a name: nothing of it is to be seen in the directory, and it
    /// is gone with the call. False where that cannot be tried.
    static func hasFineTimes(_ directory: FileDescriptor) -> Bool {
        guard let file = try? createUnnamed(in: directory, flags: O_WRONLY, permissions: .ownerReadWrite) else { return false }
        defer { close(file) }
        guard var before = try? status(of: file).st_ctim else { return false }
        // Some microseconds each. By a clock of ticks at most a few of them would differ from the one before.
        for _ in 0..<16 {
            guard (try? chmod(file, .ownerReadWrite)) != nil, let after = try? status(of: file).st_ctim,
                after.tv_sec != before.tv_sec || after.tv_nsec != before.tv_nsec
            else { return false }
            before = after
        }
        return true
    }
}
