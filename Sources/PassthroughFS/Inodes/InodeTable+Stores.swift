// SPDX-License-Identifier: MIT
//
// Files that may be stored into through a mapping. The kernel maps a file that is passed through by itself, and says nothing of
// stores, nor does it drop what it remembers of the file's times. So while somebody may store, it is to remember no attributes of
// it: each `stat(2)` of such a file is a request, and shows what the source shows.
//
// That takes an open for reading and writing. A mapping outlives the close of its file, though: so the last such close does
// not end it, but the first look after that which finds nobody who has the source's file open for writing. A mapping counts
// there, as it has the file open.
//
// Shared state: a word of the record, relaxed: it orders nothing. An open counts itself before it is answered.

import FUSE
import Synchronization
import SystemPackage

/// The word: how many have the file open so that they can store, and, from the first one on, a mark that lasts longer.
private enum StoreState {
    static var mark: UInt64 { 1 << 63 }
    static var count: UInt64 { mark - 1 }
}

extension InodeTable {
    /// The file of an inode in use is opened for reading and writing.
    func addStorer(to node: NodeID) {
        let word = Int(NodeAddress(node).slot)
        if records[word].stores.wrappingAdd(1, ordering: .relaxed).oldValue & StoreState.mark == 0 {
            records[word].stores.bitwiseOr(StoreState.mark, ordering: .relaxed)
        }
    }

    /// One of them has closed it. The kernel knows the inode until that is answered.
    func removeStorer(from node: NodeID) {
        let address = NodeAddress(node)
        guard Int(address.slot) < records.count, records[Int(address.slot)].slot.pin(address.generation) != nil else { return }
        defer { unpin(address.slot) }
        let word = Int(address.slot)
        var seen = records[word].stores.load(ordering: .relaxed)
        while seen & StoreState.count > 0 {
            let (exchanged, original) = records[word].stores.weakCompareExchange(expected: seen, desired: seen &- 1, ordering: .relaxed)
            if exchanged { return }
            seen = original
        }
    }

    /// Whether somebody may store into the file of an inode that is known.
    ///
    /// `isWritten`: whether somebody has it open for writing. Asked where nobody has it open here any more.
    func mayBeStored(_ node: NodeID, isWritten: () -> Bool) -> Bool {
        let word = Int(NodeAddress(node).slot)
        let seen = records[word].stores.load(ordering: .relaxed)
        if seen == 0 { return false }
        if seen & StoreState.count > 0 || isWritten() { return true }
        // Somebody may have opened it meanwhile.
        _ = records[word].stores.compareExchange(expected: StoreState.mark, desired: 0, ordering: .relaxed)
        return false
    }
}
