// SPDX-License-Identifier: MIT

import FUSE
import Glibc
import Synchronization
import SystemPackage

/// Lends descriptors as backing files, a new one each time, and keeps books of what comes back.
final class Lender: BackingFileOwner {
    struct Books {
        /// What each token stands for.
        var out: [UInt64: Int32] = [:]
        var lent: UInt64 = 0
        var wrong: [String] = []
    }

    let books = Mutex(Books())
    private let file: Int32

    /// - Parameter file: what the descriptors are duplicates of.
    init(_ file: FileDescriptor) { self.file = file.rawValue }

    func lend() -> BackingFile {
        let copy = dup(file)
        let token = books.withLock { books in
            books.lent += 1
            books.out[books.lent] = copy
            return books.lent
        }
        return BackingFile(FileDescriptor(rawValue: copy), owner: self, token: token)
    }

    func takeBack(_ descriptor: FileDescriptor, token: UInt64) {
        books.withLock { books in
            guard books.out.removeValue(forKey: token) == descriptor.rawValue else {
                return books.wrong.append("\(token) came back, and was not lent")
            }
            if close(descriptor.rawValue) != 0 { books.wrong.append("\(token) was closed") }
        }
    }

    /// How many are out.
    var out: Int { books.withLock { $0.out.count } }
    /// How many were lent so far.
    var lent: Int { books.withLock { Int($0.lent) } }
    var wrong: [String] { books.withLock { $0.wrong } }
}
