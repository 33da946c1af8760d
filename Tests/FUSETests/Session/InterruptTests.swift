// SPDX-License-Identifier: MIT

import CLinux
import Dispatch
import FUSEWire
import Foundation
import Glibc
import Logging
import Synchronization
import SystemPackage
import Testing

@testable import FUSE

/// Its reads block in a system call until that is interrupted; its fsyncs until they are asked to stop.
final class WaitingFS: TinyFS {
    let names = ["file"]
    let timeout = Timeout.zero
    let entered = DispatchSemaphore(value: 0)
    private let connection = Mutex<Connection?>(nil)

    func start(_ connection: Connection) { self.connection.withLock { $0 = connection } }

    func read(_ file: OpenFile, at offset: UInt64, into output: inout DataWriter, for request: Request) throws(Errno) {
        entered.signal()
        if Glibc.poll(nil, 0, 120_000) < 0 { throw Errno(rawValue: errno) }
    }

    func fsync(_ file: OpenFile, dataOnly: Bool, for request: Request) throws(Errno) {
        guard let connection = connection.withLock({ $0 }) else { return }
        entered.signal()
        while !connection.isInterrupted(request) { sched_yield() }
        throw .interrupted
    }
}

/// An interrupt reaches the request that it is for, and no other.
@Suite(.serialized, .timeLimit(.minutes(10))) struct InterruptTests {
    private func interrupt(_ unique: UInt64) -> [UInt8] {
        request(.interrupt, structure: bytes(InterruptIn(unique: unique)), node: 0, unique: unique | 1)
    }

    /// Serves one request on a thread of its own.
    private func serving<FS: FileSystem>(_ stepped: Stepped<FS>, _ message: [UInt8]) -> Started<[Sent]> {
        let channel = ScriptedChannel([message])
        return started {
            // A thread of the test runner's may have it blocked; those of a pool see to it themselves.
            InterruptSignal.unblock(SIGURG)
            _ = try stepped.session.step(channel)
            return channel.takeReplies()
        }
    }

    /// A request, and one that the kernel has sent again.
    static let names = [100, 100 | FUSEProtocol.uniqueResend] as [UInt64]

    @Test(arguments: names) func aBlockedSystemCallReturns(unique: UInt64) throws {
        let fileSystem = WaitingFS()
        let stepped = try Stepped(fileSystem)
        let call = serving(stepped, request(.read, structure: bytes(ReadIn(size: 10)), node: 2, unique: unique))
        fileSystem.entered.wait()
        #expect(try stepped.exchange(interrupt(unique)) == nil)
        #expect(try call.value() == [Sent(unique: unique, error: .interrupted, body: [])])
    }

    @Test func aLoopThatAsksStops() throws {
        let fileSystem = WaitingFS()
        var options = SessionOptions(logger: .silent)
        options.interruptSignal = nil
        let stepped = try Stepped(fileSystem, options: options)
        let call = serving(stepped, request(.fsync, structure: bytes(FsyncIn()), node: 2, unique: 100))
        fileSystem.entered.wait()
        #expect(try stepped.exchange(interrupt(100)) == nil)
        #expect(try call.value() == [Sent(unique: 100, error: .interrupted, body: [])])
    }

    /// The kernel sends no interrupts for an aborted connection: its callers have gone.
    @Test(arguments: [Opcode.read.rawValue, Opcode.fsync.rawValue], names)
    func theEndOfTheConnectionEndsWhatIsInHand(number: UInt32, unique: UInt64) throws {
        let opcode = Opcode(rawValue: number)
        let fileSystem = WaitingFS()
        let stepped = try Stepped(fileSystem)
        let structure = opcode == .read ? bytes(ReadIn(size: 10)) : bytes(FsyncIn())
        let call = serving(stepped, request(opcode, structure: structure, node: 2, unique: unique))
        fileSystem.entered.wait()
        #expect(try !stepped.session.step(stepped.channel))
        #expect(try call.value() == [Sent(unique: unique, error: .interrupted, body: [])])
    }

    /// It may write what is still to be written.
    @Test(arguments: names) func theEndOfTheConnectionLetsAReleaseDoItsWork(unique: UInt64) throws {
        final class SavingFS: TinyFS {
            let names = ["file"]
            let entered = DispatchSemaphore(value: 0)
            let isInterrupted = Atomic(false)

            func release(_ file: OpenFile, for request: Request) {
                entered.signal()
                if Glibc.poll(nil, 0, 500) < 0 { isInterrupted.store(true, ordering: .relaxed) }
            }
        }
        let fileSystem = SavingFS()
        let stepped = try Stepped(fileSystem)
        let call = serving(stepped, request(.release, structure: bytes(ReleaseIn()), node: 2, unique: unique))
        fileSystem.entered.wait()
        #expect(try !stepped.session.step(stepped.channel))
        #expect(try call.value() == [Sent(unique: unique, error: nil, body: [])])
        let isInterrupted = fileSystem.isInterrupted.load(ordering: .relaxed)
        #expect(!isInterrupted)
    }

    /// Who defers what his method has just answered harms himself alone.
    /// Whose a hand is, is told by a number that it has, so that no call has to be made under the lock of their list.
    @Test func whoServesIsToldByANumber() throws {
        let interrupts = Interrupts(signal: nil, logger: .silent) { _ in }
        #expect(!interrupts.isOnServingThread)
        let hand = interrupts.enter(ScriptedChannel())
        #expect(hand.thread == clinux_gettid())
        #expect(interrupts.isOnServingThread)
        #expect(try !started { interrupts.isOnServingThread }.value())
        interrupts.leave(hand)
        #expect(!interrupts.isOnServingThread)
    }

    @Test func aDeferralThatComesTooLateSaysNothingOfTheNextRequest() throws {
        let hand = Hand(ScriptedChannel())
        let slot = try MessageSlot(capacity: 4096) { (_) throws(Errno) in }
        let exchange = slot.exchange(request(.read).raw)
        hand.take(2, .read, exchange.slot)
        hand.putDown()
        hand.deferReply(to: 2)
        hand.take(4, .read, exchange.slot)
        #expect(!hand.hasDeferred(4))
        hand.deferReply(to: 4)
        #expect(hand.hasDeferred(4))
    }

    /// The kernel is asked to send it again, by the descriptors of all who serve.
    @Test func anInterruptThatComesBeforeItsRequest() throws {
        let fileSystem = WaitingFS()
        let stepped = try Stepped(fileSystem)
        let channel = ScriptedChannel([request(.read, structure: bytes(ReadIn(size: 10)), node: 2, unique: 100)])
        let call = started {
            InterruptSignal.unblock(SIGURG)
            return try stepped.session.step(channel)
        }
        fileSystem.entered.wait()
        #expect(try stepped.exchange(interrupt(200)) == nil)
        channel.gotRepeat.wait()
        #expect(channel.takeRepeated() == [RequestID(rawValue: 200)])
        #expect(stepped.session.connection.isInterrupted(Request(id: RequestID(rawValue: 200), caller: Caller(user: UserID(0), group: GroupID(0)))) == false)
        // The other one was left alone meanwhile.
        #expect(channel.takeReplies() == [])
        #expect(try stepped.exchange(interrupt(100)) == nil)
        #expect(try call.value())
        #expect(channel.takeReplies() == [Sent(unique: 100, error: .interrupted, body: [])])
    }

    /// One thread serves thousands of requests that block for a moment each, while interrupts for some of them arrive at any
    /// time: before, within and after. Only those that were meant may be hit.
    @Test func noOtherRequestOfTheThreadIsHit() throws {
        final class BriefFS: TinyFS {
            let names = ["file"]
            let current = Atomic<UInt64>(0)
            let hit = Mutex<Set<UInt64>>([])

            func fsync(_ file: OpenFile, dataOnly: Bool, for request: Request) throws(Errno) {
                current.store(request.id.rawValue, ordering: .relaxed)
                var time = timespec(tv_sec: 0, tv_nsec: 20_000)
                // Safe: read within the call.
                if unsafe nanosleep(&time, nil) < 0 { hit.withLock { _ = $0.insert(request.id.rawValue) } }
            }
        }
        let fileSystem = BriefFS()
        let stepped = try Stepped(fileSystem)
        let count = 20_000 as UInt64
        let channel = ScriptedChannel((1...count).map { request(.fsync, structure: bytes(FsyncIn()), node: 2, unique: $0 * 2) })
        let isOver = Atomic(false)
        let marked = Mutex<Set<UInt64>>([])
        let serving = started {
            InterruptSignal.unblock(SIGURG)
            while try stepped.session.step(channel) {}
            isOver.store(true, ordering: .relaxed)
        }
        while !isOver.load(ordering: .relaxed) {
            let unique = fileSystem.current.load(ordering: .relaxed)
            // Every other one is never meant.
            guard unique > 0, unique % 4 == 0 else { continue }
            marked.withLock { _ = $0.insert(unique) }
            _ = try stepped.exchange(interrupt(unique))
        }
        try serving.value()
        let hit = fileSystem.hit.withLock { $0 }
        #expect(!hit.isEmpty)
        #expect(hit.subtracting(marked.withLock { $0 }) == [])
        #expect(channel.takeReplies().count == Int(count))
    }

    @Test func anotherHandlerOfTheProgramsStays() throws {
        let log = CapturedLog()
        signal(SIGUSR2) { _ in }
        defer { signal(SIGUSR2, nil) }
        var options = SessionOptions(logger: log.logger)
        options.interruptSignal = SIGUSR2
        let stepped = try Stepped(WaitingFS(), options: options)
        #expect(stepped.session.interrupts.signal == nil)
        #expect(log.all.filter { $0.contains("signal") } == ["warning: interrupts do not end blocking calls: this program has a handler for signal \(SIGUSR2), choose another one"])
    }

    @Test func aSignalThatCannotBeCaught() throws {
        var options = SessionOptions(logger: .silent)
        options.interruptSignal = SIGKILL
        #expect(try Stepped(WaitingFS(), options: options).session.interrupts.signal == nil)
    }
}
