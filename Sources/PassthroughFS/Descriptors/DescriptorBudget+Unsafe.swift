// SPDX-License-Identifier: MIT

import Glibc

/// How many descriptors the mirror may keep open for its own ease.
struct DescriptorBudget: Hashable, Sendable {
    /// For inodes, those aside that lost their last name.
    var inodes: Int
    /// For open files and directories.
    var openFiles: Int
    /// For inodes that lost their last name and are still in use: each keeps its descriptor. Beyond it there are other ways,
    /// see ``InodeTable/keep(_:)``.
    var nameless: Int

    /// Divides what the process may have open.
    /// - Parameters:
    ///   - limit: how many descriptors it may have.
    ///   - open: how many it has already.
    init(limit: Int, open: Int) {
        let left = max(0, limit - open)
        // For worker threads (a device descriptor each, and what an operation opens for a moment), and for what else
        // the process does.
        let reserve = min(max(32, left / 4), 1024)
        let budget = min(max(16, left - reserve), 2 * ClockRing.greatest)
        nameless = budget / 4
        inodes = (budget - nameless) / 2
        openFiles = budget - nameless - inodes
    }

    /// By what holds for the process now.
    init() {
        var limit = rlimit()
        // Safe: a local that the call fills in.
        let known = unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0
        // RLIM_INFINITY is all ones: not a number that Int holds.
        self.init(limit: known ? Int(clamping: limit.rlim_cur) : 1024, open: DescriptorBudget.openDescriptors)
    }

    /// How many descriptors the process has open.
    static var openDescriptors: Int {
        // From Linux 6.2 on the folder's size says it, which takes no descriptor: there may be none left.
        var status = stat()
        // Safe: a literal, and a structure that is filled within the call.
        if unsafe stat("/proc/self/fd", &status) == 0, status.st_size > 0 { return Int(status.st_size) }
        // Safe: the stream is used here alone, and closed.
        guard let folder = unsafe opendir("/proc/self/fd") else { return 0 }
        defer { unsafe closedir(folder) }
        var count = 0
        while unsafe readdir(folder) != nil { count += 1 }
        // Less `.`, `..` and the folder's own.
        return max(0, count - 3)
    }
}
