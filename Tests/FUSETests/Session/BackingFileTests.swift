// SPDX-License-Identifier: MIT

import FUSESimulation
import FUSEWire
import class Foundation.FileManager
import Glibc
import Synchronization
import SystemPackage
import Testing

@testable import FUSE

/// What an answer is backed by comes back once, in each way that an open can end, and is there as long as it is used.
@Suite struct BackingFileTests {
    let lender = Lender(FileDescriptor(rawValue: 0))

    static let requests: [Opcode: [UInt8]] = [
        .open: request(.open, structure: bytes(OpenIn(flags: 2))),
        .create: request(.create, structure: bytes(CreateIn(flags: 2)), payload: Dispatched.name),
        .tmpfile: request(.tmpfile, structure: bytes(CreateIn(flags: 2)), payload: Dispatched.name),
    ]

    /// How many are out while a file is registered.
    func countingDevice(_ script: [Errno?] = []) -> (ScriptedDevice, @Sendable () -> [Int]) {
        let seen = Mutex<[Int]>([])
        let lender = lender
        let device = ScriptedDevice(script: script, whileOpening: { seen.withLock { $0.append(lender.out) } })
        // The first is the probe's.
        return (device, { seen.withLock { Array($0.dropFirst()) } })
    }

    func recording() -> RecordingFS {
        let fileSystem = RecordingFS()
        fileSystem.wish(.passthrough(from: lender))
        return fileSystem
    }

    func expectBack(_ lent: Int) {
        #expect(lender.lent == lent)
        #expect(lender.out == 0)
        #expect(lender.wrong == [])
    }

    @Test(arguments: requests.keys) func passedThrough(opcode: Opcode) throws {
        let (device, seen) = countingDevice()
        let stepped = try Stepped(recording(), device: device)
        let message = try #require(Self.requests[opcode])
        #expect(try stepped.exchange(message)?.error == nil)
        expectBack(1)
        // The second one joins what there is.
        #expect(try stepped.exchange(message)?.error == nil)
        expectBack(2)
        #expect(seen() == [1], "it is there while it is registered")
        #expect(device.backings.withLock { $0.live.count } == 1)
    }

