// SPDX-License-Identifier: MIT

import SystemPackage

/// How the reads and writes of an open should go: what ``Opened/IO`` says, without the backing file that it owns. Good as long as
/// that is.
struct OpenWish {
    /// What is to be registered for it; nil where the kernel is not to do it.
    let backing: FileDescriptor?
    /// Its reads and writes are the kernel's.
    let passesData: Bool
    /// How it goes where it is not passed through.
    let served: Opened.IO.Served
    /// For whom it is to be registered.
    let opener: Opened.IO.Opener?

    var isPassthrough: Bool { backing != nil }

    init(_ io: borrowing Opened.IO) {
        backing = io.descriptor
        passesData = io.mode == .passthrough
        served = io.served
        opener = io.opener
    }
}
