// SPDX-License-Identifier: MIT

import FUSE
import FUSEWire
import Logging
import SystemPackage
import Testing

/// A reply that nobody received hands nothing over: what it named comes back, once.
@Suite struct TakeBackTests {
    let fileSystem = RecordingFS()

    /// Answers a request whose reply nobody takes, and returns the calls after the request's own.
    func unreceived(_ stepped: Stepped<RecordingFS>, _ message: [UInt8], _ errno: Errno = .noSuchFileOrDirectory) throws -> [String] {
        stepped.channel.failReply(with: errno)
        stepped.channel.send(message)
        let goesOn = try stepped.session.step(stepped.channel)
        #expect(goesOn == (errno == .noSuchFileOrDirectory))
        #expect(stepped.channel.takeReplies() == [])
        return Array(fileSystem.takeCalls().dropFirst())
    }

    static let lookups: Set<Opcode> = [.lookup, .symlink, .mknod, .mkdir, .link, .readdirplus]

    @Test(arguments: Dispatched.all, [Errno.noSuchFileOrDirectory, .operationNotSupportedByDevice, .connectionAbort])
    func whatWasHandedOverComesBack(row: Dispatched, errno: Errno) throws {
        let stepped = try Stepped(fileSystem)
        let taken = try unreceived(stepped, row.message, errno)
        switch row.opcode {
        case let opcode where Self.lookups.contains(opcode): #expect(taken == ["forget 39168 1"])
        case .create, .tmpfile: #expect(taken == ["release 39168#16962", "forget 39168 1"])
        case .open: #expect(taken == ["release 7#16962"])
        case .opendir: #expect(taken == ["releasedir 7#17219"])
        default: #expect(taken == [])
        }
    }

    @Test func errorsHandNothingOver() throws {
        let stepped = try Stepped(fileSystem)
        fileSystem.fail(with: .permissionDenied)
        for row in Dispatched.all { #expect(try unreceived(stepped, row.message) == []) }
    }

    @Test func aNameThatIsNotThereHandsNothingOver() throws {
        struct AbsentFS: FileSystem {
            let known = RecordingFS()
            func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry { .absent(for: .seconds(1)) }
            func getattr(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply { throw .ioError }
            func forget(_ node: NodeID, lookups: UInt64) { known.forget(node, lookups: lookups) }
        }
        let stepped = try Stepped(AbsentFS())
        stepped.channel.failReply(with: .noSuchFileOrDirectory)
        #expect(try stepped.exchange(request(.lookup, payload: Dispatched.name)) == nil)
        #expect(stepped.session.fileSystem.known.takeCalls() == [])
    }

    @Test func everyEntryOfAListingComesBackButTheDots() throws {
        let listing = ListingFS(names: [".", ".."] + (0..<20).map { "entry\($0)" })
        let stepped = try Stepped(listing)
        stepped.channel.failReply(with: .noSuchFileOrDirectory)
        #expect(try stepped.exchange(request(.readdirplus, structure: bytes(ReadIn(size: 1500)))) == nil)
        #expect(listing.lookups == [:])
    }

    /// An open that nobody received is none: the next one finds the inode idle.
    @Test func anUnreceivedOpenHoldsNoBacking() throws {
        let stepped = try Stepped(fileSystem)
        fileSystem.wish(.passthrough(FileDescriptor(rawValue: 0)))
        let create = request(.create, structure: bytes(CreateIn(flags: 2)), payload: Dispatched.name)
        for message in [request(.open, structure: bytes(OpenIn(flags: 2))), create] {
            _ = try unreceived(stepped, message)
            #expect(stepped.device.backings.withLock { $0.live } == [:])
        }
        let received = try stepped.exchange(request(.open, structure: bytes(OpenIn(flags: 2))))
        #expect(try received?.body.load(OpenOut.self).open_flags == OpenFlags.passthrough.rawValue)
        #expect(stepped.device.backings.withLock { $0.live.count } == 1)
        #expect(stepped.device.backings.withLock { $0.wronglyClosed } == [])
    }

    /// What the kernel finds wrong with one reply is no end of the connection: its caller gets EIO.
    @Test func aReplyThatTheKernelRefuses() throws {
        let log = CapturedLog()
        let stepped = try Stepped(fileSystem, options: SessionOptions(logger: log.logger))
        stepped.channel.failReply(with: .invalidArgument)
        let reply = try stepped.exchange(request(.lookup, payload: Dispatched.name))
        #expect(reply == Sent(unique: 0x1122_3344_5566_7788, error: .ioError, body: []))
        #expect(fileSystem.takeCalls() == ["lookup a name in 7", "forget 39168 1"])
        #expect(log.all == ["error: LOOKUP of node 7: the kernel refused the reply: Invalid argument; the caller gets EIO (told once for LOOKUP)"])
    }

    /// The kernel may have ended the request by itself, or the connection in between.
    @Test(arguments: [(Errno.noSuchFileOrDirectory, true), (.operationNotSupportedByDevice, false)])
    func aRefusedReplyThatNobodyWaitsForAnyMore(errno: Errno, goesOn: Bool) throws {
        let stepped = try Stepped(fileSystem)
        stepped.channel.failReply(with: .noMemory)
        stepped.channel.failReply(with: errno)
        stepped.channel.send(request(.lookup, payload: Dispatched.name))
        #expect(try stepped.session.step(stepped.channel) == goesOn)
        #expect(stepped.channel.takeReplies() == [])
    }

    @Test func aDeviceThatRefusesEvenTheError() throws {
        let stepped = try Stepped(fileSystem)
        for _ in 0..<2 { stepped.channel.failReply(with: .notPermitted) }
        stepped.channel.send(request(.lookup, payload: Dispatched.name))
        #expect(throws: Errno.notPermitted) { try stepped.session.step(stepped.channel) }
    }
}
