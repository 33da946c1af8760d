// SPDX-License-Identifier: MIT

public import SystemPackage

/// Why a directory cannot be mirrored. Its description names it, the cause, and what would help.
public struct SourceError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The source, as it was named.
    public let source: String
    /// What the system said.
    public let cause: Errno

    /// What a mirror needs besides its source.
    static let processes = "/proc"

    public init(source: String, cause: Errno) {
        self.source = source
        self.cause = cause
    }

    public var description: String {
        switch cause {
        case .notDirectory: "\(source): not a directory (source must be one)"
        case .noSuchFileOrDirectory where source == Self.processes: "\(source): not mounted (mount -t proc proc \(source))"
        case .noSuchFileOrDirectory: "\(source): no such directory (create it, or name one that exists)"
        case .permissionDenied: "\(source): permission denied (run as root, or as a user who may search it)"
        case .tooManySymbolicLinkLevels: "\(source): too many symbolic links (name the directory that they lead to)"
        case .badFileDescriptor: "\(source): not open (open the directory first)"
        case .tooManyOpenFiles: "\(source): too many open files (raise the limit, see ulimit -n)"
        case .noMemory: "\(source): no address space for the inode table (raise the limit, see ulimit -v)"
        default: "\(source): \(cause.description.lowercased()) (cannot be used as a source)"
        }
    }
}
