// SPDX-License-Identifier: MIT

import FUSE
import Synchronization
import SystemPackage

/// Answers as the test says, whatever sense that makes.
final class FaultyFS: FileSystem {
    struct Answers {
        /// Appended to what is to be filled, in one of three ways.
        var data: [UInt8] = []
        var way = Way.bytes
        /// What `getxattr` and `listxattr` answer; nil for how much there is.
        var size: Int?
        var count = 0
        var copied: UInt64 = 0
        var offset: UInt64 = 0
        var entry = RecordingFS.entry
        var attributes = RecordingFS.attributes
        var io = Wish.cached
        var lock: FileLock?
        var result: Int32 = 0
        var name = "name"
    }

    enum Way: CaseIterable { case bytes, sequence, span }

    let answers = Mutex(Answers())
    let recorded = RecordingFS()
    let capabilities: Capabilities = .doReaddirplus
    private let ids: BackingOptions.IDs

    init(ids: BackingOptions.IDs = .allocated) { self.ids = ids }

    func set(_ change: (inout sending Answers) -> Void) { answers.withLock { change(&$0) } }
    private var now: Answers { answers.withLock { $0 } }

    private var opened: Opened { Opened(handle: 9, io: now.io.io) }

    var backings: BackingOptions { BackingOptions(ids: ids) }

    private func fill(_ output: inout DataWriter) {
        let now = now
        switch now.way {
        case .bytes: for byte in now.data { output.append(byte) }
        // No array: its bytes do not lie in one piece.
        case .sequence: output.append(contentsOf: now.data.lazy.map { $0 })
        case .span: output.append(now.data.raw)
        }
    }

    func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry { now.entry }
    func getattr(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply { AttributesReply(now.attributes) }
    func statx(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply { AttributesReply(now.attributes) }
    func setattr(_ node: NodeID, _ changes: AttributeChanges, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        AttributesReply(now.attributes)
    }
    func readlink(_ node: NodeID, into target: inout DataWriter, for request: Request) throws(Errno) { fill(&target) }
    func mknod(_ name: borrowing Name, in parent: NodeID, _ new: NewFile, for request: Request) throws(Errno) -> Entry { now.entry }
    func mkdir(_ name: borrowing Name, in parent: NodeID, _ new: NewFile, for request: Request) throws(Errno) -> Entry { now.entry }
    func symlink(_ name: borrowing Name, in parent: NodeID, target: borrowing Name, for request: Request) throws(Errno) -> Entry { now.entry }
    func link(_ node: NodeID, to newName: borrowing Name, in newParent: NodeID, for request: Request) throws(Errno) -> Entry { now.entry }
    func open(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> Opened { opened }
    func create(_ name: borrowing Name, in parent: NodeID, _ new: NewFile, _ open: OpenRequest, for request: Request) throws(Errno) -> Created {
        Created(entry: now.entry, opened: opened)
    }
    func tmpfile(in parent: NodeID, _ new: NewFile, _ open: OpenRequest, for request: Request) throws(Errno) -> Created {
        Created(entry: now.entry, opened: opened)
    }
    func read(_ file: OpenFile, at offset: UInt64, into output: inout DataWriter, for request: Request) throws(Errno) { fill(&output) }
    func write(_ file: OpenFile, at offset: UInt64, _ data: RawSpan, _ options: WriteOptions, for request: Request) throws(Errno) -> Int { now.count }
    func lseek(_ file: OpenFile, offset: UInt64, whence: Int32, for request: Request) throws(Errno) -> UInt64 { now.offset }
    func copyFileRange(
        from source: OpenFile, at sourceOffset: UInt64, to destination: OpenFile, at destinationOffset: UInt64,
        length: UInt64, flags: UInt64, for request: Request
    ) throws(Errno) -> UInt64 { now.copied }
    func readdir(_ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryWriter, for request: Request) throws(Errno) {
        _ = entries.add(now.name, inode: 21, type: .regular, next: 1)
        _ = entries.add("one", inode: 21, type: .regular, next: 1)
    }
    func readdirplus(
        _ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryPlusWriter, for request: Request
    ) throws(Errno) {
        _ = entries.add([UInt8](now.name.utf8).raw, entry: now.entry, inode: 21, type: .regular, next: 1)
        _ = entries.add([UInt8]("one".utf8).raw, entry: RecordingFS.entry, inode: 21, type: .regular, next: 1)
    }
    func getxattr(_ name: borrowing Name, of node: NodeID, into value: inout DataWriter, for request: Request) throws(Errno) -> Int {
        fill(&value)
        return now.size ?? now.data.count
    }
    func listxattr(_ node: NodeID, into names: inout DataWriter, for request: Request) throws(Errno) -> Int {
        fill(&names)
        return now.size ?? now.data.count
    }
    func getlk(_ file: OpenFile, _ lock: FileLock, owner: LockOwner, for request: Request) throws(Errno) -> FileLock? { now.lock }
    func ioctl(
        _ file: OpenFile, _ command: IoctlCommand, _ input: RawSpan, into output: inout DataWriter, for request: Request
    ) throws(Errno) -> Int32 {
        fill(&output)
        return now.result
    }

    func forget(_ node: NodeID, lookups: UInt64) { recorded.forget(node, lookups: lookups) }
    func release(_ file: OpenFile, for request: Request) { recorded.release(file, for: request) }
}
