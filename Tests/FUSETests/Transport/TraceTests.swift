// SPDX-License-Identifier: MIT

import Foundation
import FUSEWire
import Synchronization
import SystemPackage
import Testing

@testable import FUSE

/// Keeps the lines of a trace.
final class KeptTrace: Sendable {
    private let lines = Mutex<[String]>([])
    /// Signalled by each line.
    let gotLine = DispatchSemaphore(value: 0)

    var write: @Sendable (String) -> Void {
        { line in
            self.lines.withLock { $0.append(line) }
            self.gotLine.signal()
        }
    }

    /// The lines since the last call, with `us=N` for how long something took, and `fd=N`.
    func take() -> [String] {
        lines.withLock { lines in
            defer { lines = [] }
            return lines.map { $0.replacingOccurrences(of: " (us|fd)=[0-9]+", with: " $1=N", options: .regularExpression) }
        }
    }
}

/// A line for each message, with its fields by name.
@Suite struct TraceTests {
    private static let caller = " uid=1000 gid=100 pid=4711"

    @Test func eachOperationShowsItsFieldsAndItsAnswer() throws {
        let trace = KeptTrace()
        let stepped = try Stepped(RecordingFS(), trace: trace.write)
        _ = trace.take()
        #expect(tracedDispatches.count == 2 * Dispatched.all.count)
        for (index, row) in Dispatched.all.enumerated() {
            _ = try stepped.exchange(row.message)
            // The waker of a poll sends its notification when it likes.
            let lines = trace.take().filter { !$0.hasPrefix("!") }
            let shown = lines.map {
                $0.replacingOccurrences(of: " 1234605616436508552 ", with: " ").replacingOccurrences(of: Self.caller, with: "")
                    .replacingOccurrences(of: " us=N", with: "")
            }
            #expect(shown == Array(tracedDispatches.dropFirst(2 * index).prefix(2)))
            #expect(lines.first?.hasSuffix(Self.caller) == true)
            #expect(lines.last?.contains("\(row.opcode) us=N") == true)
        }
    }

