// SPDX-License-Identifier: MIT
//
// A whole filesystem: one file, `hello`. Run it as root: HelloFS MOUNTPOINT

import FUSE
import Glibc
import SystemPackage

struct HelloFS: FileSystem {
    let text = "Hello, world!\n"
    let hello: NodeID = 2

    func attributes(of node: NodeID) throws(Errno) -> Attributes {
        switch node {
        case .root: .directory(inode: 1)
        case hello: .file(inode: 2, size: UInt64(text.utf8.count))
        default: throw .noSuchFileOrDirectory
        }
    }

    func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry {
        guard parent == .root, name == "hello" else { throw .noSuchFileOrDirectory }
        return Entry(node: hello, attributes: try attributes(of: hello))
    }

    func getattr(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        AttributesReply(try attributes(of: node))
    }

    func readdir(
        _ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryWriter, for request: Request
    ) throws(Errno) {
        guard offset == 0 else { return }
        _ = entries.add("hello", inode: 2, type: .regular, next: 1)
    }

    func read(_ file: OpenFile, at offset: UInt64, into output: inout OutputRawSpan, for request: Request) throws(Errno) {
        for byte in text.utf8.dropFirst(Int(clamping: offset)).prefix(output.freeCapacity) { output.append(byte) }
    }
}

@main
struct Main {
    static func main() {
        guard CommandLine.arguments.count == 2 else { return print("usage: HelloFS MOUNTPOINT") }
        do {
            try Mount.serve(HelloFS(), at: FilePath(CommandLine.arguments[1]))
        } catch {
            print("HelloFS: \(error)")
            exit(1)
        }
    }
}
