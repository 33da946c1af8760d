// SPDX-License-Identifier: MIT

import Glibc

/// How many threads serve a mount.
public struct ThreadLimits: Hashable, Sendable {
    /// Threads from the start, 1 or more; over io_uring one for each of its queues.
    public let initial: Int
    /// Threads at the most; over io_uring, those that are inside calls. As many operations can block in handlers, less one, before others have to wait.
    public let maximum: Int
    /// Threads that may wait for requests at the same time; above that one that has finished ends.
    public let idle: Int

    public init(initial: Int = ThreadLimits.processorCount, maximum: Int = 256) {
        self.initial = max(1, initial)
        self.maximum = max(self.initial, maximum)
        idle = self.initial + 8
    }
}

extension ThreadLimits {
    /// The processors that this process may use.
    public static var processorCount: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
}
