// SPDX-License-Identifier: MIT

import FUSE
import Synchronization
import SystemPackage

/// Defers whatever there is, and keeps the replies for the test to give.
final class DeferringFS: FileSystem {
    private let connection = Mutex<Connection?>(nil)
    private let boxes = Mutex<[DeferredReply.Box]>([])
    let recorded = RecordingFS()
    let capabilities: Capabilities
    let interruptions = Mutex<[RequestID]>([])
    /// What is returned after a reply was put off, where that is wanted: it must count for nothing.
    let returned = Mutex<Wish?>(nil)

    init(capabilities: Capabilities = []) { self.capabilities = capabilities }

    func start(_ connection: Connection) { self.connection.withLock { $0 = connection } }
    func stop() { recorded.stop() }
    func interrupted(_ request: RequestID) { interruptions.withLock { $0.append(request) } }

    /// The reply that was put off last.
    func take() throws -> DeferredReply {
        guard let reply = boxes.withLock({ $0.popLast() })?.take() else { throw Errno.noSuchFileOrDirectory }
        return reply
    }

    func put(off request: Request) -> Errno {
        guard let connection = connection.withLock({ $0 }) else { return .ioError }
        return connection.deferReply(to: request) { reply in
            let box = DeferredReply.Box(reply)
            boxes.withLock { $0.append(box) }
        }
    }

    /// Puts the reply off, and returns an answer all the same where the test wants that.
    private func put(off request: Request, returning opened: FileHandle) throws(Errno) -> Opened {
        let error = put(off: request)
        guard error != .invalidArgument, let io = returned.withLock({ $0 }) else { throw error }
        return Opened(handle: opened, io: io.io)
    }

