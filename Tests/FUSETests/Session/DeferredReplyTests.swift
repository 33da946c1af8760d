// SPDX-License-Identifier: MIT

import FUSEWire
import Glibc
import Logging
import Synchronization
import SystemPackage
import Testing

@testable import FUSE

/// Replies that are given later.
@Suite(.timeLimit(.minutes(10))) struct DeferredReplyTests {
    let fileSystem = DeferringFS()
    static let unique = 0x1122_3344_5566_7788 as UInt64

    /// Has a request deferred, which must not be answered by that.
    private func put(off message: [UInt8], _ stepped: Stepped<DeferringFS>) throws -> DeferredReply {
        #expect(try stepped.exchange(message) == nil)
        #expect(stepped.channel.takeReplies() == [])
        return try fileSystem.take()
    }

    private static func message(_ opcode: Opcode) throws -> [UInt8] {
        try #require(Dispatched.all.first { $0.opcode == opcode }).message
    }

    /// All that can be deferred.
    private static let deferrable = Dispatched.all.filter { $0.opcode != .release && $0.opcode != .releasedir }

    /// Answers as `RecordingFS` would have returned it.
    private func answer(_ opcode: Opcode, _ reply: consuming DeferredReply, to row: Dispatched? = nil) throws {
        let attributes = AttributesReply(RecordingFS.attributes, timeout: Timeout(seconds: 8, nanoseconds: 9))
        switch opcode {
        case .lookup, .link: reply.reply(RecordingFS.entry)
        case .mknod: reply.reply(RecordingFS.entry(.characterSpecial))
        case .mkdir: reply.reply(RecordingFS.entry(.directory))
        case .symlink: reply.reply(RecordingFS.entry(.symbolicLink))
        case .getattr, .setattr: reply.reply(attributes)
        case .statx:
            var born = attributes
            born.attributes.created = Timestamp(seconds: -40, nanoseconds: 41)
            reply.reply(born)
        case .statfs: reply.reply(RecordingFS.statistics)
        case .open: reply.reply(Opened(handle: 0x4242))
        case .opendir: reply.reply(OpenedDirectory(handle: 0x4343, cachesEntries: true))
        case .create, .tmpfile: reply.reply(Created(entry: RecordingFS.entry, opened: Opened(handle: 0x4242)))
        case .read: reply.reply(data: { (output) throws(Errno) in output.write("some data") })
        case .readlink: reply.reply(data: { (output) throws(Errno) in output.write("../target") })
        case .getxattr: reply.reply(data: { (output) throws(Errno) in output.append(contentsOf: "value".utf8) })
        case .listxattr: reply.reply(data: { (output) throws(Errno) in output.append(contentsOf: "user.a\0user.b\0".utf8) })
        case .write: reply.reply(count: row.map { UInt64((try? $0.body.load(WriteOut.self).size) ?? 0) } ?? 2)
        case .lseek: reply.reply(count: 4096)
        case .copyFileRange: reply.reply(count: row.map { UInt64((try? $0.body.load(WriteOut.self).size) ?? 0) } ?? 2)
        case .copyFileRange64: reply.reply(count: 1 << 40)
        case .readdir: reply.reply(entries: { (entries) throws(Errno) in _ = entries.add("one", inode: 21, type: .regular, next: 1) })
        case .readdirplus:
            reply.reply(entriesPlus: { (entries) throws(Errno) in
                _ = entries.add([UInt8]("one".utf8).raw, entry: RecordingFS.entry, inode: 21, type: .regular, next: 1)
            })
        case .getlk: reply.reply(lock: row?.call.contains("read") == true ? nil : FileLock(kind: .read, start: 1, end: 2, process: 3))
        case .poll: reply.reply(events: .readable)
        case .ioctl: reply.reply(result: 5, data: { (output) throws(Errno) in output.write("result") })
        case .unlink, .rmdir, .rename, .rename2, .access, .flush, .fsync, .fallocate, .fsyncdir, .syncfs, .setxattr, .removexattr, .setlk,
            .setlkw:
            reply.reply()
        default:
            reply.fail(.invalidArgument)
            Issue.record("\(opcode) has no reply")
        }
    }

    /// Every operation that has a method, but for releases.
    @Test(arguments: deferrable)
    func itReadsAsIfItHadBeenGivenAtOnce(row: Dispatched) throws {
        let stepped = try Stepped(fileSystem)
        let reply = try put(off: row.message, stepped)
        #expect(stepped.session.interrupts.deferredCount == 1)
        try answer(row.opcode, reply, to: row)
        #expect(stepped.channel.takeReplies() == [Sent(unique: Self.unique, error: nil, body: row.body)])
        #expect(stepped.session.interrupts.deferredCount == 0)
        #expect(fileSystem.recorded.takeCalls() == [])
        // The thread that had it in hand replies to the next one by itself again.
        #expect(try stepped.exchange(request(.release, structure: bytes(ReleaseIn())))?.error == nil)
    }

    /// There is a reply for each one that `deferReply` takes, and it takes nothing else.
    @Test func whatCanBeDeferredIsWhatHasAReply() throws {
        let withMethods = Set(Self.deferrable.map(\.opcode))
        for number in 0..<70 as Range<UInt32> {
            let opcode = Opcode(rawValue: number)
            #expect((opcode.replyKind != nil) == withMethods.contains(opcode), "\(opcode)")
        }
    }

    /// The end of a file handle: no method of a name was called for it.
    @Test(arguments: [".", ".."])
    func aFileHandle(name: String) throws {
        let stepped = try Stepped(DeferringFS(capabilities: .exportSupport))
        #expect(try stepped.exchange(request(.lookup, payload: name.withNUL)) == nil)
        let root = Entry(node: .root, attributes: .directory(inode: 1))
        try stepped.session.fileSystem.take().reply(root)
        #expect(stepped.channel.takeReplies().map(\.error) == [nil])
    }

    /// Nothing that a method returns after it has deferred its reply counts: no file is open, none is registered, and no
    /// lookup is given back.
    @Test func whatIsReturnedAfterwardsCountsForNothing() throws {
        let log = CapturedLog()
        let stepped = try Stepped(fileSystem, options: SessionOptions(logger: log.logger))
        fileSystem.returned.withLock { $0 = .passthrough(FileDescriptor(rawValue: 0)) }
        let probes = stepped.device.backings.withLock { $0.opened }
        for opcode in [Opcode.open, .create, .tmpfile, .lookup, .mkdir] {
            let reply = try put(off: Self.message(opcode), stepped)
            #expect(stepped.device.backings.withLock { $0.opened } == probes, "\(opcode)")
            reply.fail(.permissionDenied)
            #expect(stepped.channel.takeReplies() == [Sent(unique: Self.unique, error: .permissionDenied, body: [])])
        }
        #expect(fileSystem.recorded.takeCalls() == [])
        #expect(log.all == [])
        // The inode is idle: an open that is answered later is its first.
        let reply = try put(off: Self.message(.open), stepped)
        reply.reply(Opened(handle: 1, io: .passthrough(BackingFile(borrowing: FileDescriptor(rawValue: 0)))))
        let opened = try #require(stepped.channel.takeReplies().first).body.load(OpenOut.self)
        #expect(opened.open_flags == OpenFlags.passthrough.rawValue)
        #expect(stepped.device.backings.withLock { $0.live.count } == 1)
        _ = try stepped.exchange(request(.release, structure: bytes(ReleaseIn(fh: 1))))
        #expect(stepped.device.backings.withLock { $0.live.count } == 0)
    }

    @Test func aRequestIsDeferredOnce() throws {
        /// Puts each lookup off twice, and answers the first at once.
        final class TwiceFS: FileSystem {
            let connection = Mutex<Connection?>(nil)
            let second = Mutex<Errno?>(nil)
            func start(_ connection: Connection) { self.connection.withLock { $0 = connection } }
            func getattr(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply { throw .ioError }
            func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry {
                guard let connection = connection.withLock({ $0 }) else { throw .ioError }
                _ = connection.deferReply(to: request) { $0.fail(.permissionDenied) }
                let error = connection.deferReply(to: request) { $0.fail(.ioError) }
                second.withLock { $0 = error }
                throw error
            }
        }
        let stepped = try Stepped(TwiceFS())
        #expect(try stepped.exchange(Self.message(.lookup)) == Sent(unique: Self.unique, error: .permissionDenied, body: []))
        #expect(stepped.session.fileSystem.second.withLock { $0 } == .invalidArgument)
    }

    /// The memory of the request is the next one's as soon as the reply has left.
    @Test func whatIsAnsweredWhileItsMethodRunsLeavesWhenThatReturns() throws {
        /// Gives the reply on another thread, and reads the name after that.
        final class EarlyFS: FileSystem {
            let connection = Mutex<Connection?>(nil)
            let names = Mutex<[[UInt8]]>([])
            let isTaken = Mutex<@Sendable () -> Bool>({ true })
            func start(_ connection: Connection) { self.connection.withLock { $0 = connection } }
            func getattr(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply { throw .ioError }
            func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry {
                guard let connection = connection.withLock({ $0 }) else { throw .ioError }
                let error = connection.deferReply(to: request) { reply in
                    let box = DeferredReply.Box(reply)
                    do { try started { box.take()?.reply(RecordingFS.entry) }.value() } catch { Issue.record("\(error)") }
                }
                let hasLeft = isTaken.withLock { $0() }
                #expect(!hasLeft)
                let read = name.bytes.array
                names.withLock { $0.append(read) }
                throw error
            }
        }
        let fileSystem = EarlyFS()
        let stepped = try Stepped(fileSystem)
        let channel = stepped.channel
        fileSystem.isTaken.withLock { $0 = { !channel.takeReplies().isEmpty } }
        let reply = try stepped.exchange(Self.message(.lookup))
        #expect(reply == Sent(unique: Self.unique, error: nil, body: bytes(EntryOut(RecordingFS.entry))))
        #expect(fileSystem.names.withLock { $0 } == [Array(Dispatched.name.dropLast())])
        // It is not deferred any more, and the next one is served.
        #expect(stepped.session.interrupts.deferredCount == 0)
        #expect(try stepped.exchange(Self.message(.lookup)) == reply)
    }

    /// `readdir` was called for it.
    @Test func aListingInPlaceOfOneThatLooksUp() throws {
        let stepped = try Stepped(fileSystem)
        try answer(.readdir, try put(off: request(.readdirplus, structure: bytes(ReadIn(size: 512))), stepped))
        let entry = bytes(EntryOut()) + Dispatched.plainEntry
        #expect(stepped.channel.takeReplies() == [Sent(unique: Self.unique, error: nil, body: entry)])
    }

    /// Of every operation with every other one's kind of answer. It is told once for each operation.
    @Test func anAnswerOfAnotherKindIsEIO() throws {
        let log = CapturedLog()
        let stepped = try Stepped(fileSystem, options: SessionOptions(logger: log.logger))
        let rows = Dictionary(Self.deferrable.map { ($0.opcode, $0) }) { first, _ in first }
        for (opcode, row) in rows {
            for other in rows.keys where other.replyKind != opcode.replyKind {
                // One method gives the data of files and the values of attributes.
                if [.data, .value].contains(opcode.replyKind), [.data, .value].contains(other.replyKind) { continue }
                try answer(other, try put(off: row.message, stepped))
                #expect(stepped.channel.takeReplies() == [Sent(unique: Self.unique, error: .ioError, body: [])], "\(opcode) as \(other)")
            }
        }
        #expect(log.all.sorted() == rows.keys.map {
            "error: \($0) of node 7: the deferred reply is not of its kind; the caller gets EIO (told once for \($0))"
        }.sorted())
        #expect(fileSystem.recorded.takeCalls() == [])
    }

    @Test func dropped() throws {
        let log = CapturedLog()
        let stepped = try Stepped(fileSystem, options: SessionOptions(logger: log.logger))
        do { _ = try put(off: request(.read, structure: bytes(ReadIn(size: 4))), stepped) }
        #expect(stepped.channel.takeReplies() == [Sent(unique: Self.unique, error: .ioError, body: [])])
        #expect(log.all.last == "error: READ of node 7: the deferred reply was dropped; the caller gets EIO (told once for READ)")
    }

    @Test(arguments: [(Errno.permissionDenied, Errno.permissionDenied), (.noFunction, .ioError), (Errno(rawValue: 700), .ioError)])
    func errorsAreThoseThatTheKernelTakes(thrown: Errno, seen: Errno) throws {
        let stepped = try Stepped(fileSystem)
        try put(off: request(.getattr, structure: bytes(GetattrIn())), stepped).fail(thrown)
        #expect(stepped.channel.takeReplies() == [Sent(unique: Self.unique, error: seen, body: [])])
        try put(off: request(.read, structure: bytes(ReadIn(size: 4))), stepped).reply(data: { (_) throws(Errno) in throw thrown })
        #expect(stepped.channel.takeReplies() == [Sent(unique: Self.unique, error: seen, body: [])])
    }

    @Test(arguments: [Errno.noSuchFileOrDirectory, .operationNotSupportedByDevice, .connectionAbort])
    func whatNobodyReceivedComesBack(errno: Errno) throws {
        let stepped = try Stepped(fileSystem)
        for (opcode, calls) in [
            (Opcode.lookup, ["forget 39168 1"]), (.open, ["release 7#16962"]), (.opendir, ["releasedir 7#17219"]),
            (.create, ["release 39168#16962", "forget 39168 1"]), (.read, []),
        ] {
            let reply = try put(off: Self.message(opcode), stepped)
            stepped.channel.failReply(with: errno)
            try answer(opcode, reply)
            #expect(fileSystem.recorded.takeCalls() == calls)
            #expect(stepped.channel.takeReplies() == [])
        }
        #expect(fileSystem.recorded.record.withLock { $0.failure } == nil)
    }

    @Test func whatTheKernelRefusesIsEIO() throws {
        let stepped = try Stepped(fileSystem)
        let reply = try put(off: Self.message(.lookup), stepped)
        stepped.channel.failReply(with: .invalidArgument)
        try answer(.lookup, reply)
        #expect(stepped.channel.takeReplies() == [Sent(unique: Self.unique, error: .ioError, body: [])])
        #expect(fileSystem.recorded.takeCalls() == ["forget 39168 1"])
    }

    @Test func afterTheEndAnswersGoNowhere() throws {
        let stepped = try Stepped(fileSystem)
        let reply = try put(off: Self.message(.lookup), stepped)
        let dropped = try put(off: request(.open, structure: bytes(OpenIn()), unique: 8), stepped)
        stepped.session.end()
        #expect(fileSystem.recorded.record.withLock { $0.stops } == 1)
        try answer(.lookup, reply)
        _ = consume dropped
        #expect(stepped.channel.takeReplies() == [])
        #expect(fileSystem.recorded.takeCalls() == [])
    }

    @Test func whatIsSentAgainCanBeDeferredToo() throws {
        let stepped = try Stepped(fileSystem)
        let unique = Self.unique | FUSEProtocol.uniqueResend
        let reply = try put(off: request(.read, structure: bytes(ReadIn(size: 4)), unique: unique), stepped)
        try answer(.read, reply)
        #expect(stepped.channel.takeReplies() == [Sent(unique: unique, error: nil, body: [UInt8]("some".utf8))])
    }

    @Test func theEndOfTheConnectionIsToldAsAnInterrupt() throws {
        let stepped = try Stepped(fileSystem)
        let reply = try put(off: Self.message(.read), stepped)
        #expect(try !stepped.session.step(stepped.channel))
        while fileSystem.interruptions.withLock({ $0.isEmpty }) { sched_yield() }
        let isInterrupted = reply.isInterrupted
        #expect(isInterrupted)
        reply.fail(.interrupted)
        #expect(fileSystem.interruptions.withLock { $0 } == [RequestID(rawValue: Self.unique)])
    }

    /// Its security context comes with the request, which a deferred reply does not keep.
    @Test func whatMakesALabelledInodeCannotBeDeferred() throws {
        let stepped = try Stepped(DeferringFS(capabilities: [.securityCtx]))
        let message = try Self.message(.create)
        #expect(try stepped.exchange(message)?.error == .invalidArgument)
        #expect(throws: Errno.noSuchFileOrDirectory) { _ = try stepped.session.fileSystem.take() }
    }

    @Test func interruptedIsToldOnce() throws {
        let stepped = try Stepped(fileSystem)
        let reply = try put(off: Self.message(.read), stepped)
        let before = reply.isInterrupted
        #expect(!before)
        for _ in 0..<3 { _ = try stepped.exchange(request(.interrupt, structure: bytes(InterruptIn(unique: Self.unique)), unique: Self.unique | 1)) }
        let after = reply.isInterrupted
        #expect(after)
        #expect(fileSystem.interruptions.withLock { $0 } == [RequestID(rawValue: Self.unique)])
        reply.fail(.interrupted)
        #expect(stepped.channel.takeReplies() == [Sent(unique: Self.unique, error: .interrupted, body: [])])
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
