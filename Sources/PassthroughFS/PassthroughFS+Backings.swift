// SPDX-License-Identifier: MIT

public import FUSE
import Synchronization

// Files that the kernel reads and writes by itself, and has registered for that.

extension PassthroughFS {
    /// An inode's slot is its number: nothing is allocated for it, and nothing looked up. A slot is used again only when the
    /// kernel has forgotten its inode, and then with another generation.
    public var backings: BackingOptions {
        BackingOptions(
            ids: .chosen { node in BackingID(rawValue: Int32(truncatingIfNeeded: NodeAddress(node).slot)) },
            kept: options.keptBackings, keptFor: options.keptFor, stackDepth: stackDepth)
    }

    /// An inode has no name left, or so it seems: a registration must not hold its space once nobody has it open. Where the
    /// kernel knows that too it forgets the inode, which ends the registration as well; it does not know of names that others
    /// remove in the source.
    func dropBacking(of node: NodeID) { handedOver.backings.withLock { $0 }?.drop(node) }
}

/// What the kernel has been handed, while there is a connection.
final class HandedOver: Sendable {
    let backings = Mutex<Backings?>(nil)
}
