// SPDX-License-Identifier: MIT

import FUSEWire
import Glibc
import Logging
import SystemPackage
import Testing

@testable import FUSE

/// Threads on scripted channels: how they end.
@Suite(.timeLimit(.minutes(10))) struct WorkerPoolTests {
    let fileSystem = RecordingFS()

    /// Serves what the channel holds to its end. The session is stepped by threads from then on.
    func serve(_ stepped: Stepped<RecordingFS>, initial: Int = 1) throws -> WorkerPool<RecordingFS> {
        let pool = try WorkerPool(stepped.session, transport: stepped.device, limits: ThreadLimits(initial: initial, maximum: 8))
        do {
            try pool.start(stepped.channel)
            _ = try waitForAny([pool.ended])
        }
        return pool
    }

    @Test func allIsServedAndTheFilesystemStoppedOnce() throws {
        let stepped = try Stepped(fileSystem)
        for _ in 0..<100 { stepped.channel.send(request(.statfs)) }
        let pool = try serve(stepped, initial: 4)
        #expect(stepped.channel.takeReplies().count == 100)
        #expect(fileSystem.record.withLock { $0.stops } == 1)
        #expect(pool.threadCount == 0)
        #expect(pool.failure == nil)
    }

    /// A connection that is over while the first threads are being started is over once.
    @Test func overBeforeAllHaveStarted() throws {
        for _ in 0..<200 {
            let fileSystem = RecordingFS()
            let pool = try serve(Stepped(fileSystem), initial: 8)
            #expect(pool.threadCount == 0)
            #expect(fileSystem.record.withLock { $0.stops } == 1)
        }
    }

    @Test(arguments: [Errno.notPermitted, .ioError])
    func aDeviceThatFailsEndsItAndSaysWhy(errno: Errno) throws {
        let log = CapturedLog()
        let stepped = try Stepped(fileSystem, options: SessionOptions(logger: log.logger))
        stepped.channel.failReceive(with: errno)
        let pool = try serve(stepped)
        #expect(pool.failure == errno)
        #expect(fileSystem.record.withLock { $0.stops } == 1)
        #expect(log.all == ["error: a thread stopped serving: \(errno)"])
    }

    @Test func withoutFurtherLanesTheFirstThreadServes() throws {
        let log = CapturedLog()
        let device = ScriptedDevice(channelRefusal: .tooManyOpenFiles)
        let stepped = try Stepped(fileSystem, device: device, options: SessionOptions(logger: log.logger))
        for _ in 0..<3 { stepped.channel.send(request(.statfs)) }
        let pool = try serve(stepped, initial: 1)
        #expect(stepped.channel.takeReplies().count == 3)
        #expect(pool.failure == nil)
        #expect(log.all == Array(repeating: "warning: no further thread could be started: Too many open files", count: 3))
    }

    /// Both ends of its pipe go with it: only then does the other one show that this end is closed.
    @Test func aPoolThatIsNeverStartedLeavesNothing() throws {
        let stepped = try Stepped(fileSystem)
        var pool: WorkerPool? = try WorkerPool(stepped.session, transport: stepped.device, limits: ThreadLimits(initial: 1))
        let copy = try #require(pool).ended.duplicate()
        defer { try? copy.close() }
        pool = nil
        // As far as it goes: a program that another test is just starting has a copy until it runs.
        var polls = pollfd(fd: copy.rawValue, events: 0, revents: 0)
        // Safe: lent for the call.
        #expect(unsafe poll(&polls, 1, 60_000) == 1)
        #expect(polls.revents & Int16(POLLHUP) != 0)
        #expect(fileSystem.record.withLock { $0.stops } == 0)
    }

    @Test func aSessionEndsOnce() throws {
        let stepped = try Stepped(fileSystem)
        stepped.session.end()
        stepped.session.end()
        #expect(fileSystem.record.withLock { $0.stops } == 1)
    }

    @Test func aConnectionThatEndsWithAReply() throws {
        let stepped = try Stepped(fileSystem)
        stepped.channel.send(request(.statfs))
        stepped.channel.failReply(with: .operationNotSupportedByDevice)
        let pool = try serve(stepped)
        #expect(pool.failure == nil)
        #expect(fileSystem.takeCalls() == ["statfs 7"])
    }
}
