// SPDX-License-Identifier: MIT

import FUSE
import SystemPackage

/// A root directory with files that all hold the same text. The others here are made of it.
protocol TinyFS: FileSystem {
    /// The names in the root: the first is node 2, the next node 3.
    var names: [String] { get }
    var text: String { get }
    /// How long the kernel may keep what it is told.
    var timeout: Timeout { get }
}

extension TinyFS {
    var text: String { "Hello, world!\n" }
    var timeout: Timeout { .seconds(1) }

    func attributes(of node: NodeID) throws(Errno) -> Attributes {
        if node == .root { return .directory(inode: 1) }
        guard node.rawValue >= 2, node.rawValue < UInt64(names.count + 2) else { throw .noSuchFileOrDirectory }
        return .file(inode: node.rawValue, size: UInt64(text.utf8.count))
    }

    func entry(_ name: borrowing Name, in parent: NodeID) throws(Errno) -> Entry {
        let name = name.string
        guard parent == .root, let index = names.firstIndex(of: name) else { throw .noSuchFileOrDirectory }
        let node = NodeID(rawValue: UInt64(index + 2))
        return Entry(node: node, attributes: try attributes(of: node), entryTimeout: timeout, attributesTimeout: timeout)
    }

    func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry {
        try entry(name, in: parent)
    }

    func getattr(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        AttributesReply(try attributes(of: node), timeout: timeout)
    }

    func readdir(_ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryWriter, for request: Request) throws(Errno) {
        for (index, name) in names.enumerated().dropFirst(Int(offset.rawValue)) {
            let next = DirectoryOffset(rawValue: UInt64(index + 1))
            guard entries.add(name, inode: UInt64(index + 2), type: .regular, next: next) else { return }
        }
    }

    func read(_ file: OpenFile, at offset: UInt64, into output: inout DataWriter, for request: Request) throws(Errno) {
        for byte in text.utf8.dropFirst(Int(clamping: offset)).prefix(output.freeCapacity) { output.append(byte) }
    }
}

/// One file.
struct OneFileFS: TinyFS {
    let names = ["hello"]
}