    @Test(arguments: [Errno.invalidArgument, .badFileDescriptor, .notPermitted, .noMemory, .resourceTemporarilyUnavailable])
    func refused(errno: Errno) throws {
        let (device, seen) = countingDevice([nil] + [Errno?](repeating: errno, count: 100))
        let stepped = try Stepped(recording(), device: device)
        let reply = try stepped.exchange(try #require(Self.requests[.open]))
        #expect(try reply?.body.load(OpenOut.self).open_flags == 0)
        #expect(seen().count > 0 && seen().allSatisfy { $0 == 1 })
        expectBack(1)
    }

    @Test func servedWithoutPassthrough() throws {
        let (device, seen) = countingDevice([.notPermitted])
        let stepped = try Stepped(recording(), device: device)
        for message in Self.requests.values { #expect(try stepped.exchange(message)?.error == nil) }
        #expect(seen() == [])
        expectBack(3)
    }

    /// Beside one that is served from the cache.
    @Test func servedBesideAnother() throws {
        let (device, seen) = countingDevice()
        let fileSystem = RecordingFS()
        let stepped = try Stepped(fileSystem, device: device)
        let message = try #require(Self.requests[.open])
        _ = try stepped.exchange(message)
        fileSystem.wish(.passthrough(from: lender))
        #expect(try stepped.exchange(message)?.body.load(OpenOut.self).open_flags == 0)
        #expect(seen() == [])
        expectBack(1)
    }

    @Test(arguments: requests.keys, [Errno.noSuchFileOrDirectory, .connectionAbort, .invalidArgument])
    func notReceived(opcode: Opcode, errno: Errno) throws {
        let (device, _) = countingDevice()
        let stepped = try Stepped(recording(), device: device)
        stepped.channel.failReply(with: errno)
        stepped.channel.send(try #require(Self.requests[opcode]))
        _ = try stepped.session.step(stepped.channel)
        expectBack(1)
        #expect(device.backings.withLock { $0.live } == [:])
    }

    /// The entry is none that the kernel would take.
    @Test func withAWrongEntry() throws {
        let (device, seen) = countingDevice()
        let fileSystem = FaultyFS()
        let lender = lender
        fileSystem.set {
            $0.io = .passthrough(from: lender)
            $0.entry.node = 0
        }
        let stepped = try Stepped(fileSystem, device: device)
        for opcode in [Opcode.create, .tmpfile] {
            #expect(try stepped.exchange(try #require(Self.requests[opcode]))?.error == .ioError)
        }
        #expect(seen() == [])
        expectBack(2)
    }

    // MARK: Deferred

    /// A session that has put off the reply to a request.
    func deferring(_ opcode: Opcode, _ device: ScriptedDevice) throws -> Stepped<DeferringFS> {
        let stepped = try Stepped(DeferringFS(), device: device)
        stepped.channel.send(try #require(Self.requests[opcode]))
        _ = try stepped.session.step(stepped.channel)
        return stepped
    }

    private func opened() -> Opened { Opened(handle: 1, io: .passthrough(lender.lend())) }

    @Test func givenLater() throws {
        let (device, seen) = countingDevice()
        let first = try deferring(.open, device)
        try first.session.fileSystem.take().reply(opened())
        #expect(try first.channel.takeReplies().first?.body.load(OpenOut.self).open_flags == OpenFlags.passthrough.rawValue)
        let second = try deferring(.create, device)
        try second.session.fileSystem.take().reply(Created(entry: RecordingFS.entry, opened: opened()))
        #expect(second.channel.takeReplies().map(\.error) == [nil])
        // The second probe was in between.
        #expect(seen() == [1, 0, 1])
        expectBack(2)
    }

    /// To a request of another kind, to one whose caller has gone, and after the session's end.
    @Test func givenInVain() throws {
        let (device, seen) = countingDevice()
        let wrong = try deferring(.open, device)
        try wrong.session.fileSystem.take().reply(Created(entry: RecordingFS.entry, opened: opened()))
        #expect(wrong.channel.takeReplies().map(\.error) == [.ioError])
        expectBack(1)
        let gone = try deferring(.open, device)
        gone.channel.failReply(with: .noSuchFileOrDirectory)
        try gone.session.fileSystem.take().reply(opened())
        expectBack(2)
        let ended = try deferring(.open, device)
        let late = try ended.session.fileSystem.take()
        ended.session.end()
        late.reply(opened())
        expectBack(3)
        #expect(seen() == [0, 1, 0])
        #expect(device.backings.withLock { $0.live } == [:])
    }

    /// What a method returns after it has put its reply off.
    @Test(arguments: requests.keys) func returnedBesideADeferredReply(opcode: Opcode) throws {
        let (device, seen) = countingDevice()
        let stepped = try Stepped(DeferringFS(), device: device)
        stepped.session.fileSystem.returned.withLock { [lender] in $0 = .passthrough(from: lender) }
        stepped.channel.send(try #require(Self.requests[opcode]))
        _ = try stepped.session.step(stepped.channel)
        expectBack(1)
        #expect(seen() == [])
        do { _ = try stepped.session.fileSystem.take() }
        #expect(stepped.channel.takeReplies().map(\.error) == [.ioError], "and the reply was dropped")
        expectBack(1)
    }

    // MARK: The three ways back

    @Test func eachWayBack() throws {
        let (borrowed, owned) = (dup(0), dup(0))
        do {
            _ = BackingFile(borrowing: FileDescriptor(rawValue: borrowed))
            _ = BackingFile(owning: FileDescriptor(rawValue: owned))
            // One that is none does no harm.
            _ = BackingFile(owning: FileDescriptor(rawValue: -1))
            _ = Opened.IO.passthroughDirect(lender.lend())
        }
        #expect(fcntl(borrowed, F_GETFD) >= 0)
        close(borrowed)
        expectBack(1)
    }

    /// A file of its own for each open, in a kernel that looks at what it is given.
    @Test func ownedByTheAnswer() throws {
        final class OwningFS: FileSystem {
            let path: FilePath
            init(_ path: FilePath) { self.path = path }
            func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry {
                Entry(node: 2, attributes: .file(inode: 2, size: 5), entryTimeout: .zero, attributesTimeout: .zero)
            }
            func getattr(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
                AttributesReply(node == .root ? .directory(inode: 1) : .file(inode: 2, size: 5), timeout: .zero)
            }
            func open(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> Opened {
                do { return Opened(io: .passthrough(BackingFile(owning: try FileDescriptor.open(path, .readOnly)), otherwise: .direct)) } catch {
                    throw .ioError
                }
            }
        }
        let directory = try TemporaryDirectory()
        let path = FilePath(directory.path + "/file")
        let file = try FileDescriptor.open(path, .writeOnly, options: .create, permissions: .ownerReadWrite)
        try file.closeAfter { _ = try file.writeAll("hello".utf8) }
        let simulation = try Simulation(OwningFS(path))
        let process = try simulation.makeProcess()
        for _ in 0..<3 {
            let file = try process.open("/file", O_RDONLY)
            #expect(String(decoding: try process.pread(file, 9, at: 0), as: UTF8.self) == "hello")
            // Nothing is open on it any more but what that kernel keeps: for the registration, and for the open file.
            #expect(openCount(of: path) == 2)
            try process.close(file)
        }
        process.exit()
        #expect(simulation.session.counters[.read] == 0)
        #expect(simulation.end() == Leftover())
        #expect(openCount(of: path) == 0)
    }

    /// How many descriptors of this process lead to a file.
    private func openCount(of path: FilePath) -> Int {
        let files = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return files.count { (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")) == path.string }
    }
}
