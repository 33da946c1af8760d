// SPDX-License-Identifier: MIT

import FUSE
import Synchronization
import SystemPackage

/// A directory of any number of entries, each looked up only where it fits. Lookups are counted by node.
final class ListingFS: FileSystem {
    let names: [String]
    private let counts = Mutex<[NodeID: Int]>([:])

    init(names: [String]) { self.names = names }

    var capabilities: Capabilities { .doReaddirplus }

    /// The nodes that the kernel still knows, and how often.
    var lookups: [NodeID: Int] { counts.withLock { $0 } }

    static func node(of index: Int) -> NodeID { NodeID(rawValue: UInt64(index + 100)) }

    private func entry(_ index: Int) -> Entry {
        counts.withLock { $0[Self.node(of: index), default: 0] += 1 }
        return Entry(node: Self.node(of: index), attributes: .file(inode: UInt64(index + 100), size: 0))
    }

    func forget(_ node: NodeID, lookups: UInt64) {
        counts.withLock { counts in
            let left = counts[node, default: 0] - Int(lookups)
            counts[node] = left == 0 ? nil : left
        }
    }

    func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry {
        let name = name.string
        guard let index = names.firstIndex(of: name) else { throw .noSuchFileOrDirectory }
        return entry(index)
    }

    func getattr(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        AttributesReply(.directory(inode: 1))
    }

    func readdir(_ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryWriter, for request: Request) throws(Errno) {
        for index in Int(offset.rawValue)..<max(names.count, Int(offset.rawValue)) {
            let next = DirectoryOffset(rawValue: UInt64(index + 1))
            guard entries.add(names[index], inode: UInt64(index + 100), type: .regular, next: next) else { return }
        }
    }

    func readdirplus(
        _ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryPlusWriter, for request: Request
    ) throws(Errno) {
        for index in Int(offset.rawValue)..<max(names.count, Int(offset.rawValue)) {
            let name = names[index]
            guard entries.hasRoom(forNameOf: name.utf8.count) else { return }
            let isDots = name == "." || name == ".."
            // For the dots a node is given too, and not counted: the kernel does not count it either.
            let entry = isDots ? Entry(node: 100, attributes: .directory(inode: 1)) : entry(index)
            let fits = entries.add(
                [UInt8](name.utf8).raw, entry: entry, inode: UInt64(index + 100), type: .regular,
                next: DirectoryOffset(rawValue: UInt64(index + 1)))
            precondition(fits, "there was room, and then there was none")
        }
    }
}
