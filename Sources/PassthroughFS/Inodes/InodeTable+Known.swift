// SPDX-License-Identifier: MIT

import FUSE
import Synchronization

// From an inode to its node id, where it has one.

extension InodeTable {
    /// The node of an inode that the kernel knows, by its key.
    func known(device: UInt64, inode: UInt64) -> NodeID? {
        if isRoot(device: device, inode: inode) { return .root }
        let hash = InodeChains.hash(device: device, inode: inode)
        return stripes[InodeChains.stripe(of: hash)].withLock { state in
            var slot = chains.first(hash, of: state.chains)
            while slot != 0 {
                if records[Int(slot)].inode == inode, records[Int(slot)].device == device, records[Int(slot)].lookups > 0 {
                    return NodeAddress(slot: slot, generation: records[Int(slot)].slot.current.generation).node
                }
                slot = records[Int(slot)].next
            }
            return nil
        }
    }

    /// The node of an inode that is known, or remembered, by all of its key, with one lookup more; nil where it is not known.
    func retain(device: UInt64, inode: UInt64, handle: InodeHandle) -> NodeID? {
        let hash = InodeChains.hash(device: device, inode: inode)
        return stripes[InodeChains.stripe(of: hash)].withLock { state in
            var slot = chains.first(hash, of: state.chains)
            while slot != 0 {
                let index = Int(slot)
                if records[index].inode == inode, records[index].device == device, records[index].handle == handle,
                    records[index].restrictions.isEmpty {
                    addLookup(index, &state)
                    return NodeAddress(slot: slot, generation: records[index].slot.current.generation).node
                }
                slot = records[index].next
            }
            return nil
        }
    }
}
