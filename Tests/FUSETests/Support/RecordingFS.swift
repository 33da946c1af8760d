// SPDX-License-Identifier: MIT

import FUSE
import Synchronization
import SystemPackage

/// Writes down each call with all that came with it, and answers in a way that shows up in the reply.
final class RecordingFS: FileSystem {
    struct Record {
        var calls: [String] = []
        var requests: [Request] = []
        /// What every call that can throw throws, if it begins so.
        var failure: Errno?
        var failing = ""
        /// What opens wish for.
        var io: Wish = .cached
        var connection: Connection?
        var stops = 0
    }

    let record = Mutex(Record())
    let capabilities: Capabilities
    let requiredCapabilities: Capabilities
    let omitted: OmittedRequests

    init(capabilities: Capabilities = [], required: Capabilities = [], omitted: OmittedRequests = []) {
        self.capabilities = capabilities
        self.omitted = omitted
        requiredCapabilities = required
    }

    /// The calls since the last time.
    func takeCalls() -> [String] {
        record.withLock { record in
            defer { record.calls = [] }
            return record.calls
        }
    }

    var lastRequest: Request? { record.withLock { $0.requests.last } }

    func fail(with errno: Errno?, in call: String = "") { record.withLock { ($0.failure, $0.failing) = (errno, call) } }
    func wish(_ io: Wish) { record.withLock { $0.io = io } }

    private func note(_ call: String, _ request: Request) throws(Errno) {
        let failure: Errno? = record.withLock { record in
            record.calls.append(call)
            record.requests.append(request)
            return call.hasPrefix(record.failing) ? record.failure : nil
        }
        if let failure { throw failure }
    }

    /// What lookups and everything that creates answers.
    static let entry: Entry = {
        var entry = Entry(
            node: 0x9900, generation: 3, attributes: attributes, entryTimeout: Timeout(seconds: 4, nanoseconds: 5),
            attributesTimeout: Timeout(seconds: 6, nanoseconds: 7))
        entry.attributes.inode = 88
        return entry
    }()

    /// What makes something of another type answers.
    static func entry(_ type: FileType) -> Entry {
        var entry = entry
        entry.attributes.mode.type = type
        return entry
    }

    static let attributes: Attributes = {
        var attributes = Attributes(
            inode: 77, mode: FileMode(type: .regular, permissions: [.ownerReadWrite]), size: 1025, linkCount: 2,
            owner: UserID(1000), group: GroupID(100))
        attributes.accessed = Timestamp(seconds: 10, nanoseconds: 11)
        attributes.modified = Timestamp(seconds: -20, nanoseconds: 21)
        attributes.changed = Timestamp(seconds: 30, nanoseconds: 31)
        attributes.device = DeviceNumber(major: 0xabc, minor: 0x12345)
        attributes.blockSize = 8192
        return attributes
    }()

    static let statistics: FileSystemStatistics = {
        var statistics = FileSystemStatistics()
        statistics.blocks = 1
        statistics.freeBlocks = 2
        statistics.availableBlocks = 3
        statistics.files = 4
        statistics.freeFiles = 5
        statistics.blockSize = 6
        statistics.maximumNameLength = 7
        statistics.fragmentSize = 8
        return statistics
    }()

    private var reply: AttributesReply { AttributesReply(Self.attributes, timeout: Timeout(seconds: 8, nanoseconds: 9)) }
    private var opened: Opened { Opened(handle: 0x4242, io: record.withLock { $0.io }.io) }

    // MARK: Life

    func start(_ connection: Connection) { record.withLock { $0.connection = connection } }
    func stop() { record.withLock { $0.stops += 1 } }

    // MARK: Names and inodes

    func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry {
        try note("lookup \(name.string) in \(parent.rawValue)", request)
        return Self.entry
    }

    func revive(_ node: NodeID, for request: Request) throws(Errno) -> Entry {
        try note("revive \(node.rawValue)", request)
        return Self.entry
    }

    func parent(of node: NodeID, for request: Request) throws(Errno) -> Entry {
        try note("parent of \(node.rawValue)", request)
        return Self.entry
    }

    func forget(_ node: NodeID, lookups: UInt64) { record.withLock { $0.calls.append("forget \(node.rawValue) \(lookups)") } }

    func getattr(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        try note("getattr \(node.rawValue) \(handle.shown)", request)
        return reply
    }

