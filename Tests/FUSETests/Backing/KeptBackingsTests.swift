// SPDX-License-Identifier: MIT

import FUSEWire
import Glibc
import Logging
import SystemPackage
import Testing

@testable import FUSE

/// Registrations that outlive the last close.
@Suite(.timeLimit(.minutes(10))) struct KeptBackingsTests {
    static let pass = Wish.passthrough(FileDescriptor(rawValue: 0))

    static func use(_ backings: InodeBackings, _ nodes: NodeID...) {
        for node in nodes {
            #expect(backings.admit(node, pass).flags == .passthrough)
            backings.release(node)
        }
    }

    func live(_ device: ScriptedDevice) -> Set<Int32> { device.backings.withLock { Set($0.live.keys.map(\.rawValue)) } }

    /// Its number is the node's: what is live can be seen by the ids.
    func serving(kept: Int, keptFor: Duration? = nil, _ clock: TestClock = TestClock()) -> (ScriptedDevice, InodeBackings) {
        let device = ScriptedDevice(takesServerIDs: true)
        let backings = InodeBackings(
            device, ids: .chosen { BackingID(rawValue: Int32(truncatingIfNeeded: $0.rawValue)) }, kept: kept, keptFor: keptFor,
            now: clock.now)
        return (device, backings)
    }

    @Test func theNextOpenCostsNoCall() {
        let (device, backings) = serving(kept: 2)
        for _ in 0..<5 { Self.use(backings, 7) }
        #expect(device.backings.withLock { ($0.opened, $0.closed) } == (1, 0))
        #expect((backings.registered, backings.kept) == (1, 1))
        _ = backings.admit(7, Self.pass)
        #expect((backings.registered, backings.kept) == (1, 0))
    }

    /// Over shards: 16 lists, one order.
    @Test func theLongestUnusedGoesFirst() {
        let (device, backings) = serving(kept: 3)
        Self.use(backings, 1, 2, 3, 1, 4)
        #expect(live(device) == [3, 1, 4])
        Self.use(backings, 3, 20, 36)
        #expect(live(device) == [3, 20, 36])
        #expect(backings.relieve(2) == 2)
        #expect(live(device) == [36])
        #expect(backings.relieve(2) == 1)
        device.expectBalance(backings)
    }

    /// But for one block of 256 records in each shard.
    @Test func theMemoryOfThoseThatAreGoneGoes() {
        let (device, backings) = serving(kept: 20_000)
        for node in 1...100_000 {
            Self.use(backings, NodeID(rawValue: UInt64(node)))
            // One of those that stay open.
            if node % 10_000 == 0 { _ = backings.admit(NodeID(rawValue: UInt64(node)), Self.pass) }
        }
        #expect(backings.blockCount >= 20_000 / 256)
        #expect(backings.relieve(20_000) == 19_999)
        #expect(backings.registered == 10)
        #expect(backings.blockCount <= 10 + InodeBackings.shardCount)
        for node in 1...10 { backings.release(NodeID(rawValue: UInt64(node * 10_000))) }
        _ = backings.relieve(10)
        #expect(backings.blockCount <= InodeBackings.shardCount)
        Self.use(backings, 7, 100_000)
        backings.end()
        device.expectBalance(backings)
    }

    @Test func zeroKeepsNone() {
        let (device, backings) = serving(kept: 0)
        Self.use(backings, 1, 2)
        device.expectBalance(backings)
    }

    @Test func whatIsDroppedIsTakenBackAtOnceOrWithTheLastRelease() {
        let (device, backings) = serving(kept: 8)
        Self.use(backings, 1)
        backings.drop(1)
        #expect(live(device) == [])
        for _ in 0..<2 { _ = backings.admit(2, Self.pass) }
        backings.drop(2)
        backings.release(2)
        #expect(live(device) == [2])
        backings.release(2)
        #expect(live(device) == [])
        // It says nothing about the next time.
        Self.use(backings, 2)
        #expect(live(device) == [2])
        backings.drop(99)
        backings.end()
        device.expectBalance(backings)
    }

    @Test func anInodeThatIsServedOtherwiseMeanwhileLosesNothing() {
        let (device, backings) = serving(kept: 8)
        Self.use(backings, 1)
        #expect(backings.admit(1, .cached) == .init(flags: []))
        #expect(backings.admit(1, Self.pass) == .init(flags: []))
        #expect((backings.registered, backings.kept) == (1, 1))
        // It is used by nobody: it may go under them.
        #expect(backings.relieve(1) == 1)
        for _ in 0..<2 { backings.release(1) }
        Self.use(backings, 1)
        #expect(device.backings.withLock { ($0.opened, $0.closed) } == (2, 1))
    }

    /// A registration has one kind of rights: for a writer of the other kind an idle inode gets another, for readers it stays.
    @Test func whatIsKeptIsRegisteredAnewForAnotherKindOfWriter() {
        let (device, backings) = serving(kept: 8)
        let file = FileDescriptor(rawValue: 0)
        let root = Wish.passthrough(file, for: Opened.IO.Opener(leavesPrivileges: true))
        let reader = Wish.passthrough(file, for: Opened.IO.Opener(writes: false, leavesPrivileges: true))
        Self.use(backings, 1)
        for (wish, registrations) in [(reader, 1), (root, 2), (root, 2), (reader, 2), (Self.pass, 3)] {
            #expect(backings.admit(1, wish).flags == .passthrough)
            backings.release(1)
            #expect(device.backings.withLock { ($0.opened, $0.closed) } == (registrations, registrations - 1))
            #expect((backings.registered, backings.kept) == (1, 1))
        }
        backings.end()
        device.expectBalance(backings)
    }

    /// The number passes to another node, whose file is another one: nothing of the old one may be found.
    @Test func aNumbersNextNodeGetsARegistrationOfItsOwn() {
        let (device, backings) = serving(kept: 8)
        let (old, new) = (NodeID(rawValue: 5), NodeID(rawValue: 1 << 32 | 5))
        Self.use(backings, old)
        // Its caller was killed, and its release comes later.
        _ = backings.admit(old, Self.pass)
        #expect(backings.admit(new, .passthrough(FileDescriptor(rawValue: 3))).backing?.rawValue == 5)
        let registration = device.registration(BackingID(rawValue: 5)) ?? 0
        #expect(device.backings.withLock { $0.files[registration] } == 3)
        #expect(device.backings.withLock { ($0.opened, $0.closed) } == (2, 1))
        backings.release(old)
        #expect(backings.admit(new, .cached) == .init(flags: [.passthrough, .directIO], backing: BackingID(rawValue: 5)))
    }

    @Test(arguments: [Errno.noMemory, .tooManyOpenFilesInSystem, .noSpace, .tooManyOpenFiles])
    func aShortageIsMetWithWhatIsKept(errno: Errno) {
        let (device, backings) = serving(kept: 8)
        Self.use(backings, 1, 2, 3)
        device.backings.withLock { $0.script = [errno] }
        Self.use(backings, 4)
        #expect(live(device) == [4])
        #expect(backings.refused == [:])
    }

    @Test func whatIsKeptTooLongGoes() {
        let clock = TestClock()
        let (device, backings) = serving(kept: 8, keptFor: .seconds(10_000), clock)
        Self.use(backings, 1)
        clock.advance(6_000 * 1_000_000_000)
        Self.use(backings, 2)
        backings.expire()
        #expect(live(device) == [1, 2])
        clock.advance(6_000 * 1_000_000_000)
        backings.expire()
        #expect(live(device) == [2])
        backings.end()
        device.expectBalance(backings)
    }

    @Test func anyTimeCanBeAskedFor() {
        for time in [Duration.seconds(Int64.max), .seconds(Int64.min), .zero] {
            let clock = TestClock()
            let (device, backings) = serving(kept: 8, keptFor: time, clock)
            Self.use(backings, 1)
            clock.advance(1 << 50)
            backings.expire()
            #expect(live(device) == (time > .zero ? [1] : []))
            backings.end()
            device.expectBalance(backings)
            var options = BackingOptions()
            options.keptFor = time
            #expect(options.keptFor.map { .zero...(.seconds(1 << 32)) ~= $0 } == true)
        }
    }

    /// By itself, whether or not anything happens.
    @Test func itGoesByItself() {
        let device = ScriptedDevice()
        let backings = InodeBackings(device, kept: 8, keptFor: .milliseconds(10))
        for _ in 0..<3 {
            Self.use(backings, 1, 2, 3)
            while backings.registered > 0 { usleep(1000) }
            #expect(live(device) == [])
        }
        backings.end()
    }

    @Test func theEndTakesAllBack() {
        let (device, backings) = serving(kept: 8)
        Self.use(backings, 1, 2)
        _ = backings.admit(3, Self.pass)
        backings.end()
        device.expectBalance(backings)
        backings.release(3)
        device.expectBalance(backings)
    }

    /// FORGET and the end of a session reach it.
    @Test func aSessionForgets() throws {
        let fileSystem = KeepingFS()
        let stepped = try Stepped(fileSystem, device: ScriptedDevice(takesServerIDs: true))
        func open() throws {
            _ = try stepped.exchange(request(.open, structure: bytes(OpenIn())))
            _ = try stepped.exchange(request(.release, structure: bytes(ReleaseIn())))
        }
        for _ in 0..<3 { try open() }
        #expect(stepped.device.backings.withLock { ($0.opened, $0.live.count) } == (2, 1), "the probe, and one")
        _ = try stepped.exchange(request(.forget, structure: bytes(ForgetIn(nlookup: 1))))
        #expect(live(stepped.device) == [])
        try open()
        stepped.session.end()
        #expect(live(stepped.device) == [])
    }

    struct KeepingFS: FileSystem {
        var backings: BackingOptions { BackingOptions(kept: 4, keptFor: nil) }
        func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry { throw .ioError }
        func getattr(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply { throw .ioError }
        func open(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> Opened { Opened(io: KeptBackingsTests.pass.io) }
        func release(_ file: OpenFile, for request: Request) {}
    }
}
