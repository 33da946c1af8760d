// SPDX-License-Identifier: MIT

import FUSE
import FUSESimulation
import FUSEWire
import Foundation
import SystemPackage
import Testing

/// What Linux refuses of a server, the simulated kernel refuses.
@Suite struct RefusalTests {
    // MARK: INIT

    @Test func passthroughIsDroppedSilently() throws {
        func isOn(_ change: (inout InitOut) -> Void) throws -> Bool {
            var reply = WrongServer.initReply()
            change(&reply)
            let server = try WrongServer(reply: reply)
            #expect(throws: Never.self, "the mount goes on") { try server.kernel.makeProcess().stat("/") }
            return server.kernel.isPassthroughOn
        }
        #expect(try isOn { _ in })
        #expect(try isOn { $0.max_stack_depth = 2 })
        #expect(try !isOn { $0.max_stack_depth = 0 })
        #expect(try !isOn { $0.max_stack_depth = 3 })
        #expect(try !isOn { $0.flags |= InitFlags.writebackCache.low })
        #expect(try !isOn { $0.flags2 = 0 })
        #expect(try !isOn { $0.minor = 5 }, "it has no flags yet")
    }

    @Test func anotherMajorIsNoConnection() throws {
        var reply = WrongServer.initReply()
        reply.major = 6
        let server = try WrongServer(reply: reply)
        #expect(throws: Errno.connectionAbort) { try server.kernel.makeProcess() }
        #expect(server.channel.receiveMessage() == nil, "and channels end")
    }

    /// What an old server leaves off at the end of its reply counts as 0.
    @Test(arguments: [(24, 9), (24, 15), (24, 22), (64, 45)] as [(Int, UInt32)])
    func aServerOfAnyAge(size: Int, minor: UInt32) throws {
        var reply = WrongServer.initReply()
        reply.minor = minor
        let server = try WrongServer(reply: reply, replySize: size)
        #expect(server.kernel.isPassthroughOn == (size == 64))
        let user = try server.kernel.makeProcess()
        for (node, path) in [(2, "/a"), (3, "/b"), (4, "/c")] as [(UInt64, String)] {
            server.answers[.lookup] = { [unowned server] _, header in server.send(header.unique, bytes(WrongServer.entry(node))) }
            _ = try user.stat(path)
        }
        server.kernel.dropCaches()
        #expect(server.count(.batchForget) == (minor < 16 ? 0 : 1))
        #expect(server.forgotten == [2: 1, 3: 1, 4: 1])
    }

    @Test(arguments: [(0, false), (4, true), (8, true), (24, true), (64, true), (65, false)])
    func initRepliesOfEverySize(size: Int, isTaken: Bool) throws {
        let server = try WrongServer(replySize: size)
        #expect(server.initOutcome == (size > 64 ? .invalidArgument : nil))
        if isTaken {
            #expect(throws: Never.self) { try server.kernel.makeProcess().stat("/") }
        } else {
            #expect(throws: Errno.connectionAbort) { try server.kernel.makeProcess() }
        }
    }

    // MARK: Replies

    @Test(arguments: [1, 512, -512, -100_000, Int32.min] as [Int32])
    func anErrorOutOfRange(_ error: Int32) throws {
        let server = try WrongServer()
        server.answers[.statfs] = { [unowned server] _, header in
            server.send(header.unique, error: error)
            // Its caller still waits.
            server.send(header.unique, error: -5)
        }
        #expect(throws: Errno.ioError) { try server.kernel.makeProcess().statfs() }
        #expect(server.outcomes == [.invalidArgument, nil])
    }

