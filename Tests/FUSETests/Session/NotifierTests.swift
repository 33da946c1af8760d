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

/// Notifications as the kernel is to see them, and those that it never sees.
@Suite(.timeLimit(.minutes(10))) struct NotifierTests {
    private func sent(_ notification: FUSE.Notification) throws -> Notified? {
        let stepped = try Stepped(BareFS())
        try stepped.session.connection.notifier.sendAndWait(notification)
        let arrived = stepped.device.notifications.withLock { $0.arrived }
        try #require(arrived.count == 1)
        return arrived.first
    }

    static let table: [(FUSE.Notification, Notified)] = [
        (.attributes(7), Notified(code: .invalInode, body: bytes(NotifyInvalInodeOut(ino: 7, off: -1, len: 0)))),
        (.content(7), Notified(code: .invalInode, body: bytes(NotifyInvalInodeOut(ino: 7, off: 0, len: 0)))),
        (.content(7, 4096..<4097), Notified(code: .invalInode, body: bytes(NotifyInvalInodeOut(ino: 7, off: 4096, len: 1)))),
        // A length of 0 would be all the rest, and nothing is to be dropped here.
        (.content(7, 5..<5), Notified(code: .invalInode, body: bytes(NotifyInvalInodeOut(ino: 7, off: -1, len: 0)))),
        (.content(7, 5..<UInt64.max), Notified(code: .invalInode, body: bytes(NotifyInvalInodeOut(ino: 7, off: 5, len: 0)))),
        (.content(7, 1 << 63..<UInt64.max), Notified(code: .invalInode, body: bytes(NotifyInvalInodeOut(ino: 7, off: -1, len: 0)))),
        (.entry(parent: 7, name: "name"), Notified(code: .invalEntry, body: bytes(NotifyInvalEntryOut(parent: 7, namelen: 4)) + "name".withNUL)),
        (
            .expireEntry(parent: 7, name: "name"),
            Notified(code: .invalEntry, body: bytes(NotifyInvalEntryOut(parent: 7, namelen: 4, flags: 1)) + "name".withNUL)
        ),
        (
            .deleted(parent: 7, child: 8, name: "name"),
            Notified(code: .delete, body: bytes(NotifyDeleteOut(parent: 7, child: 8, namelen: 4)) + "name".withNUL)
        ),
        (.store(7, at: 9, [1, 2]), Notified(code: .store, body: bytes(NotifyStoreOut(nodeid: 7, offset: 9, size: 2)) + [1, 2])),
        (.resend, Notified(code: .resend, body: [])), (.newEpoch, Notified(code: .incEpoch, body: [])),
        (.prune([7, 8]), Notified(code: .prune, body: bytes(NotifyPruneOut(count: 2)) + bytes(7 as UInt64) + bytes(8 as UInt64))),
    ]

    @Test(arguments: 0..<table.count)
    func itsMessage(row: Int) throws {
        #expect(try sent(Self.table[row].0) == Self.table[row].1)
    }

    @Test(arguments: [
        (.expireEntry(parent: 1, name: "a"), "the kernel takes no notification EXPIRE_ONLY: it needs protocol 7.38"),
        (.resend, "the kernel takes no notification RESEND: it needs protocol 7.40"),
        (.newEpoch, "the kernel takes no notification INC_EPOCH: it needs protocol 7.44"),
        (.prune([1]), "the kernel takes no notification PRUNE: it needs protocol 7.45"),
    ] as [(FUSE.Notification, String)])
    func whatAnOlderKernelDoesNotKnow(notification: FUSE.Notification, text: String) throws {
        let stepped = try Stepped(BareFS(), opening: initRequest(minor: 37, offers: .initExt))
        let error = #expect(throws: NotificationError.self) { try stepped.session.connection.notifier.send(notification) }
        #expect(error?.description == text)
        #expect(stepped.device.notifications.withLock { $0.arrived } == [])
    }

    @Test(arguments: [
        .entry(parent: 1, name: ""), .entry(parent: 1, name: "a/b"), .expireEntry(parent: 1, name: "a\0b"),
        .deleted(parent: 1, child: 2, name: String(repeating: "x", count: 1025)), .store(1, at: 0, []),
        .store(1, at: .max, [1]), .store(1, at: 0, [UInt8](repeating: 0, count: 1 << 20 + 1)), .prune([]),
        .prune([NodeID](repeating: 1, count: 65537)),
    ] as [FUSE.Notification])
    func whatWouldBeNoMessage(notification: FUSE.Notification) throws {
        let stepped = try Stepped(BareFS())
        let error = #expect(throws: NotificationError.self) { try stepped.session.connection.notifier.send(notification) }
        guard case .malformed = error else { throw Errno.invalidArgument }
        #expect(stepped.device.notifications.withLock { $0.arrived } == [])
    }

    /// What the kernel does not know is not stale; what it refuses is told.
    @Test func whatTheKernelSaysOfIt() throws {
        let stepped = try Stepped(BareFS())
        stepped.device.notifications.withLock { $0.script = [.noSuchFileOrDirectory, .invalidArgument] }
        let notifier = stepped.session.connection.notifier
        try notifier.sendAndWait(.attributes(7))
        #expect(throws: NotificationError.refused(.invalidArgument)) { try notifier.sendAndWait(.attributes(7)) }
    }

    @Test func theyArriveInOrderAndTheQueueIsBounded() throws {
        let gate = DispatchSemaphore(value: 0)
        let entered = DispatchSemaphore(value: 0)
        let device = ScriptedDevice(whileNotifying: { _ in
            entered.signal()
            gate.wait()
        })
        let stepped = try Stepped(BareFS(), device: device)
        let notifier = stepped.session.connection.notifier
        try notifier.send(.attributes(0))
        entered.wait()
        // One is on its way, and the rest fill the queue.
        for node in 1...4096 as ClosedRange<UInt64> { try notifier.send(.attributes(NodeID(rawValue: node))) }
        #expect(throws: NotificationError.full) { try notifier.send(.attributes(0)) }
        for _ in 0..<5000 { gate.signal() }
        try notifier.sendAndWaitForRoom(.newEpoch)
        let arrived = device.notifications.withLock { $0.arrived }
        #expect(arrived.count == 4098)
        for (index, one) in arrived.enumerated().dropLast() {
            #expect(try one.body.load(NotifyInvalInodeOut.self).ino == UInt64(index))
        }
    }

    @Test func manyBytesFillTheQueueToo() throws {
        let gate = DispatchSemaphore(value: 0)
        let entered = DispatchSemaphore(value: 0)
        let device = ScriptedDevice(whileNotifying: { _ in
            entered.signal()
            gate.wait()
        })
        let stepped = try Stepped(BareFS(), device: device)
        let notifier = stepped.session.connection.notifier
        try notifier.send(.attributes(0))
        entered.wait()
        let data = [UInt8](repeating: 1, count: 1 << 20)
        for _ in 0..<7 { try notifier.send(.store(1, at: 0, data)) }
        #expect(throws: NotificationError.full) { try notifier.send(.store(1, at: 0, data)) }
        try notifier.send(.attributes(1))
        for _ in 0..<100 { gate.signal() }
    }

    @Test func aServingThreadMustNotWait() throws {
        final class NotifyingFS: TinyFS {
            let names = ["file"]
            let connection = Mutex<Connection?>(nil)
            let error = Mutex<NotificationError?>(nil)
            func start(_ connection: Connection) { self.connection.withLock { $0 = connection } }
            func fsync(_ file: OpenFile, dataOnly: Bool, for request: Request) throws(Errno) {
                let notifier = connection.withLock { $0 }?.notifier
                do throws(NotificationError) { try notifier?.sendAndWait(.entry(parent: 1, name: "file")) } catch {
                    self.error.withLock { $0 = error }
                }
            }
        }
        let fileSystem = NotifyingFS()
        let stepped = try Stepped(fileSystem)
        _ = try stepped.exchange(request(.fsync, structure: bytes(FsyncIn()), node: 2))
        #expect(fileSystem.error.withLock { $0 } == .wouldDeadlock)
        #expect(stepped.device.notifications.withLock { $0.arrived } == [])
    }

    /// At once, by the very thread that holds the request. What the kernel says of it is nobody's trouble.
    @Test func aServingThreadHasAttributesForgotten() throws {
        final class ForgettingFS: TinyFS {
            let names = ["file"]
            let connection = Mutex<Connection?>(nil)
            func start(_ connection: Connection) { self.connection.withLock { $0 = connection } }
            func fsync(_ file: OpenFile, dataOnly: Bool, for request: Request) throws(Errno) {
                connection.withLock { $0 }?.notifier.forgetAttributes(of: file.node)
            }
        }
        let threads = Mutex<[Int32]>([])
        let stepped = try Stepped(ForgettingFS(), device: ScriptedDevice(whileNotifying: { _ in threads.withLock { $0.append(clinux_gettid()) } }))
        stepped.device.notifications.withLock { $0.script = [nil, .noSuchFileOrDirectory, .socketNotConnected] }
        for _ in 0..<3 { #expect(try stepped.exchange(request(.fsync, structure: bytes(FsyncIn()), node: 2)) != nil) }
        let notified = Notified(code: .invalInode, body: bytes(NotifyInvalInodeOut(ino: 2, off: -1, len: 0)))
        #expect(stepped.device.notifications.withLock { $0.arrived } == [notified, notified, notified])
        #expect(threads.withLock { $0 } == [clinux_gettid(), clinux_gettid(), clinux_gettid()])
    }

    @Test func aRetrievalIsAnsweredOnce() throws {
        let stepped = try Stepped(BareFS())
        let answers = Mutex<[String]>([])
        let got = DispatchSemaphore(value: 0)
        let notifier = stepped.session.connection.notifier
        let note: @Sendable (UInt64, RawSpan) -> Void = { offset, data in
            let text = data.text
            answers.withLock { $0.append("\(offset): \(text)") }
            got.signal()
        }
        try notifier.retrieve(7, at: 4096, count: 1 << 30, then: note)
        try notifier.sendAndWait(.newEpoch)
        let question = try #require(stepped.device.notifications.withLock { $0.arrived.first })
        let fields = try question.body.load(NotifyRetrieveOut.self)
        #expect(question.code == .retrieve && fields.nodeid == 7 && fields.offset == 4096 && fields.size == 1 << 20)
        let answer = request(
            .notifyReply, structure: bytes(NotifyRetrieveIn(offset: 4096, size: 4)), payload: [UInt8]("data".utf8), unique: fields.notify_unique)
        for _ in 0..<2 { #expect(try stepped.exchange(answer) == nil) }
        // A node that the kernel does not know has nothing cached.
        stepped.device.notifications.withLock { $0.script = [.noSuchFileOrDirectory] }
        try notifier.retrieve(8, at: 5, count: 1, then: note)
        for _ in 0..<2 { got.wait() }
        // And the end of the connection is an answer too.
        try notifier.retrieve(9, at: 6, count: 1, then: note)
        try notifier.sendAndWait(.newEpoch)
        stepped.session.end()
        #expect(answers.withLock { $0 } == ["4096: data", "5: ", "0: "])
        #expect(throws: NotificationError.ended) { try notifier.send(.newEpoch) }
    }

    /// A wakeup finds its way also where the queue is full.
    @Test func aPollIsWoken() throws {
        let stepped = try Stepped(RecordingFS())
        _ = try stepped.exchange(request(.poll, structure: bytes(PollIn(kh: 0x77, flags: 1))))
        try stepped.session.connection.notifier.sendAndWait(.newEpoch)
        #expect(stepped.device.notifications.withLock { $0.arrived.first } == Notified(code: .poll, body: bytes(NotifyPollWakeupOut(kh: 0x77))))
    }
}

extension Notifier {
    /// Tries until there is room.
    func sendAndWaitForRoom(_ notification: FUSE.Notification) throws {
        while true {
            do throws(NotificationError) { return try sendAndWait(notification) } catch {
                guard error == .full else { throw error }
                sched_yield()
            }
        }
    }
}
