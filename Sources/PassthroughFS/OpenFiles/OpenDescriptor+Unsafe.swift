// SPDX-License-Identifier: MIT

import SystemPackage

/// An open file in use by an operation: while it lives, its descriptor stays open and stays this file's. It is given back
/// by going out of scope.
@safe
struct OpenDescriptor: ~Copyable {
    let descriptor: FileDescriptor
    let slot: UInt32
    private unowned(unsafe) let table: OpenFiles

    init(_ descriptor: FileDescriptor, slot: UInt32, table: OpenFiles) {
        self.descriptor = descriptor
        self.slot = slot
        unsafe self.table = table
    }

    // Safe: as an inode's, see there.
    deinit { unsafe table.unpin(slot) }
}
