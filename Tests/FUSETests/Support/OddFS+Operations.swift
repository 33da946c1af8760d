// SPDX-License-Identifier: MIT

import FUSE
import SystemPackage

// Each of them perhaps throws, perhaps defers, and answers something.

extension OddFS {
    func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry {
        if parent == .root, name == "good" { return goodEntry() }
        let isDeferred = try misbehave(request, .entry)
        return entry(counts: !isDeferred, type: nil)
    }

    func getattr(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        if node == Self.good { return AttributesReply(.file(inode: 2, size: UInt64(Self.goodText.utf8.count)), timeout: .zero) }
        // The way to the one file that is right.
        if node == .root { return AttributesReply(.directory(inode: 1), timeout: .zero) }
        _ = try misbehave(request, .attributes)
        return AttributesReply(attributes(of: node), timeout: any(of: [.zero, .forever]))
    }

    func statx(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        try getattr(node, handle: handle, for: request)
    }

    func setattr(_ node: NodeID, _ changes: AttributeChanges, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        try getattr(node, handle: handle, for: request)
    }

    func readlink(_ node: NodeID, into target: inout DataWriter, for request: Request) throws(Errno) {
        _ = try misbehave(request, .data)
        fill(&target)
    }

    func mknod(_ name: borrowing Name, in parent: NodeID, _ new: NewFile, for request: Request) throws(Errno) -> Entry {
        entry(counts: try !misbehave(request, .entry), type: new.mode.type)
    }

    func mkdir(_ name: borrowing Name, in parent: NodeID, _ new: NewFile, for request: Request) throws(Errno) -> Entry {
        entry(counts: try !misbehave(request, .entry), type: .directory)
    }

    func symlink(_ name: borrowing Name, in parent: NodeID, target: borrowing Name, for request: Request) throws(Errno) -> Entry {
        entry(counts: try !misbehave(request, .entry), type: .symbolicLink)
    }

    func unlink(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) { _ = try misbehave(request, .nothing) }
    func rmdir(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) { _ = try misbehave(request, .nothing) }

    func rename(
        _ name: borrowing Name, in parent: NodeID, to newName: borrowing Name, in newParent: NodeID, flags: RenameFlags,
        for request: Request
    ) throws(Errno) { _ = try misbehave(request, .nothing) }

    /// Of the type of what is linked to, which the kernel alone can compare: it takes nothing back.
    func link(_ node: NodeID, to newName: borrowing Name, in newParent: NodeID, for request: Request) throws(Errno) -> Entry {
        if oneIn(2) { throw anyErrno() }
        var answer = entry(counts: false, type: nil)
        answer.node = node
        answer.attributes.mode = FileMode(type: Self.type(of: node), permissions: [])
        books.withLock { $0.lookups[node, default: 0] += 1 }
        return answer
    }

    func access(_ node: NodeID, _ mode: AccessCheck, for request: Request) throws(Errno) { if node != .root { _ = try misbehave(request, .nothing) } }

    func statfs(_ node: NodeID, for request: Request) throws(Errno) -> FileSystemStatistics {
        _ = try misbehave(request, .statistics)
        return statistics
    }