    func statx(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        try note("statx \(node.rawValue) \(handle.shown)", request)
        var reply = reply
        reply.attributes.created = Timestamp(seconds: -40, nanoseconds: 41)
        return reply
    }

    func setattr(_ node: NodeID, _ changes: AttributeChanges, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        try note("setattr \(node.rawValue) \(changes.shown) \(handle.shown)", request)
        return reply
    }

    func readlink(_ node: NodeID, into target: inout DataWriter, for request: Request) throws(Errno) {
        try note("readlink \(node.rawValue) room \(target.freeCapacity)", request)
        target.write("../target")
    }

    func mknod(_ name: borrowing Name, in parent: NodeID, _ new: NewFile, for request: Request) throws(Errno) -> Entry {
        try note("mknod \(name.string) in \(parent.rawValue) \(new.shown)", request)
        return Self.entry(new.mode.type)
    }

    func mkdir(_ name: borrowing Name, in parent: NodeID, _ new: NewFile, for request: Request) throws(Errno) -> Entry {
        try note("mkdir \(name.string) in \(parent.rawValue) \(new.shown)", request)
        return Self.entry(.directory)
    }

    func symlink(_ name: borrowing Name, in parent: NodeID, target: borrowing Name, for request: Request) throws(Errno) -> Entry {
        try note("symlink \(name.string) in \(parent.rawValue) to \(target.string)", request)
        return Self.entry(.symbolicLink)
    }

    func unlink(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) {
        try note("unlink \(name.string) in \(parent.rawValue)", request)
    }

    func rmdir(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) {
        try note("rmdir \(name.string) in \(parent.rawValue)", request)
    }

    func rename(
        _ name: borrowing Name, in parent: NodeID, to newName: borrowing Name, in newParent: NodeID, flags: RenameFlags,
        for request: Request
    ) throws(Errno) {
        try note("rename \(name.string) in \(parent.rawValue) to \(newName.string) in \(newParent.rawValue) flags \(flags.rawValue)", request)
    }

    func link(_ node: NodeID, to newName: borrowing Name, in newParent: NodeID, for request: Request) throws(Errno) -> Entry {
        try note("link \(node.rawValue) to \(newName.string) in \(newParent.rawValue)", request)
        return Self.entry
    }

    func access(_ node: NodeID, _ mode: AccessCheck, for request: Request) throws(Errno) {
        try note("access \(node.rawValue) \(mode.rawValue)", request)
    }

    func statfs(_ node: NodeID, for request: Request) throws(Errno) -> FileSystemStatistics {
        try note("statfs \(node.rawValue)", request)
        return Self.statistics
    }

    // MARK: Open files

