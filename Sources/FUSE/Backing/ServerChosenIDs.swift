// SPDX-License-Identifier: MIT

import FUSEWire
import SystemPackage

/// The server chooses: `FUSE_BACKING_FLAG_SERVER_ID`. EEXIST where the id is live.
struct ServerChosenIDs: DialectCalls {
    var dialect: BackingDialect { .server }
    var takesIDs: Bool { true }
    var attempts: Int { 1 }

    func open(_ file: FileDescriptor, as id: BackingID?, on transport: any Transport) throws(Errno) -> BackingID {
        guard let id, id.rawValue > 0 else { throw .invalidArgument }
        return try transport.openBacking(
            BackingMap(fd: file.rawValue, flags: BackingFlags.serverID.rawValue, id: UInt64(id.rawValue)))
    }
}