    @Test func theHandshakeIsTheFirstExchange() throws {
        let trace = KeptTrace()
        _ = try Stepped(RecordingFS(), opening: initRequest(offers: [.initExt, .passthrough, .posixACL]), trace: trace.write)
        #expect(
            trace.take() == [
                "> 2 INIT major=7 minor=45 max_readahead=131072 flags=POSIX_ACL|INIT_EXT|PASSTHROUGH\(Self.caller)",
                "< 2 INIT us=N major=7 minor=45 max_readahead=131072 flags=INIT_EXT|PASSTHROUGH max_background=64 congestion_threshold=48 max_write=131072 time_gran=1 max_pages=32 max_stack_depth=1",
                // The probe.
                "! BACKING_OPEN us=N error=EINVAL fd=N flags=SERVER_ID id=1",
                "! BACKING_OPEN us=N fd=N backing_id=1", "! BACKING_CLOSE us=N backing_id=1",
            ])
    }

    @Test func errorsHaveTheirNames() throws {
        let trace = KeptTrace()
        let stepped = try Stepped(EmptyFS(), trace: trace.write)
        _ = trace.take()
        _ = try stepped.exchange(request(.lookup, payload: "x".withNUL, unique: 4))
        _ = try stepped.exchange(request(.unlink, payload: "x".withNUL, unique: 6))
        _ = try stepped.exchange(request(.bmap, structure: bytes(BmapIn()), unique: 8))
        // Cut short.
        _ = try stepped.exchange(request(.read, structure: [1, 2, 3], unique: 10))
        _ = try stepped.exchange(request(Opcode(rawValue: 99), unique: 12 | FUSEProtocol.uniqueResend))
        #expect(
            trace.take() == [
                "> 4 LOOKUP nodeid=7 name=\"x\"\(Self.caller)", "< 4 LOOKUP us=N error=ENOENT",
                "> 6 UNLINK nodeid=7 name=\"x\"\(Self.caller)", "< 6 UNLINK us=N error=ENOSYS",
                "> 8 BMAP nodeid=7\(Self.caller)", "< 8 BMAP us=N error=ENOSYS",
                "> 10 READ nodeid=7 (malformed)\(Self.caller)", "< 10 READ us=N error=EIO",
                "> 12 opcode 99 RESENT nodeid=7\(Self.caller)", "< 12 opcode 99 RESENT us=N error=ENOSYS",
            ])
    }

    @Test func whatGetsNoReplyHasOneLine() throws {
        let trace = KeptTrace()
        let stepped = try Stepped(RecordingFS(), trace: trace.write)
        _ = trace.take()
        _ = try stepped.exchange(request(.forget, structure: bytes(ForgetIn(nlookup: 3)), unique: 4))
        _ = try stepped.exchange(
            request(
                .batchForget, structure: bytes(BatchForgetIn(count: 2)),
                payload: bytes(ForgetOne(nodeid: 8, nlookup: 1)) + bytes(ForgetOne(nodeid: 9, nlookup: 2)), node: 0, unique: 6))
        _ = try stepped.exchange(request(.interrupt, structure: bytes(InterruptIn(unique: 4)), node: 0, unique: 5))
        #expect(
            trace.take() == [
                "> 4 FORGET nodeid=7 nlookup=3\(Self.caller)", "> 6 BATCH_FORGET count=2 8=1 9=2\(Self.caller)",
                "> 5 INTERRUPT unique=4\(Self.caller)",
            ])
    }

    @Test func aNegativeEntryAndAGroup() throws {
        let trace = KeptTrace()
        let stepped = try Stepped(AbsentFS(), trace: trace.write)
        _ = trace.take()
        _ = try stepped.exchange(request(.lookup, payload: "x".withNUL, unique: 4))
        _ = try stepped.exchange(
            request(.mkdir, structure: bytes(MkdirIn(mode: 0o755)), payload: "d".withNUL, extensions: groupsExtension([44]), unique: 6))
        #expect(
            trace.take() == [
                "> 4 LOOKUP nodeid=7 name=\"x\"\(Self.caller)", "< 4 LOOKUP us=N nodeid=0 entry_valid=2.000000000",
                "> 6 MKDIR nodeid=7 name=\"d\" mode=0755 umask=0 group=44\(Self.caller)", "< 6 MKDIR us=N error=ENOSYS",
            ])
    }

    @Test func aReplyThatNobodyReceives() throws {
        let trace = KeptTrace()
        let stepped = try Stepped(RecordingFS(), trace: trace.write)
        _ = trace.take()
        stepped.channel.failReply(with: .noSuchFileOrDirectory)
        _ = try stepped.exchange(request(.unlink, payload: "x".withNUL, unique: 4))
        #expect(
            trace.take() == [
                "> 4 UNLINK nodeid=7 name=\"x\"\(Self.caller)", "< 4 UNLINK us=N", "? 4 refused=ENOENT",
            ])
    }

    @Test func aDeferredReplyIsShownWhenItIsGiven() throws {
        let trace = KeptTrace()
        let fileSystem = DeferringFS()
        let stepped = try Stepped(fileSystem, trace: trace.write)
        _ = trace.take()
        _ = try stepped.exchange(request(.read, structure: bytes(ReadIn(fh: 5, size: 10)), unique: 4))
        #expect(trace.take() == ["> 4 READ nodeid=7 fh=5 offset=0 size=10 flags=O_RDONLY\(Self.caller)"])
        try fileSystem.take().reply(data: { (data) throws(Errno) in data.write("four") })
        #expect(trace.take() == ["< 4 READ us=N size=4"])
        _ = try stepped.exchange(request(.fsync, structure: bytes(FsyncIn(fh: 5)), unique: 6))
        try fileSystem.take().fail(.noSpace)
        #expect(trace.take().last == "< 6 FSYNC us=N error=ENOSPC")
    }

    @Test func notificationsAreShownWithWhatTheKernelSaid() throws {
        let trace = KeptTrace()
        let device = ScriptedDevice()
        let stepped = try Stepped(RecordingFS(), device: device, trace: trace.write)
        let notifier = stepped.session.connection.notifier
        _ = trace.take()
        try notifier.sendAndWait(.attributes(7))
        try notifier.sendAndWait(.content(7, 4096..<8192))
        device.notifications.withLock { $0.script = [.noSuchFileOrDirectory] }
        try notifier.sendAndWait(.entry(parent: 1, name: "x\ny"))
        try notifier.sendAndWait(.expireEntry(parent: 1, name: "x"))
        try notifier.sendAndWait(.deleted(parent: 1, child: 7, name: "x"))
        try notifier.sendAndWait(.store(7, at: 5, [1, 2, 3]))
        try notifier.sendAndWait(.resend)
        try notifier.sendAndWait(.newEpoch)
        try notifier.sendAndWait(.prune([7, 8]))
        #expect(
            trace.take() == [
                "! INVAL_INODE us=N ino=7 off=-1 len=0", "! INVAL_INODE us=N ino=7 off=4096 len=4096",
                #"! INVAL_ENTRY us=N error=ENOENT parent=1 name="x\x0ay""#,
                #"! INVAL_ENTRY us=N parent=1 name="x" flags=EXPIRE_ONLY"#, #"! DELETE us=N parent=1 child=7 name="x""#,
                "! STORE us=N nodeid=7 offset=5 size=3", "! RESEND us=N", "! INC_EPOCH us=N", "! PRUNE us=N count=2",
            ])
        // INIT and its reply, the three lines of the probe for passthrough, and the nine above.
        for _ in 0..<14 { trace.gotLine.wait() }
        try notifier.retrieve(7, at: 0, count: 10) { _, _ in }
        trace.gotLine.wait()
        #expect(trace.take() == ["! RETRIEVE us=N notify_unique=4611686018427387906 nodeid=7 offset=0 size=10"])
    }

    @Test func namesStayOnTheirLine() {
        #expect(TraceLine.quoted([UInt8]("plain ü \u{1f600}\0".utf8)) == "\"plain ü \u{1f600}\"")
        #expect(TraceLine.quoted([UInt8]("a\"b\\c".utf8)) == #""a\"b\\c""#)
        #expect(TraceLine.quoted([UInt8]("\u{1b}[2J\n\u{9b}".utf8)) == #""\x1b[2J\x0a\xc2\x9b""#)
        #expect(TraceLine.quoted([0x61, 0xff, 0xc3, 0x22]) == #""a\xff\xc3\x22""#)
        #expect(TraceLine.quoted([]) == #""""#)
    }

    @Test func bitsHaveTheirNames() {
        #expect(BitNames.open.describe(0) == "O_RDONLY")
        #expect(BitNames.open.describe(0o20200002) == "O_RDWR|O_TMPFILE")
        #expect(BitNames.open.describe(0o4010001) == "O_WRONLY|O_SYNC")
        #expect(BitNames.open.describe(3 | 1 << 31) == "0x80000003")
        #expect(BitNames.access.describe(0) == "F_OK")
        #expect(BitNames.access.describe(6) == "R_OK|W_OK")
        #expect(BitNames.statx.describe(0x17ff) == "BASIC_STATS|MNT_ID")
        #expect(BitNames.seek.describe(17) == "0x11")
        #expect(BitNames.poll.describe(0) == "")
    }
}

/// Nothing is there, which may be remembered.
private struct AbsentFS: FileSystem {
    func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry { .absent(for: .seconds(2)) }
    func getattr(_ node: NodeID, handle: FUSE.FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        throw .noSuchFileOrDirectory
    }
}

/// Nothing is there.
private struct EmptyFS: FileSystem {
    func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry { throw .noSuchFileOrDirectory }
    func getattr(_ node: NodeID, handle: FUSE.FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        throw .noSuchFileOrDirectory
    }
}
