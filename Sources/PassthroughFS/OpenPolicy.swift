// SPDX-License-Identifier: MIT

public import FUSE
public import SystemPackage

/// Decides how each file is opened: asked before every open of a regular file, and before and after every create.
///
///     let mirror = try PassthroughFS(source: "/srv/data") { question in
///         question.path?.hasSuffix(".log") == true ? .throughDaemon : .passThrough
///     }
///
/// It is called from several threads at once. The kernel may keep files open, and their content, for longer than the
/// answer holds: it is asked when a file is opened, not when it is read.
public typealias OpenPolicy = @Sendable (borrowing OpenQuestion) -> OpenDecision

/// How an open file's reads and writes go, or why it is not opened.
public enum OpenDecision: Hashable, Sendable {
    /// It is not opened, and the user sees this error.
    case deny(Errno)
    /// Each read and write comes to the mirror: what a file is given that is to be watched, or must not be handed to the
    /// kernel.
    case throughDaemon
    /// The kernel reads and writes the source's file by itself, where it can. What is open of a file already decides for
    /// later opens of it: see `Opened.IO`.
    case passThrough
}

/// What a policy is asked.
public struct OpenQuestion: ~Copyable {
    public let open: OpenRequest
    /// Who asks: `Request.caller`.
    public let request: Request
    /// The file in the source; where it is to be created, the directory that it comes into. An `O_PATH` descriptor: good
    /// for `fstat` and the like, for the time of the call.
    public let file: FileDescriptor
    /// The name of a file that is to be created; nil for one that is there, and for one that never gets a name.
    public let newName: String?
    /// The file is to be created: refusing is possible, and nothing has been done yet.
    public let isToBeCreated: Bool

    /// The path in the source at this moment, by any of the file's names, as the kernel remembers it: to be shown, or to
    /// pick by, not to decide who may do what; for that ask ``file`` (`fstat`, attributes). Nil where it has none any more (or
    /// ends in ` (deleted)`, which is how `/proc` shows that).
    public var path: String? {
        guard let path = SystemCall.path(of: file), !path.hasSuffix(" (deleted)") else { return nil }
        return newName.map { path + "/" + $0 } ?? path
    }
}
