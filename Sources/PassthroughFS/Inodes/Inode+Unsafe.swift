// SPDX-License-Identifier: MIT

import FUSE
import SystemPackage

/// An inode in use by an operation: while it lives, its descriptor stays open and stays this inode's, whatever is
/// forgotten or evicted meanwhile. It is given back by going out of scope.
@safe
struct Inode: ~Copyable {
    /// An `O_PATH` descriptor.
    let descriptor: FileDescriptor
    /// `S_IFMT` bits.
    let type: UInt32
    /// What its mount rules out that the source's does not: nothing on the source's own.
    let restrictions: MountRestrictions
    /// The device that it is on.
    let device: UInt64
    private let slot: UInt32
    private unowned(unsafe) let table: InodeTable

    init(
        descriptor: FileDescriptor, type: UInt32, restrictions: MountRestrictions, device: UInt64, slot: UInt32, table: InodeTable
    ) {
        self.descriptor = descriptor
        self.type = type
        self.restrictions = restrictions
        self.device = device
        self.slot = slot
        unsafe self.table = table
    }

    // Safe: a pin lives within an operation of the filesystem that owns the table. A counted reference would cost two
    // atomic steps on a line that all threads share.
    deinit { unsafe table.unpin(slot) }

    /// Its descriptor, for the kernel to register: the pin goes into the answer, and comes back when that has been used.
    consuming func asBackingFile(of lenders: borrowing InodeLenders) -> BackingFile {
        let file = lenders.lend(descriptor, of: slot)
        discard self
        return file
    }
}
