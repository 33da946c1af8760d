// SPDX-License-Identifier: MIT

public import SystemPackage

/// A file that the kernel is to read, write and map by itself: part of the answer to an open, see ``Opened/IO``.
///
/// It is a descriptor, and how that is given back. Whoever has this value owns it, and answering with it hands it to the session.
/// The session uses the descriptor while it decides how the open goes, and gives it back then, before the reply leaves: once,
/// whatever comes of the open; also where it was not passed through, and where the answer counts for nothing. The kernel keeps
/// a file of its own.
///
/// Any descriptor of a regular file will do. One opened with `O_PATH` is best: of a writable one the kernel would keep that right, so
/// that the file cannot be run as a program (ETXTBSY), nor its filesystem be remounted read-only (EBUSY).
public struct BackingFile: ~Copyable, Sendable {
    private enum Return: Sendable {
        case nothing
        case close
        case toOwner(any BackingFileOwner, token: UInt64)
    }

    public let descriptor: FileDescriptor
    private let end: Return

    /// For a descriptor that the filesystem keeps open anyway, at least until the answer has been given.
    public init(borrowing descriptor: FileDescriptor) {
        self.descriptor = descriptor
        end = .nothing
    }

    /// For a descriptor that was opened for this answer: it is closed.
    public init(owning descriptor: FileDescriptor) {
        self.descriptor = descriptor
        end = .close
    }

    /// For a descriptor whose users somebody else counts.
    /// - Parameters:
    ///   - descriptor: the file.
    ///   - owner: is told when the file is needed no longer.
    ///   - token: what the owner is told with it.
    public init(_ descriptor: FileDescriptor, owner: any BackingFileOwner, token: UInt64) {
        self.descriptor = descriptor
        end = .toOwner(owner, token: token)
    }

    deinit {
        switch end {
        case .nothing: break
        // What closing reports is nobody's concern: nothing was written.
        case .close: try? descriptor.close()
        case .toOwner(let owner, let token): owner.takeBack(descriptor, token: token)
        }
    }
}

/// Lends descriptors to answers: see ``BackingFile``.
public protocol BackingFileOwner: AnyObject, Sendable {
    /// A file is needed no longer. Called once for each, by the thread that used it last: mostly the one that serves the open, before
    /// the reply leaves. With a ``DeferredReply`` it may be any.
    func takeBack(_ descriptor: FileDescriptor, token: UInt64)
}
