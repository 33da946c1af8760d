// SPDX-License-Identifier: MIT

import FUSE
import Logging

/// What the kernel remembers of this mount, and can be asked to forget.
///
/// The kernel keeps inodes that nobody uses until memory is short, which may be never. Where each holds a descriptor here, or
/// keeps something mounted in the source from being unmounted, that is too long.
///
/// From protocol 7.45 on (Linux 6.18) there is a notification for it, which touches nothing that is in use. Older kernels let
/// go of what a name stands for when the name is said to be stale. That reaches what is in use as well, so there it is done
/// only where descriptors run out, and not to directories: whoever works in one would lose it.
struct KernelMemory: Sendable {
    let notifier: Notifier
    /// Nodes that nobody uses can be forgotten by their number.
    let canPrune: Bool
    let logger: Logger

    /// So many nodes go into one notification: the kernel looks at them one after the other.
    private static var batch: Int { 1024 }

    init(_ connection: Connection, logger: Logger) {
        notifier = connection.notifier
        canPrune = connection.protocolMinor >= 45
        self.logger = logger
    }

    /// Has nodes forgotten that nobody uses; in this order, so what is in a directory comes before it. Where the queue of
    /// notifications is full, some stay for the next time.
    func prune(_ nodes: [NodeID]) {
        var rest = nodes[...]
        while !rest.isEmpty {
            do throws(NotificationError) { try notifier.send(.prune(Array(rest.prefix(Self.batch)))) } catch { return }
            rest = rest.dropFirst(Self.batch)
        }
    }

    /// Has what a name stands for forgotten.
    func drop(_ name: String, in parent: NodeID) { try? notifier.send(.entry(parent: parent, name: name)) }
}