    func open(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> Opened {
        try note("open \(node.rawValue) \(open.shown)", request)
        return opened
    }

    func create(
        _ name: borrowing Name, in parent: NodeID, _ new: NewFile, _ open: OpenRequest, for request: Request
    ) throws(Errno) -> Created {
        try note("create \(name.string) in \(parent.rawValue) \(new.shown) \(open.shown)", request)
        return Created(entry: Self.entry, opened: opened)
    }

    func tmpfile(in parent: NodeID, _ new: NewFile, _ open: OpenRequest, for request: Request) throws(Errno) -> Created {
        try note("tmpfile in \(parent.rawValue) \(new.shown) \(open.shown)", request)
        return Created(entry: Self.entry, opened: opened)
    }

    func read(_ file: OpenFile, at offset: UInt64, into output: inout DataWriter, for request: Request) throws(Errno) {
        try note("read \(file.shown) at \(offset) room \(output.freeCapacity)", request)
        output.write("some data")
    }

    func write(_ file: OpenFile, at offset: UInt64, _ data: RawSpan, _ options: WriteOptions, for request: Request) throws(Errno) -> Int {
        try note("write \(file.shown) at \(offset) \(data.text) options \(options.rawValue)", request)
        return data.byteCount
    }

    func flush(_ file: OpenFile, owner: LockOwner, for request: Request) throws(Errno) {
        try note("flush \(file.shown) owner \(owner.rawValue)", request)
    }

    func release(_ file: OpenFile, for request: Request) { try? note("release \(file.shown)", request) }

    func fsync(_ file: OpenFile, dataOnly: Bool, for request: Request) throws(Errno) {
        try note("fsync \(file.shown) data \(dataOnly)", request)
    }

    func fallocate(_ file: OpenFile, mode: Int32, offset: UInt64, length: UInt64, for request: Request) throws(Errno) {
        try note("fallocate \(file.shown) mode \(mode) at \(offset) of \(length)", request)
    }

    func lseek(_ file: OpenFile, offset: UInt64, whence: Int32, for request: Request) throws(Errno) -> UInt64 {
        try note("lseek \(file.shown) to \(offset) whence \(whence)", request)
        return 4096
    }

    func copyFileRange(
        from source: OpenFile, at sourceOffset: UInt64, to destination: OpenFile, at destinationOffset: UInt64,
        length: UInt64, flags: UInt64, for request: Request
    ) throws(Errno) -> UInt64 {
        try note("copy \(source.shown) at \(sourceOffset) to \(destination.shown) at \(destinationOffset) of \(length) flags \(flags)", request)
        return length
    }

    // MARK: Directories

    func opendir(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> OpenedDirectory {
        try note("opendir \(node.rawValue) \(open.shown)", request)
        return OpenedDirectory(handle: 0x4343, cachesEntries: true)
    }

    func readdir(_ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryWriter, for request: Request) throws(Errno) {
        try note("readdir \(directory.shown) from \(offset.rawValue) room \(entries.freeCapacity)", request)
        _ = entries.add("one", inode: 21, type: .regular, next: 1)
    }

    func readdirplus(
        _ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryPlusWriter, for request: Request
    ) throws(Errno) {
        try note("readdirplus \(directory.shown) from \(offset.rawValue)", request)
        _ = entries.add([UInt8]("one".utf8).raw, entry: Self.entry, inode: 21, type: .regular, next: 1)
    }

    func releasedir(_ directory: OpenFile, for request: Request) { try? note("releasedir \(directory.shown)", request) }

    func fsyncdir(_ directory: OpenFile, dataOnly: Bool, for request: Request) throws(Errno) {
        try note("fsyncdir \(directory.shown) data \(dataOnly)", request)
    }

    func syncfs(_ node: NodeID, for request: Request) throws(Errno) { try note("syncfs \(node.rawValue)", request) }

    // MARK: Extended attributes

    func getxattr(_ name: borrowing Name, of node: NodeID, into value: inout DataWriter, for request: Request) throws(Errno) -> Int {
        try note("getxattr \(name.string) of \(node.rawValue) room \(value.freeCapacity)", request)
        return try value.fill("value")
    }

    func listxattr(_ node: NodeID, into names: inout DataWriter, for request: Request) throws(Errno) -> Int {
        try note("listxattr \(node.rawValue) room \(names.freeCapacity)", request)
        return try names.fill("user.a\0user.b\0")
    }

    func setxattr(_ name: borrowing Name, of node: NodeID, to value: RawSpan, _ options: XattrOptions, for request: Request) throws(Errno) {
        try note("setxattr \(name.string) of \(node.rawValue) to \(value.text) options \(options.rawValue)", request)
    }

    func removexattr(_ name: borrowing Name, of node: NodeID, for request: Request) throws(Errno) {
        try note("removexattr \(name.string) of \(node.rawValue)", request)
    }

    // MARK: Locks

    func getlk(_ file: OpenFile, _ lock: FileLock, owner: LockOwner, for request: Request) throws(Errno) -> FileLock? {
        try note("getlk \(file.shown) \(lock.shown) owner \(owner.rawValue)", request)
        return lock.kind == .read ? nil : FileLock(kind: .read, start: 1, end: 2, process: 3)
    }

    func setlk(_ file: OpenFile, _ lock: FileLock, owner: LockOwner, wait: Bool, isFlock: Bool, for request: Request) throws(Errno) {
        try note("setlk \(file.shown) \(lock.shown) owner \(owner.rawValue) wait \(wait) flock \(isFlock)", request)
    }

    // MARK: Poll and ioctl

    func poll(_ file: OpenFile, _ events: PollEvents, waker: PollWaker?, for request: Request) throws(Errno) -> PollEvents {
        try note("poll \(file.shown) for \(events.rawValue) waker \(waker != nil)", request)
        waker?.wake()
        return .readable
    }

    func ioctl(
        _ file: OpenFile, _ command: IoctlCommand, _ input: RawSpan, into output: inout DataWriter, for request: Request
    ) throws(Errno) -> Int32 {
        let traits = (command.isCompat ? " compat" : "") + (command.isOnDirectory ? " on a directory" : "")
        try note("ioctl \(file.shown) \(command.number) \(command.argument)\(traits) \(input.text) room \(output.freeCapacity)", request)
        output.write("result")
        return 5
    }
}
