// SPDX-License-Identifier: MIT

import FUSE
import FUSESimulation
import FUSEWire
import Foundation
import SystemPackage
import Testing

// What is remembered for the connection, interrupts, and notifications.

extension RefusalTests {
    // MARK: What is remembered for the connection

    @Test func ENOSYSIsRemembered() throws {
        let server = try WrongServer()
        let user = try server.kernel.makeProcess()
        server.answers[.flush] = nil
        for _ in 0..<3 { try user.close(user.open("/f", O_RDONLY)) }
        #expect(server.count(.flush) == 1)
        server.answers[.open] = nil
        for _ in 0..<3 { try user.close(user.open("/f", O_RDONLY)) }
        #expect(server.count(.open) == 4)
        #expect(server.count(.release) == 3)
        for _ in 0..<2 { #expect(throws: Errno.notSupported) { try user.getxattr("/f", "user.a") } }
        #expect(server.count(.getxattr) == 1)
    }

    @Test func ENOSYSToReaddirplusIsTheCallers() throws {
        let server = try WrongServer(reply: WrongServer.initReply([.initExt, .doReaddirplus]))
        let user = try server.kernel.makeProcess()
        server.answers[.opendir] = { [unowned server] _, header in server.send(header.unique, bytes(OpenOut())) }
        server.answers[.readdir] = { [unowned server] _, header in server.send(header.unique) }
        for count in 1...2 {
            #expect(throws: Errno.noFunction) { try user.list("/") }
            #expect(server.count(.readdirplus) == count, "and it is asked again")
        }
        #expect(server.count(.readdir) == 0)
    }

    // MARK: Interrupts

    @Test func interruptsFollowTheirRequest() throws {
        let server = try WrongServer()
        let user = try server.kernel.makeProcess()
        var waiting: UInt64 = 0
        server.answers[.statfs] = { _, header in waiting = header.unique }
        server.answers[.interrupt] = { [unowned server] channel, header in
            let interrupted = try channel.received.load(InterruptIn.self, at: InHeader.wireSize).unique
            #expect(interrupted == waiting)
            #expect(header.unique == waiting | 1)
            server.send(waiting, error: -4)
        }
        user.interrupt()
        #expect(throws: Errno.interrupted) { try user.statfs() }
        // EAGAIN asks for it once more.
        var times = 0
        server.answers[.interrupt] = { [unowned server] _, header in
            times += 1
            server.send(times < 3 ? header.unique : waiting, error: times < 3 ? -11 : -4)
        }
        user.interrupt()
        #expect(throws: Errno.interrupted) { try user.statfs() }
        #expect(times == 3)
    }

    @Test func whatIsAnsweredIsNotInterrupted() throws {
        let server = try WrongServer()
        let user = try server.kernel.makeProcess()
        server.answers[.statfs] = { [unowned server] _, header in server.send(header.unique, error: -5) }
        user.interrupt()
        #expect(throws: Errno.ioError) { try user.statfs() }
        #expect(server.count(.interrupt) == 0)
    }

    @Test func ENOSYSToAnInterruptIsRemembered() throws {
        let server = try WrongServer()
        let user = try server.kernel.makeProcess()
        _ = try user.stat("/f")
        var waiting: UInt64 = 0
        server.answers[.statfs] = { [unowned server] _, header in
            waiting = header.unique
            // The server reads on, first of all an interrupt, and answers then.
            #expect(server.notify(.retrieve, bytes(NotifyRetrieveOut(notify_unique: 5, nodeid: 2, size: 1))) == nil)
        }
        server.answers[.notifyReply] = { [unowned server] _, _ in server.send(waiting, error: -5) }
        server.answers[.interrupt] = { [unowned server] _, header in server.send(header.unique, error: -38) }
        for _ in 0..<3 {
            user.interrupt()
            #expect(throws: Errno.ioError) { try user.statfs() }
        }
        #expect(server.count(.interrupt) == 1)
    }

    @Test func interruptsAreResentBehindTheirRequest() throws {
        let server = try WrongServer()
        let user = try server.kernel.makeProcess()
        var seen: [UInt64] = []
        server.answers[.statfs] = { [unowned server] _, header in
            seen.append(header.unique)
            if seen.count == 1 { #expect(server.notify(.resend, []) == nil) }
        }
        server.answers[.interrupt] = { [unowned server] _, header in
            seen.append(header.unique)
            server.send(header.unique & ~1, error: -4)
        }
        user.interrupt()
        #expect(throws: Errno.interrupted) { try user.statfs() }
        let first = try #require(seen.first)
        #expect(seen == [first, first | FUSEProtocol.uniqueResend, first | FUSEProtocol.uniqueResend | 1])
    }

    /// EAGAIN asks for an interrupt once more, so there must have been one.
    @Test func onlyWhatIsInterruptedIsInterruptedAgain() throws {
        let server = try WrongServer()
        let user = try server.kernel.makeProcess()
        server.answers[.statfs] = { [unowned server] _, header in
            server.send(header.unique | 1, error: -11)
            server.send(header.unique, error: -5)
        }
        #expect(throws: Errno.ioError) { try user.statfs() }
        #expect(server.outcomes == [.invalidArgument, nil])
    }

    // MARK: Notifications

    @Test func notificationsOfWhatIsNotKnown() throws {
        let server = try WrongServer()
        let user = try server.kernel.makeProcess()
        _ = try user.stat("/f")
        #expect(server.notify(.invalInode, bytes(NotifyInvalInodeOut(ino: 99))) == .noSuchFileOrDirectory)
        #expect(server.notify(.invalInode, bytes(NotifyInvalInodeOut(ino: 2)) + [0]) == .invalidArgument)
        #expect(server.notify(.invalInode, []) == .invalidArgument)
        func entry(_ parent: UInt64, _ name: String, _ count: UInt32? = nil) -> Errno? {
            server.notify(.invalEntry, bytes(NotifyInvalEntryOut(parent: parent, namelen: count ?? UInt32(name.utf8.count))) + Array(name.utf8) + [0])
        }
        #expect(entry(1, "none") == .noSuchFileOrDirectory)
        #expect(entry(99, "f") == .noSuchFileOrDirectory)
        #expect(entry(2, "f") == .notDirectory)
        #expect(entry(1, "f", 5) == .invalidArgument)
        #expect(entry(1, "f", 5000) == .fileNameTooLong)
        #expect(entry(1, "f") == nil)
        #expect(server.notify(NotifyCode(rawValue: 77), []) == .invalidArgument)
        func delete(_ child: UInt64) -> Errno? {
            server.notify(.delete, bytes(NotifyDeleteOut(parent: 1, child: child, namelen: 1)) + Array("f".utf8) + [0])
        }
        _ = try user.stat("/f")
        #expect(delete(3) == .noSuchFileOrDirectory)
        #expect(delete(2) == nil)
        let lookups = server.count(.lookup)
        _ = try user.stat("/f")
        #expect(server.count(.lookup) == lookups + 1)
    }

    @Test func contentByNotification() throws {
        let server = try WrongServer()
        let user = try server.kernel.makeProcess()
        var content = "first text"
        server.answers[.read] = { [unowned server] _, header in server.send(header.unique, Array(content.utf8)) }
        server.answers[.open] = { [unowned server] _, header in server.send(header.unique, bytes(OpenOut(open_flags: OpenFlags.keepCache.rawValue))) }
        func text() throws -> String {
            let file = try user.open("/f", O_RDONLY)
            defer { try? user.close(file) }
            return String(decoding: try user.read(file, 100), as: UTF8.self)
        }
        #expect(try text() == "first text")
        content = "other text"
        #expect(try text() == "first text", "it is cached")
        #expect(server.notify(.invalInode, bytes(NotifyInvalInodeOut(ino: 2, off: -1))) == nil)
        #expect(try text() == "first text", "attributes alone")
        #expect(server.notify(.invalInode, bytes(NotifyInvalInodeOut(ino: 2, off: 0))) == nil)
        #expect(try text() == "other text")
        #expect(server.notify(.store, bytes(NotifyStoreOut(nodeid: 2, offset: 2, size: 3)) + Array("HER".utf8)) == nil)
        #expect(try text() == "otHER text")
        #expect(server.notify(.store, bytes(NotifyStoreOut(nodeid: 2, offset: 2, size: 4)) + Array("HER".utf8)) == .invalidArgument)
        #expect(server.notify(.retrieve, bytes(NotifyRetrieveOut(notify_unique: 5, nodeid: 2, offset: 0, size: 100))) == nil)
        _ = try user.stat("/f")
        #expect(server.notify(.retrieve, bytes(NotifyRetrieveOut(notify_unique: 5, nodeid: 9))) == .noSuchFileOrDirectory)
        #expect(server.notify(.retrieve, bytes(NotifyRetrieveOut(notify_unique: 5, nodeid: 1))) == .invalidArgument, "a directory")
        #expect(server.notify(.store, bytes(NotifyStoreOut(nodeid: 1, size: 1)) + [65]) == .invalidArgument)
        let reply = try #require(server.requests.last { $0.header.opcode == Opcode.notifyReply.rawValue })
        #expect(String(decoding: reply.bytes.dropFirst(InHeader.wireSize + NotifyRetrieveIn.wireSize), as: UTF8.self) == "otHER text")
    }

    @Test func everyNameIsStaleAfterANewEpoch() throws {
        let server = try WrongServer()
        let user = try server.kernel.makeProcess()
        _ = try user.stat("/f")
        let lookups = server.count(.lookup)
        _ = try user.stat("/f")
        #expect(server.count(.lookup) == lookups)
        #expect(server.notify(.incEpoch, []) == nil)
        _ = try user.stat("/f")
        #expect(server.count(.lookup) == lookups + 1)
        let body = bytes(NotifyPruneOut(count: 1)) + bytes(2 as UInt64)
        #expect(server.notify(.prune, body) == nil)
        _ = try user.stat("/")
        #expect(server.kernel.lookupCounts == [:])
    }
}
