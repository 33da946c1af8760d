// SPDX-License-Identifier: MIT

import FUSE
import Glibc
@testable import PassthroughFS
import SystemPackage
import Testing

@Suite(.enabled(if: geteuid() == 0, "opening by handle needs CAP_DAC_READ_SEARCH")) struct LentInodeTests {
    /// An answer's backing file is the inode's descriptor, and holds it as long as the answer is there.
    @Test func whatIsRegisteredStaysUntilItIs() throws {
        let mirror = try smallMirror()
        try mirror.write("file", "text")
        let node = try mirror.lookup("file").node
        do {
            let opened = try mirror.fs.open(node, OpenRequest(flags: O_RDWR), for: Mirror.root)
            mirror.evictAll()
            let named = opened.io.descriptor
            let descriptor = try #require(named)
            #expect(fstatInode(descriptor) == mirror.status("file").st_ino)
            #expect(mirror.fs.inodes.isOpen(node))
            // What becomes of the open file does not matter to it, nor that the kernel has forgotten the inode.
            mirror.fs.release(OpenFile(node: node, handle: opened.handle), for: Mirror.root)
            mirror.fs.inodes.forget(node, lookups: 1)
            mirror.evictAll()
            #expect(fstatInode(descriptor) == mirror.status("file").st_ino)
            _ = consume opened
            mirror.evictAll()
            #expect(fstatInode(descriptor) != mirror.status("file").st_ino)
        }
        let again = try mirror.lookup("file").node
        _ = try mirror.fs.open(again, OpenRequest(flags: O_RDWR), for: Mirror.root)
        mirror.evictAll()
        #expect(!mirror.fs.inodes.isOpen(again))
    }

    /// An answer can be kept for longer than the filesystem is there.
    @Test func anAnswerThatOutlivesItsFilesystem() throws {
        let source = try Mirror()
        try source.write("file", "text")
        func answer() throws -> Opened {
            let fs = try PassthroughFS(source: FilePath(source.source))
            let node = try withName("file") { name throws(Errno) in try fs.lookup(name, in: .root, for: Mirror.root).node }
            let opened = try fs.open(node, OpenRequest(flags: O_RDONLY), for: Mirror.root)
            fs.stop()
            return opened
        }
        let opened = try answer()
        let named = opened.io.descriptor
        let descriptor = try #require(named)
        #expect(fstatInode(descriptor) == source.status("file").st_ino)
        _ = consume opened
        #expect(fstatInode(descriptor) != source.status("file").st_ino)
    }
}
