// SPDX-License-Identifier: MIT

import FUSEWire
import Glibc
import Logging
import Synchronization
import SystemPackage
import Testing

@testable import FUSE

/// Defers whatever it can, and keeps the replies for the test to give.
final class DeferringFS: FileSystem {
    private let connection = Mutex<Connection?>(nil)
    private let boxes = Mutex<[DeferredReply.Box]>([])
    let recorded = RecordingFS()
    let capabilities: Capabilities
    let interruptions = Mutex<[RequestID]>([])

    init(capabilities: Capabilities = []) { self.capabilities = capabilities }

    func start(_ connection: Connection) { self.connection.withLock { $0 = connection } }
    func stop() { recorded.stop() }
    func interrupted(_ request: RequestID) { interruptions.withLock { $0.append(request) } }

    /// The reply that was put off last.
    func take() throws -> DeferredReply {
        guard let reply = boxes.withLock({ $0.popLast() })?.take() else { throw Errno.noSuchFileOrDirectory }
        return reply
    }

    private func put(off request: Request) -> Errno {
        guard let connection = connection.withLock({ $0 }) else { return .ioError }
        return connection.deferReply(to: request) { reply in
            let box = DeferredReply.Box(reply)
            boxes.withLock { $0.append(box) }
        }
    }

    func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry { throw put(off: request) }
    func getattr(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply { throw put(off: request) }
    func open(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> Opened { throw put(off: request) }
    func opendir(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> OpenedDirectory { throw put(off: request) }
    func create(
        _ name: borrowing Name, in parent: NodeID, _ new: NewFile, _ open: OpenRequest, for request: Request
    ) throws(Errno) -> Created { throw put(off: request) }
    func read(_ file: OpenFile, at offset: UInt64, into output: inout DataWriter, for request: Request) throws(Errno) { throw put(off: request) }
    func write(_ file: OpenFile, at offset: UInt64, _ data: RawSpan, _ options: WriteOptions, for request: Request) throws(Errno) -> Int {
        throw put(off: request)
    }
    func fsync(_ file: OpenFile, dataOnly: Bool, for request: Request) throws(Errno) { throw put(off: request) }
    /// Returns an answer all the same, which must count for nothing.
    func flush(_ file: OpenFile, owner: LockOwner, for request: Request) throws(Errno) { _ = put(off: request) }
    func readdir(_ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryWriter, for request: Request) throws(Errno) {
        throw put(off: request)
    }
    func getxattr(_ name: borrowing Name, of node: NodeID, into value: inout DataWriter, for request: Request) throws(Errno) -> Int {
        throw put(off: request)
    }
    func lseek(_ file: OpenFile, offset: UInt64, whence: Int32, for request: Request) throws(Errno) -> UInt64 { throw put(off: request) }

    func forget(_ node: NodeID, lookups: UInt64) { recorded.forget(node, lookups: lookups) }
    func release(_ file: OpenFile, for request: Request) {
        recorded.release(file, for: request)
        // Nobody waits for it: it cannot be deferred.
        let error = put(off: request)
        if error != .invalidArgument { recorded.fail(with: error) }
    }
    func releasedir(_ directory: OpenFile, for request: Request) { recorded.releasedir(directory, for: request) }
}

/// Replies that are given later.
@Suite(.timeLimit(.minutes(10))) struct DeferredReplyTests {
    let fileSystem = DeferringFS()
    static let unique = 0x1122_3344_5566_7788 as UInt64

    /// Has a request deferred, which must not be answered by that.
    private func put(off message: [UInt8], _ stepped: Stepped<DeferringFS>) throws -> DeferredReply {
        #expect(try stepped.exchange(message) == nil)
        #expect(stepped.lane.takeLater() == [])
        return try fileSystem.take()
    }

    private static let messages: [Opcode: [UInt8]] = [
        .lookup: request(.lookup, payload: Dispatched.name), .getattr: request(.getattr, structure: bytes(GetattrIn())),
        .open: request(.open, structure: bytes(OpenIn())), .opendir: request(.opendir, structure: bytes(OpenIn())),
        .create: request(.create, structure: bytes(CreateIn()), payload: Dispatched.name),
        .read: request(.read, structure: bytes(ReadIn(size: 4))),
        .write: request(.write, structure: bytes(WriteIn(size: 4)), payload: [1, 2, 3, 4]),
        .fsync: request(.fsync, structure: bytes(FsyncIn())), .flush: request(.flush, structure: bytes(FlushIn())),
        .readdir: request(.readdir, structure: bytes(ReadIn(size: 512))),
        .getxattr: request(.getxattr, structure: bytes(GetxattrIn(size: 64)), payload: "user.x".withNUL),
        .lseek: request(.lseek, structure: bytes(LseekIn())),
    ]

    @discardableResult
    private func answer(_ opcode: Opcode, _ reply: consuming DeferredReply) -> Bool {
        switch opcode {
        case .lookup: reply.reply(RecordingFS.entry)
        case .getattr: reply.reply(AttributesReply(RecordingFS.attributes, timeout: Timeout(seconds: 8, nanoseconds: 9)))
        case .open: reply.reply(Opened(handle: 0x4242))
        case .opendir: reply.reply(OpenedDirectory(handle: 0x4343, cachesEntries: true))
        case .create: reply.reply(Created(entry: RecordingFS.entry, opened: Opened(handle: 0x4242)))
        case .read, .getxattr: reply.reply(data: { (output) throws(Errno) in output.write("some data") })
        case .write, .lseek: reply.reply(count: 9)
        case .fsync, .flush: reply.reply()
        case .readdir: reply.reply(entries: { (entries) throws(Errno) in _ = entries.add("one", inode: 21, type: .regular, next: 1) })
        default: return false
        }
        return true
    }

    private static let bodies: [Opcode: [UInt8]] = [
        .lookup: Dispatched.entry, .getattr: Dispatched.attributes, .open: Dispatched.opened,
        .opendir: bytes(OpenOut(fh: 0x4343, open_flags: OpenFlags.cacheDir.rawValue)), .create: Dispatched.entry + Dispatched.opened,
        .read: [UInt8]("some".utf8), .write: bytes(WriteOut(size: 4)), .fsync: [], .flush: [], .readdir: Dispatched.plainEntry,
        .getxattr: [UInt8]("some data".utf8), .lseek: bytes(LseekOut(offset: 9)),
    ]

    @Test(arguments: messages.keys.map(\.rawValue))
    func itReadsAsIfItHadBeenGivenAtOnce(number: UInt32) throws {
        let opcode = Opcode(rawValue: number)
        let stepped = try Stepped(fileSystem)
        let reply = try put(off: try #require(Self.messages[opcode]), stepped)
        #expect(stepped.session.interrupts.deferredCount == 1)
        answer(opcode, reply)
        #expect(stepped.lane.takeLater() == [Reply(unique: Self.unique, error: nil, body: try #require(Self.bodies[opcode]))])
        #expect(stepped.session.interrupts.deferredCount == 0)
        // The thread that had it in hand replies to the next one by itself again.
        #expect(try stepped.exchange(request(.statfs))?.error == nil)
    }

    /// `readdir` was called for it.
    @Test func aListingInPlaceOfOneThatLooksUp() throws {
        let stepped = try Stepped(fileSystem)
        answer(.readdir, try put(off: request(.readdirplus, structure: bytes(ReadIn(size: 512))), stepped))
        let entry = bytes(EntryOut()) + Dispatched.plainEntry
        #expect(stepped.lane.takeLater() == [Reply(unique: Self.unique, error: nil, body: entry)])
    }

    /// Of every operation with every other one's kind of answer.
    @Test func anAnswerOfAnotherKindIsEIO() throws {
        let log = CapturedLog()
        let stepped = try Stepped(fileSystem, options: SessionOptions(logger: log.logger))
        var wrong = 0
        for (opcode, message) in Self.messages {
            for other in Self.messages.keys where Self.kind(other) != Self.kind(opcode) {
                answer(other, try put(off: message, stepped))
                #expect(stepped.lane.takeLater() == [Reply(unique: Self.unique, error: .ioError, body: [])], "\(opcode) as \(other)")
                wrong += 1
            }
        }
        #expect(log.all.count { $0.hasSuffix("is not of its kind: the caller gets EIO") } == wrong)
        #expect(fileSystem.recorded.takeCalls() == [])
    }

    private static func kind(_ opcode: Opcode) -> Int {
        switch opcode {
        case .read, .getxattr: 1
        case .write, .lseek: 2
        case .fsync, .flush: 3
        default: Int(opcode.rawValue) + 10
        }
    }

    @Test func dropped() throws {
        let log = CapturedLog()
        let stepped = try Stepped(fileSystem, options: SessionOptions(logger: log.logger))
        do { _ = try put(off: request(.read, structure: bytes(ReadIn(size: 4))), stepped) }
        #expect(stepped.lane.takeLater() == [Reply(unique: Self.unique, error: .ioError, body: [])])
        #expect(log.all.last == "error: a deferred reply to READ was dropped: the caller gets EIO")
    }

    @Test(arguments: [(Errno.permissionDenied, Errno.permissionDenied), (.noFunction, .ioError), (Errno(rawValue: 700), .ioError)])
    func errorsAreThoseThatTheKernelTakes(thrown: Errno, seen: Errno) throws {
        let stepped = try Stepped(fileSystem)
        try put(off: request(.getattr, structure: bytes(GetattrIn())), stepped).fail(thrown)
        #expect(stepped.lane.takeLater() == [Reply(unique: Self.unique, error: seen, body: [])])
        try put(off: request(.read, structure: bytes(ReadIn(size: 4))), stepped).reply(data: { (_) throws(Errno) in throw thrown })
        #expect(stepped.lane.takeLater() == [Reply(unique: Self.unique, error: seen, body: [])])
    }

    @Test(arguments: [Errno.noSuchFileOrDirectory, .operationNotSupportedByDevice, .connectionAbort])
    func whatNobodyReceivedComesBack(errno: Errno) throws {
        let stepped = try Stepped(fileSystem)
        for (opcode, calls) in [
            (Opcode.lookup, ["forget 39168 1"]), (.open, ["release 7#16962"]), (.opendir, ["releasedir 7#17219"]),
            (.create, ["release 39168#16962", "forget 39168 1"]), (.read, []),
        ] {
            let reply = try put(off: try #require(Self.messages[opcode]), stepped)
            stepped.lane.failLater(with: errno)
            answer(opcode, reply)
            #expect(fileSystem.recorded.takeCalls() == calls)
            #expect(stepped.lane.takeLater() == [])
        }
        #expect(fileSystem.recorded.record.withLock { $0.failure } == nil)
    }

    @Test func whatTheKernelRefusesIsEIO() throws {
        let stepped = try Stepped(fileSystem)
        let reply = try put(off: try #require(Self.messages[.lookup]), stepped)
        stepped.lane.failLater(with: .invalidArgument)
        answer(.lookup, reply)
        #expect(stepped.lane.takeLater() == [Reply(unique: Self.unique, error: .ioError, body: [])])
        #expect(fileSystem.recorded.takeCalls() == ["forget 39168 1"])
    }

    @Test func afterTheEndAnswersGoNowhere() throws {
        let stepped = try Stepped(fileSystem)
        let reply = try put(off: try #require(Self.messages[.lookup]), stepped)
        let dropped = try put(off: request(.open, structure: bytes(OpenIn()), unique: 8), stepped)
        stepped.session.end()
        #expect(fileSystem.recorded.record.withLock { $0.stops } == 1)
        answer(.lookup, reply)
        _ = consume dropped
        #expect(stepped.lane.takeLater() == [])
        #expect(fileSystem.recorded.takeCalls() == [])
    }

    @Test func whatIsSentAgainCanBeDeferredToo() throws {
        let stepped = try Stepped(fileSystem)
        let unique = Self.unique | FUSEProtocol.uniqueResend
        let reply = try put(off: request(.read, structure: bytes(ReadIn(size: 4)), unique: unique), stepped)
        answer(.read, reply)
        #expect(stepped.lane.takeLater() == [Reply(unique: unique, error: nil, body: [UInt8]("some".utf8))])
    }

    @Test func theEndOfTheConnectionIsToldAsAnInterrupt() throws {
        let stepped = try Stepped(fileSystem)
        let reply = try put(off: Self.messages[.read] ?? [], stepped)
        #expect(try !stepped.session.step(stepped.lane))
        while fileSystem.interruptions.withLock({ $0.isEmpty }) { sched_yield() }
        let isInterrupted = reply.isInterrupted
        #expect(isInterrupted)
        reply.fail(.interrupted)
        #expect(fileSystem.interruptions.withLock { $0 } == [RequestID(rawValue: Self.unique)])
    }

    /// Its security context comes with the request, which a deferred reply does not keep.
    @Test func whatMakesALabelledInodeCannotBeDeferred() throws {
        let stepped = try Stepped(DeferringFS(capabilities: [.securityCtx]))
        let message = try #require(Self.messages[.create])
        #expect(try stepped.exchange(message)?.error == .invalidArgument)
        #expect(throws: Errno.noSuchFileOrDirectory) { _ = try stepped.session.fileSystem.take() }
    }

    @Test func interruptedIsToldOnce() throws {
        let stepped = try Stepped(fileSystem)
        let reply = try put(off: try #require(Self.messages[.read]), stepped)
        let before = reply.isInterrupted
        #expect(!before)
        for _ in 0..<3 { _ = try stepped.exchange(request(.interrupt, structure: bytes(InterruptIn(unique: Self.unique)), unique: Self.unique | 1)) }
        let after = reply.isInterrupted
        #expect(after)
        #expect(fileSystem.interruptions.withLock { $0 } == [RequestID(rawValue: Self.unique)])
        reply.fail(.interrupted)
        #expect(stepped.lane.takeLater() == [Reply(unique: Self.unique, error: .interrupted, body: [])])
    }

    @Test func onlyARequestInHandCanBeDeferred() throws {
        let stepped = try Stepped(fileSystem)
        let caller = Caller(user: UserID(0), group: GroupID(0))
        let error = stepped.session.connection.deferReply(to: Request(id: RequestID(rawValue: 8), caller: caller)) { $0.reply() }
        #expect(error == .invalidArgument)
        _ = try stepped.exchange(request(.release, structure: bytes(ReleaseIn(fh: 5))))
        #expect(fileSystem.recorded.record.withLock { $0.failure } == nil)
    }
}