    @Test func repliesToNobody() throws {
        let server = try WrongServer()
        server.answers[.statfs] = { [unowned server] channel, header in
            server.send(header.unique + 2, error: -5)
            server.send(424242, error: -5)
            let other = try #require(try server.kernel.makeChannel() as? SimulatedChannel)
            #expect(throws: Errno.noSuchFileOrDirectory, "it came by another channel") {
                try other.write(bytes(OutHeader(len: 16, error: -5, unique: header.unique)))
            }
            server.send(header.unique, error: -5)
            server.send(header.unique, error: -5)
        }
        #expect(throws: Errno.ioError) { try server.kernel.makeProcess().statfs() }
        #expect(server.outcomes == [.noSuchFileOrDirectory, .noSuchFileOrDirectory, nil, .noSuchFileOrDirectory])
    }

    /// The answer comes too late. What the kernel still knows can be told of all the same.
    @Test func repliesAfterTheEnd() throws {
        let server = try WrongServer()
        let user = try server.kernel.makeProcess()
        _ = try user.stat("/f")
        server.answers[.statfs] = { [unowned server] _, header in
            server.kernel.abort()
            server.send(header.unique, error: -13)
            server.send(header.unique, length: 15)
        }
        #expect(throws: Errno.connectionAbort) { try user.statfs() }
        #expect(server.outcomes.suffix(2) == [.noSuchFileOrDirectory, .invalidArgument])
        #expect(server.channel.receiveMessage() == nil)
        #expect(server.notify(.invalInode, bytes(NotifyInvalInodeOut(ino: 2))) == nil)
        #expect(server.notify(.invalInode, bytes(NotifyInvalInodeOut(ino: 99))) == .noSuchFileOrDirectory)
        #expect(server.notify(.resend, []) == nil)
        #expect(server.notify(.retrieve, bytes(NotifyRetrieveOut(notify_unique: 5, nodeid: 2, size: 100))) == .socketNotConnected)
    }

    @Test func headersThatLie() throws {
        let server = try WrongServer()
        server.answers[.statfs] = { [unowned server] _, header in
            server.raw([1, 2, 3])
            server.send(header.unique, length: 17)
            server.send(header.unique, length: 15, [])
            // Its caller still waits.
            server.send(header.unique, error: -13)
        }
        #expect(throws: Errno.permissionDenied) { try server.kernel.makeProcess().statfs() }
        #expect(server.outcomes == [.invalidArgument, .invalidArgument, .invalidArgument, nil])
    }

    /// The request that it answers is looked for first, and ends with it.
    @Test func anErrorWithABody() throws {
        let server = try WrongServer()
        server.answers[.statfs] = { [unowned server] _, header in
            server.send(header.unique + 2, error: -13, [1, 2, 3, 4])
            server.send(header.unique, error: -13, [1, 2, 3, 4])
            server.send(header.unique, error: -13)
        }
        #expect(throws: Errno.ioError) { try server.kernel.makeProcess().statfs() }
        #expect(server.outcomes == [.noSuchFileOrDirectory, .invalidArgument, .noSuchFileOrDirectory])
    }

    @Test func repliesOfTheWrongSize() throws {
        let server = try WrongServer()
        let user = try server.kernel.makeProcess()
        for count in [0, 79, 81, 160] {
            server.answers[.statfs] = { [unowned server] _, header in server.send(header.unique, [UInt8](repeating: 0, count: count)) }
            #expect(throws: Errno.ioError) { try user.statfs() }
        }
        server.answers[.statfs] = { [unowned server] _, header in server.send(header.unique, [UInt8](repeating: 0, count: 80)) }
        #expect(throws: Never.self) { try user.statfs() }
        #expect(server.outcomes.filter { $0 == .invalidArgument }.count == 4)
        // More data than was asked for.
        let file = try user.open("/f", O_RDONLY)
        server.answers[.read] = { [unowned server] _, header in server.send(header.unique, [UInt8](repeating: 65, count: 4097)) }
        #expect(throws: Errno.ioError) { try user.read(file, 10) }
        server.answers[.read] = { [unowned server] _, header in server.send(header.unique, [UInt8](repeating: 65, count: 4096)) }
        #expect(try user.read(file, 10).count == 10)
    }

    @Test func writesOfMoreThanThereWas() throws {
        let server = try WrongServer()
        let user = try server.kernel.makeProcess()
        let file = try user.open("/f", O_WRONLY)
        server.answers[.write] = { [unowned server] _, header in server.send(header.unique, bytes(WriteOut(size: 5))) }
        #expect(throws: Errno.ioError) { try user.write(file, [1, 2, 3, 4]) }
        #expect(try user.write(file, [1, 2, 3, 4, 5, 6]) == 5)
    }

    // MARK: Entries and attributes

    @Test func inodesThatCannotBe() throws {
        let wrong: [(String, (inout EntryOut) -> Void)] = [
            ("no type", { $0.attr.mode = 0o644 }), ("two types", { $0.attr.mode = 0o170644 }),
            ("a negative size", { $0.attr.size = 1 << 63 }), ("the root", { $0.nodeid = 1 }),
        ]
        for (what, change) in wrong {
            let server = try WrongServer()
            var entry = WrongServer.entry(2)
            change(&entry)
            server.answers[.lookup] = { [unowned server] _, header in server.send(header.unique, bytes(entry)) }
            #expect(throws: Errno.ioError, "\(what)") { try server.kernel.makeProcess().stat("/f") }
        }
        let server = try WrongServer()
        server.answers[.lookup] = { [unowned server] _, header in server.send(header.unique, error: -2) }
        for (node, mode) in [(0, 0o40755), (1, 0o40755), (5, 0o100644)] as [(UInt64, UInt32)] {
            server.answers[.mkdir] = { [unowned server] _, header in
                var entry = WrongServer.entry(node)
                entry.attr.mode = mode
                server.send(header.unique, bytes(entry))
            }
            #expect(throws: Errno.ioError, "mkdir answered with \(node)") { try server.kernel.makeProcess().mkdir("/d") }
        }
    }

    @Test func aFileThatBecomesADirectory() throws {
        let server = try WrongServer()
        let user = try server.kernel.makeProcess()
        server.answers[.lookup] = { [unowned server] _, header in server.send(header.unique, bytes(EntryOut(nodeid: 2, entry_valid: 100, attr: WrongServer.entry(2).attr))) }
        server.answers[.getattr] = { [unowned server] _, header in
            let mode: UInt32 = header.nodeid == 1 ? 0o40777 : 0o40755
            server.send(header.unique, bytes(AttrOut(attr_valid: 100, attr: Attr(mode: mode, nlink: 1))))
        }
        #expect(throws: Errno.ioError) { try user.stat("/f") }
    }

    // MARK: Lookups

    @Test func eachLookupIsForgottenOnce() throws {
        let server = try WrongServer()
        server.answers[.lookup] = { [unowned server] _, header in server.send(header.unique, bytes(WrongServer.entry(2, timeout: 0))) }
        server.answers[.getattr] = { [unowned server] _, header in
            server.send(header.unique, bytes(AttrOut(attr: header.nodeid == 1 ? Attr(mode: 0o40777, nlink: 2) : WrongServer.entry(2).attr)))
        }
        let user = try server.kernel.makeProcess()
        for _ in 0..<5 { _ = try user.stat("/f") }
        #expect(server.kernel.lookupCounts == [2: 5])
        #expect(server.forgotten == [:])
        let file = try user.open("/f", O_RDONLY)
        server.kernel.dropCaches()
        #expect(server.forgotten == [:], "it is open")
        try user.close(file)
        #expect(server.forgotten == [2: 6])
        #expect(server.kernel.lookupCounts == [:])
        server.kernel.dropCaches()
        #expect(server.forgotten == [2: 6], "never more than there were")
    }

    @Test func anotherNodeForTheSameNameIsForgottenAndLookedUpAgain() throws {
        let server = try WrongServer()
        var node: UInt64 = 2
        server.answers[.lookup] = { [unowned server] _, header in server.send(header.unique, bytes(WrongServer.entry(node, timeout: 0))) }
        let user = try server.kernel.makeProcess()
        _ = try user.stat("/f")
        node = 3
        #expect(try user.stat("/f").inode == 3)
        server.kernel.dropCaches()
        #expect(server.forgotten == [2: 1, 3: 2])
    }
}