    func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry {
        let error = put(off: request)
        // What it names is not the kernel's, and must not come back.
        guard returned.withLock({ $0 }) != nil else { throw error }
        return Entry(node: .root, attributes: .file(size: .max))
    }
    func revive(_ node: NodeID, for request: Request) throws(Errno) -> Entry { throw put(off: request) }
    func parent(of node: NodeID, for request: Request) throws(Errno) -> Entry { throw put(off: request) }
    func getattr(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply { throw put(off: request) }
    func statx(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply { throw put(off: request) }
    func setattr(_ node: NodeID, _ changes: AttributeChanges, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        throw put(off: request)
    }
    func readlink(_ node: NodeID, into target: inout DataWriter, for request: Request) throws(Errno) { throw put(off: request) }
    func mknod(_ name: borrowing Name, in parent: NodeID, _ new: NewFile, for request: Request) throws(Errno) -> Entry { throw put(off: request) }
    func mkdir(_ name: borrowing Name, in parent: NodeID, _ new: NewFile, for request: Request) throws(Errno) -> Entry {
        let error = put(off: request)
        guard returned.withLock({ $0 }) != nil else { throw error }
        return Entry(node: 12, attributes: .file(size: 1))
    }
    func symlink(_ name: borrowing Name, in parent: NodeID, target: borrowing Name, for request: Request) throws(Errno) -> Entry {
        throw put(off: request)
    }
    func unlink(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) { throw put(off: request) }
    func rmdir(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) { throw put(off: request) }
    func rename(
        _ name: borrowing Name, in parent: NodeID, to newName: borrowing Name, in newParent: NodeID, flags: RenameFlags,
        for request: Request
    ) throws(Errno) { throw put(off: request) }
    func link(_ node: NodeID, to newName: borrowing Name, in newParent: NodeID, for request: Request) throws(Errno) -> Entry {
        throw put(off: request)
    }
    func access(_ node: NodeID, _ mode: AccessCheck, for request: Request) throws(Errno) { throw put(off: request) }
    func statfs(_ node: NodeID, for request: Request) throws(Errno) -> FileSystemStatistics { throw put(off: request) }
    func open(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> Opened {
        try put(off: request, returning: 0x51)
    }
    func create(
        _ name: borrowing Name, in parent: NodeID, _ new: NewFile, _ open: OpenRequest, for request: Request
    ) throws(Errno) -> Created { Created(entry: RecordingFS.entry, opened: try put(off: request, returning: 0x52)) }
    func tmpfile(in parent: NodeID, _ new: NewFile, _ open: OpenRequest, for request: Request) throws(Errno) -> Created {
        Created(entry: RecordingFS.entry, opened: try put(off: request, returning: 0x53))
    }
    func read(_ file: OpenFile, at offset: UInt64, into output: inout DataWriter, for request: Request) throws(Errno) { throw put(off: request) }
    func write(_ file: OpenFile, at offset: UInt64, _ data: RawSpan, _ options: WriteOptions, for request: Request) throws(Errno) -> Int {
        throw put(off: request)
    }
    func fsync(_ file: OpenFile, dataOnly: Bool, for request: Request) throws(Errno) { throw put(off: request) }
    func fallocate(_ file: OpenFile, mode: Int32, offset: UInt64, length: UInt64, for request: Request) throws(Errno) {
        throw put(off: request)
    }
    func copyFileRange(
        from source: OpenFile, at sourceOffset: UInt64, to destination: OpenFile, at destinationOffset: UInt64,
        length: UInt64, flags: UInt64, for request: Request
    ) throws(Errno) -> UInt64 { throw put(off: request) }
    /// Returns an answer all the same, which must count for nothing.
    func flush(_ file: OpenFile, owner: LockOwner, for request: Request) throws(Errno) { _ = put(off: request) }
    func opendir(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> OpenedDirectory { throw put(off: request) }
    func readdir(_ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryWriter, for request: Request) throws(Errno) {
        throw put(off: request)
    }
    func fsyncdir(_ directory: OpenFile, dataOnly: Bool, for request: Request) throws(Errno) { throw put(off: request) }
    func syncfs(_ node: NodeID, for request: Request) throws(Errno) { throw put(off: request) }
    func getxattr(_ name: borrowing Name, of node: NodeID, into value: inout DataWriter, for request: Request) throws(Errno) -> Int {
        throw put(off: request)
    }
    func listxattr(_ node: NodeID, into names: inout DataWriter, for request: Request) throws(Errno) -> Int { throw put(off: request) }
    func setxattr(_ name: borrowing Name, of node: NodeID, to value: RawSpan, _ options: XattrOptions, for request: Request) throws(Errno) {
        throw put(off: request)
    }
    func removexattr(_ name: borrowing Name, of node: NodeID, for request: Request) throws(Errno) { throw put(off: request) }
    func getlk(_ file: OpenFile, _ lock: FileLock, owner: LockOwner, for request: Request) throws(Errno) -> FileLock? { throw put(off: request) }
    func setlk(_ file: OpenFile, _ lock: FileLock, owner: LockOwner, wait: Bool, isFlock: Bool, for request: Request) throws(Errno) {
        throw put(off: request)
    }
    func poll(_ file: OpenFile, _ events: PollEvents, waker: PollWaker?, for request: Request) throws(Errno) -> PollEvents {
        throw put(off: request)
    }
    func ioctl(
        _ file: OpenFile, _ command: IoctlCommand, _ input: RawSpan, into output: inout DataWriter, for request: Request
    ) throws(Errno) -> Int32 { throw put(off: request) }
    func lseek(_ file: OpenFile, offset: UInt64, whence: Int32, for request: Request) throws(Errno) -> UInt64 { throw put(off: request) }

    func forget(_ node: NodeID, lookups: UInt64) { recorded.forget(node, lookups: lookups) }
    func release(_ file: OpenFile, for request: Request) {
        recorded.release(file, for: request)
        // Nobody waits for it: it cannot be deferred.
        let error = put(off: request)
        if error != .invalidArgument { recorded.fail(with: error) }
    }
    func releasedir(_ directory: OpenFile, for request: Request) {
        recorded.releasedir(directory, for: request)
        let error = put(off: request)
        if error != .invalidArgument { recorded.fail(with: error) }
    }
}
