// SPDX-License-Identifier: MIT

import FUSE
import FUSEWire
import Logging
import SystemPackage
import Testing

/// What an answer to an open becomes on the wire: only flags that the kernel takes together.
@Suite struct OpenReplyTests {
    struct OpensFS: FileSystem {
        var io = Wish.cached
        var skipsFlush = false
        var nonSeekable = false
        var directory = OpenedDirectory()

        func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry { throw .ioError }
        func getattr(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply { throw .ioError }
        func open(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> Opened {
            Opened(handle: 9, io: io.io, skipsFlush: skipsFlush, nonSeekable: nonSeekable)
        }
        func opendir(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> OpenedDirectory { directory }
    }

    func reply(_ fileSystem: OpensFS, _ opcode: Opcode = .open, device: ScriptedDevice = ScriptedDevice()) throws -> OpenOut {
        let reply = try Stepped(fileSystem, device: device).exchange(request(opcode, structure: bytes(OpenIn())))
        return try #require(reply).body.load()
    }

    static let pass = Wish.passthrough(FileDescriptor(rawValue: 0))

    @Test(arguments: [
        (Wish.cached, OpenFlags([])), (.keepingCache, .keepCache), (.direct, .directIO), (pass, .passthrough),
    ])
    func theWayOfAnOpen(io: Wish, flags: OpenFlags) throws {
        let isPassed = flags.contains(.passthrough)
        // The probe had the first id.
        let id: Int32 = isPassed ? 2 : 0
        #expect(try reply(OpensFS(io: io)) == OpenOut(fh: 9, open_flags: flags.rawValue, backing_id: id))
        let quiet = try reply(OpensFS(io: io, skipsFlush: true))
        #expect(quiet.open_flags == flags.union(.noflush).rawValue)
        // Not next to passthrough: the kernel would fail the open.
        let stream = try reply(OpensFS(io: io, nonSeekable: true))
        #expect(stream.open_flags == (isPassed ? flags : flags.union(.nonseekable)).rawValue)
    }

    @Test func withoutPassthroughTheOtherFlagsStay() throws {
        let fileSystem = OpensFS(io: Self.pass, skipsFlush: true, nonSeekable: true)
        let reply = try reply(fileSystem, device: ScriptedDevice(script: [.notPermitted]))
        #expect(reply == OpenOut(fh: 9, open_flags: OpenFlags([.noflush, .nonseekable]).rawValue))
    }

    @Test(arguments: [(false, false, OpenFlags([])), (true, false, .cacheDir), (true, true, [.cacheDir, .keepCache])] as [(Bool, Bool, OpenFlags)])
    func theWayOfADirectory(caches: Bool, keeps: Bool, flags: OpenFlags) throws {
        let directory = OpenedDirectory(handle: 9, cachesEntries: caches, keepsCache: keeps)
        #expect(try reply(OpensFS(directory: directory), .opendir) == OpenOut(fh: 9, open_flags: flags.rawValue))
    }

    @Test func aReleaseTakesTheBackingBack() throws {
        let stepped = try Stepped(OpensFS(io: Self.pass))
        for _ in 0..<2 { _ = try stepped.exchange(request(.open, structure: bytes(OpenIn()))) }
        #expect(stepped.device.backings.withLock { $0.live.count } == 1)
        _ = try stepped.exchange(request(.release, structure: bytes(ReleaseIn())))
        #expect(stepped.device.backings.withLock { $0.live.count } == 1)
        _ = try stepped.exchange(request(.release, structure: bytes(ReleaseIn())))
        #expect(stepped.device.backings.withLock { $0.live.count } == 0)
    }

    @Test func anOpenThatThrowsHoldsNothing() throws {
        let fileSystem = RecordingFS()
        let stepped = try Stepped(fileSystem)
        fileSystem.wish(Self.pass)
        fileSystem.fail(with: .permissionDenied)
        #expect(try stepped.exchange(request(.open, structure: bytes(OpenIn())))?.error == .permissionDenied)
        #expect(stepped.device.backings.withLock { $0.opened } == 1, "only the probe")
    }
}
