// SPDX-License-Identifier: MIT

/// Wakes those who wait for an open file in `poll(2)`. Good for any number of times, while the file is open; after that it
/// does nothing. C counterpart: `fuse_pollhandle` of libfuse.
public struct PollWaker: Sendable {
    let handle: UInt64
    let notifier: Notifier

    /// Has the kernel ask again. From any thread, also from within a method.
    public func wake() { notifier.wake(self) }
}
