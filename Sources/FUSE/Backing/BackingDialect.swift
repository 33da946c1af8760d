// SPDX-License-Identifier: MIT

import FUSEWire
import SystemPackage

/// Who hands out the ids of backing files on a connection. Found out when the session starts, and true for its life.
public enum BackingDialect: String, Hashable, Sendable {
    /// The kernel does: Linux 6.9 and later.
    case kernel
    /// The server does: kernels that know `FUSE_BACKING_FLAG_SERVER_ID`.
    case server
}

/// How one kind of kernel wants backing files registered and taken back. A dialect is a file with a type of this kind,
/// and a line in `findDialect`.
protocol DialectCalls: Sendable {
    var dialect: BackingDialect { get }
    /// Whether ``open(_:as:on:)`` takes an id.
    var takesIDs: Bool { get }
    /// How often to ask in all while the answer is EAGAIN.
    var attempts: Int { get }

    /// Registers a file.
    /// - Parameter id: the server's choice, where ``takesIDs``.
    func open(_ file: FileDescriptor, as id: BackingID?, on transport: any Transport) throws(Errno) -> BackingID

    /// Takes a registration back.
    func close(_ id: BackingID, on transport: any Transport) throws(Errno)
}

extension DialectCalls {
    func close(_ id: BackingID, on transport: any Transport) throws(Errno) { try transport.closeBacking(id) }

    /// ``open(_:as:on:)``, asked again while the kernel says so: each time it has stepped on to another id.
    /// - Parameter again: called before each further attempt.
    func openAgain(
        _ file: FileDescriptor, as id: BackingID?, on transport: any Transport, again: () -> Void = {}
    ) throws(Errno) -> BackingID {
        for _ in 1..<attempts {
            do throws(Errno) { return try open(file, as: id, on: transport) } catch .resourceTemporarilyUnavailable { again() }
        }
        return try open(file, as: id, on: transport)
    }
}

/// Finds out which dialect a connection speaks, by registering a file and taking it back.
///
/// EINVAL to a server's id for a regular file: to this kernel the last word of the request is padding, which must be 0.
/// - Parameter file: a regular file's.
/// - Throws: what stands against registering files at all.
func findDialect(on transport: any Transport, with file: FileDescriptor) throws(Errno) -> any DialectCalls {
    let chosen = ServerChosenIDs()
    do throws(Errno) {
        try chosen.close(chosen.open(file, as: BackingID(rawValue: 1), on: transport), on: transport)
        return chosen
    } catch .fileExists {
        // Refused for the id alone.
        return chosen
    } catch .invalidArgument {
        let allocated = KernelAllocatedIDs()
        try allocated.close(allocated.openAgain(file, as: nil, on: transport), on: transport)
        return allocated
    }
}
