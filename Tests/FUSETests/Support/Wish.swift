// SPDX-License-Identifier: MIT

import SystemPackage

@testable import FUSE

/// How opens are to go, to be kept and answered with again and again: an `Opened.IO` is gone when it has been used. Its files
/// are the test's, which keeps them open, or are counted.
struct Wish: Sendable, CustomStringConvertible {
    let description: String
    private let make: @Sendable () -> Opened.IO

    private init(_ description: String, _ make: @escaping @Sendable () -> Opened.IO) {
        self.description = description
        self.make = make
    }

    var io: Opened.IO { make() }

    static let cached = Wish("cached") { .cached }
    static let keepingCache = Wish("keepingCache") { .keepingCache }
    static let direct = Wish("direct") { .direct }

    static func passthrough(
        _ file: FileDescriptor, otherwise: Opened.IO.Served = .cached, for opener: Opened.IO.Opener = Opened.IO.Opener()
    ) -> Wish {
        Wish("passthrough") { .passthrough(BackingFile(borrowing: file), otherwise: otherwise, for: opener) }
    }

    static func passthroughDirect(
        _ file: FileDescriptor, otherwise: Opened.IO.Served = .cached, for opener: Opened.IO.Opener = Opened.IO.Opener()
    ) -> Wish {
        Wish("passthroughDirect") { .passthroughDirect(BackingFile(borrowing: file), otherwise: otherwise, for: opener) }
    }

    static func passthrough(from lender: Lender) -> Wish { Wish("passthrough, lent") { .passthrough(lender.lend()) } }
}

extension InodeBackings {
    func admit(_ node: NodeID, _ wish: Wish) -> Admission {
        let io = wish.io
        let admission = admit(node, OpenWish(io))
        _ = consume io
        return admission
    }
}
