// SPDX-License-Identifier: MIT

import FUSE
import SystemPackage

// A pin that goes into an answer, as the backing file of an open, comes back by an owner that the answer holds. That is
// a counted reference: an answer is a value that can be kept, and the table must live until its pin is back. One count for all
// inodes would be a line of memory that all threads write to at each open, so there is an owner for each stripe of slots.

/// Takes back the pins of one stripe's inodes.
final class LentInodes: BackingFileOwner {
    private let table: InodeTable
    /// Keeps the counts of two of them apart.
    private let padding: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0)

    init(_ table: InodeTable) { self.table = table }

    func takeBack(_ descriptor: FileDescriptor, token: UInt64) { table.unpin(UInt32(truncatingIfNeeded: token)) }
}

/// An owner for each stripe. Whoever has these keeps the table.
struct InodeLenders: ~Copyable, Sendable {
    private let owners: InlineArray<64, LentInodes>

    init(_ table: InodeTable) { owners = InlineArray { _ in LentInodes(table) } }

    /// A backing file that holds the pin of a slot.
    func lend(_ descriptor: FileDescriptor, of slot: UInt32) -> BackingFile {
        BackingFile(descriptor, owner: owners[SlotStripe.stripe(of: slot)], token: UInt64(slot))
    }
}