    func open(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> Opened {
        if node == Self.good { return Opened(io: .direct) }
        return opened(counts: try !misbehave(request, .opened))
    }

    func create(_ name: borrowing Name, in parent: NodeID, _ new: NewFile, _ open: OpenRequest, for request: Request) throws(Errno) -> Created {
        created(counts: try !misbehave(request, .created))
    }

    func tmpfile(in parent: NodeID, _ new: NewFile, _ open: OpenRequest, for request: Request) throws(Errno) -> Created {
        created(counts: try !misbehave(request, .created))
    }

    func read(_ file: OpenFile, at offset: UInt64, into output: inout DataWriter, for request: Request) throws(Errno) {
        if file.node == Self.good {
            return output.append(contentsOf: Self.goodText.utf8.dropFirst(Int(clamping: offset)).prefix(output.freeCapacity))
        }
        _ = try misbehave(request, .data)
        fill(&output)
    }

    func write(_ file: OpenFile, at offset: UInt64, _ data: RawSpan, _ options: WriteOptions, for request: Request) throws(Errno) -> Int {
        _ = try misbehave(request, .count)
        return any(of: [data.byteCount, data.byteCount, 0, 1, -1, .min, .max, data.byteCount + 1])
    }

    func flush(_ file: OpenFile, owner: LockOwner, for request: Request) throws(Errno) { _ = try misbehave(request, .nothing) }
    func fsync(_ file: OpenFile, dataOnly: Bool, for request: Request) throws(Errno) { _ = try misbehave(request, .nothing) }

    func fallocate(_ file: OpenFile, mode: Int32, offset: UInt64, length: UInt64, for request: Request) throws(Errno) {
        _ = try misbehave(request, .nothing)
    }

    func lseek(_ file: OpenFile, offset: UInt64, whence: Int32, for request: Request) throws(Errno) -> UInt64 {
        _ = try misbehave(request, .count)
        return any(of: [0, 5, .max, 1 << 63, number()])
    }

    func copyFileRange(
        from source: OpenFile, at sourceOffset: UInt64, to destination: OpenFile, at destinationOffset: UInt64,
        length: UInt64, flags: UInt64, for request: Request
    ) throws(Errno) -> UInt64 {
        _ = try misbehave(request, .count)
        return any(of: [0, length, length + 1, .max, number()])
    }

    func opendir(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> OpenedDirectory {
        _ = try misbehave(request, .directory)
        return OpenedDirectory(handle: FileHandle(rawValue: number()), cachesEntries: oneIn(4), keepsCache: oneIn(4))
    }

    func readdir(_ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryWriter, for request: Request) throws(Errno) {
        _ = try misbehave(request, .entries)
        list(&entries)
        if oneIn(8) { throw anyErrno() }
    }

    func readdirplus(
        _ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryPlusWriter, for request: Request
    ) throws(Errno) {
        let isDeferred = try misbehave(request, .entries)
        list(&entries, counts: !isDeferred)
        if oneIn(8) { throw anyErrno() }
    }

    func fsyncdir(_ directory: OpenFile, dataOnly: Bool, for request: Request) throws(Errno) { _ = try misbehave(request, .nothing) }
    func syncfs(_ node: NodeID, for request: Request) throws(Errno) { _ = try misbehave(request, .nothing) }

    func getxattr(_ name: borrowing Name, of node: NodeID, into value: inout DataWriter, for request: Request) throws(Errno) -> Int {
        if node == Self.good {
            value.append(contentsOf: "fine".utf8)
            return 4
        }
        _ = try misbehave(request, .data)
        fill(&value)
        return any(of: [value.byteCount, value.byteCount, 0, -1, 70_000, .max, .min])
    }

    func listxattr(_ node: NodeID, into names: inout DataWriter, for request: Request) throws(Errno) -> Int {
        _ = try misbehave(request, .data)
        fill(&names)
        return any(of: [names.byteCount, names.byteCount, 0, -1, 70_000, .max, .min])
    }

    func setxattr(_ name: borrowing Name, of node: NodeID, to value: RawSpan, _ options: XattrOptions, for request: Request) throws(Errno) {
        _ = try misbehave(request, .nothing)
    }

    func removexattr(_ name: borrowing Name, of node: NodeID, for request: Request) throws(Errno) { _ = try misbehave(request, .nothing) }

    func getlk(_ file: OpenFile, _ lock: FileLock, owner: LockOwner, for request: Request) throws(Errno) -> FileLock? {
        _ = try misbehave(request, .lock)
        return self.lock
    }

    func setlk(_ file: OpenFile, _ lock: FileLock, owner: LockOwner, wait: Bool, isFlock: Bool, for request: Request) throws(Errno) {
        _ = try misbehave(request, .nothing)
    }

    func poll(_ file: OpenFile, _ events: PollEvents, waker: PollWaker?, for request: Request) throws(Errno) -> PollEvents {
        if let waker, oneIn(2) { for _ in 0..<3 { waker.wake() } }
        _ = try misbehave(request, .events)
        return PollEvents(rawValue: UInt32(truncatingIfNeeded: number()))
    }

    func ioctl(
        _ file: OpenFile, _ command: IoctlCommand, _ input: RawSpan, into output: inout DataWriter, for request: Request
    ) throws(Errno) -> Int32 {
        _ = try misbehave(request, .command)
        fill(&output)
        return any(of: [0, 1, .max, -1, .min])
    }
}
