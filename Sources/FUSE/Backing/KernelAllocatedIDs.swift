// SPDX-License-Identifier: MIT

import FUSEWire
import SystemPackage

/// The kernel allocates: Linux 6.9 and later. Where ids that a server chose are live on the same connection, its next
/// candidate may be one of them: EAGAIN, and the candidate after that is for the next attempt.
struct KernelAllocatedIDs: DialectCalls {
    var dialect: BackingDialect { .kernel }
    var takesIDs: Bool { false }
    /// A call is about a microsecond: they cost an open less than going without passthrough does.
    var attempts: Int { 64 }

    func open(_ file: FileDescriptor, as id: BackingID?, on transport: any Transport) throws(Errno) -> BackingID {
        try transport.openBacking(BackingMap(fd: file.rawValue))
    }
}
