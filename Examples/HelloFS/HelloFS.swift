// SPDX-License-Identifier: MIT
//
// A whole filesystem: one file, `hello`. Run it as root: HelloFS MOUNTPOINT

import FUSE
import SystemPackage

struct HelloFS: FileSystem {
    func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry {
        guard parent == .root, name == "hello" else { throw .noSuchFileOrDirectory }
        return Entry(node: 2, attributes: try getattr(2, handle: nil, for: request).attributes)
    }

    func getattr(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        AttributesReply(node == .root ? .directory(inode: 1) : .file(inode: 2, size: 14))
    }

    func readdir(
        _ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryWriter, for request: Request
    ) throws(Errno) {
        if offset == 0 { _ = entries.add("hello", inode: 2, type: .regular, next: 1) }
    }

    func read(_ file: OpenFile, at offset: UInt64, into output: inout DataWriter, for request: Request) throws(Errno) {
        output.append(contentsOf: "Hello, world!\n".utf8.dropFirst(Int(clamping: offset)).prefix(output.freeCapacity))
    }
}
