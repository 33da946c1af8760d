// SPDX-License-Identifier: MIT

import FUSE
import FUSESimulation
import FUSEWire
import Foundation
import SystemPackage
import Testing

// Opens, and the files that are read and written in the place of theirs.

extension RefusalTests {
    /// A descriptor of a file without a name, registered.
    private func register(_ server: WrongServer, _ files: TestFiles) throws -> Int32 {
        try server.kernel.openBacking(BackingMap(fd: files.regular())).rawValue
    }

    @Test func mixedModes() throws {
        let files = TestFiles()
        let server = try WrongServer()
        let user = try server.kernel.makeProcess()
        let (id, another) = (try register(server, files), try register(server, files))
        func open(_ flags: OpenFlags, _ backing: Int32 = 0) throws(Errno) -> Descriptor {
            server.answers[.open] = { [unowned server] _, header in server.send(header.unique, bytes(OpenOut(fh: 7, open_flags: flags.rawValue, backing_id: backing))) }
            return try user.open("/f", O_RDWR)
        }
        let passed = try open(.passthrough, id)
        var releases = server.count(.release)
        for (flags, backing) in [([], 0), (.keepCache, 0), (.directIO, 0), (.passthrough, another), (.passthrough, 99)] as [(OpenFlags, Int32)] {
            #expect(throws: Errno.ioError, "\(flags)") { try open(flags, backing) }
            releases += 1
            #expect(server.count(.release) == releases, "a failed open is followed by RELEASE")
        }
        let beside = try open([.passthrough, .directIO], id)
        // The same number, registered anew, is another file.
        try server.kernel.closeBacking(BackingID(rawValue: id))
        #expect(throws: Errno.ioError, "closed") { try open(.passthrough, id) }
        try user.close(beside)
        try user.close(passed)
        let cached = try open([])
        #expect(throws: Errno.ioError) { try open(.passthrough, another) }
        _ = try open(.directIO)
        try user.close(cached)
        _ = try open(.passthrough, another)
    }

    @Test func theSameNumberRegisteredAnewIsAnotherFile() throws {
        let files = TestFiles()
        var options = KernelOptions()
        options.backings = .takesServerIDs
        let server = try WrongServer(options)
        let user = try server.kernel.makeProcess()
        let map = BackingMap(fd: try files.regular(), flags: BackingFlags.serverID.rawValue, id: 5)
        #expect(try server.kernel.openBacking(map) == BackingID(rawValue: 5))
        server.answers[.open] = { [unowned server] _, header in
            server.send(header.unique, bytes(OpenOut(open_flags: OpenFlags.passthrough.rawValue, backing_id: 5)))
        }
        let file = try user.open("/f", O_RDONLY)
        try server.kernel.closeBacking(BackingID(rawValue: 5))
        _ = try server.kernel.openBacking(map)
        #expect(throws: Errno.ioError) { try user.open("/f", O_RDONLY) }
        try user.close(file)
        #expect(throws: Never.self) { try user.open("/f", O_RDONLY) }
    }

    @Test(arguments: [.keepCache, .cacheDir, .nonseekable, .stream, OpenFlags(rawValue: 1 << 20)] as [OpenFlags])
    func flagsThatPassthroughCannotHave(_ flag: OpenFlags) throws {
        let files = TestFiles()
        let server = try WrongServer()
        let user = try server.kernel.makeProcess()
        let id = try register(server, files)
        var flags: OpenFlags = [.passthrough, flag]
        server.answers[.open] = { [unowned server] _, header in server.send(header.unique, bytes(OpenOut(open_flags: flags.rawValue, backing_id: id))) }
        #expect(throws: Errno.ioError) { try user.open("/f", O_RDONLY) }
        flags = [.passthrough, .noflush, .parallelDirectWrites]
        #expect(throws: Never.self) { try user.open("/f", O_RDONLY) }
    }

    /// Any error of opening the backing anew reaches the user as EIO.
    @Test func aBackingThatCannotBeReopened() throws {
        let files = TestFiles()
        let server = try WrongServer()
        let user = try server.kernel.makeProcess()
        let id = try server.kernel.openBacking(BackingMap(fd: files.open("/proc/self/exe", O_RDONLY))).rawValue
        server.answers[.open] = { [unowned server] _, header in
            server.send(header.unique, bytes(OpenOut(open_flags: OpenFlags.passthrough.rawValue, backing_id: id)))
        }
        #expect(throws: Errno.ioError, "ETXTBSY") { try user.open("/f", O_RDWR) }
        #expect(throws: Never.self) { try user.open("/f", O_RDONLY) }
    }

    /// Only what may have been there before loses set-user-id bits, and not by root.
    @Test func whatACreationTakesAway() throws {
        let server = try WrongServer()
        server.answers[.lookup] = { [unowned server] _, header in server.send(header.unique, error: -2) }
        server.answers[.create] = { [unowned server] _, header in
            server.send(header.unique, bytes(WrongServer.entry(2)) + bytes(OpenOut(fh: 7)))
        }
        let (root, user) = (try server.kernel.makeProcess(), try server.kernel.makeProcess(user: 1000, group: 1000))
        for (process, flags, kills) in [
            (user, O_TRUNC, true), (user, 0, false), (user, O_TRUNC | O_EXCL, false), (root, O_TRUNC, false),
        ] {
            try process.close(process.open("/f", O_WRONLY | O_CREAT | flags))
            let create = try #require(server.requests.last { $0.header.opcode == Opcode.create.rawValue })
            let sent = try create.bytes.load(CreateIn.self, at: InHeader.wireSize).open_flags
            #expect(sent == (kills ? OpenInFlags.killSuidgid.rawValue : 0), "\(flags)")
            #expect(server.notify(.invalEntry, bytes(NotifyInvalEntryOut(parent: 1, namelen: 1)) + [UInt8(ascii: "f"), 0]) == nil)
        }
    }

    @Test(arguments: [true, false])
    func truncationWithoutCreateAndWithoutOpen(isAtomic: Bool) throws {
        let server = try WrongServer(reply: WrongServer.initReply(isAtomic ? .atomicOTrunc : []))
        let user = try server.kernel.makeProcess()
        server.answers[.lookup] = { [unowned server] _, header in server.send(header.unique, error: -2) }
        server.answers[.mknod] = { [unowned server] _, header in server.send(header.unique, bytes(WrongServer.entry(2))) }
        server.answers[.setattr] = { [unowned server] _, header in
            server.send(header.unique, bytes(AttrOut(attr_valid: 100, attr: WrongServer.entry(header.nodeid).attr)))
        }
        try user.close(user.open("/new", O_WRONLY | O_CREAT | O_TRUNC))
        let open = try #require(server.requests.last { $0.header.opcode == Opcode.open.rawValue })
        #expect((try open.bytes.load(OpenIn.self, at: InHeader.wireSize).flags & UInt32(O_TRUNC) != 0) == isAtomic)
        #expect(server.count(.setattr) == 0)
        server.answers[.lookup] = { [unowned server] _, header in server.send(header.unique, bytes(WrongServer.entry(3))) }
        server.answers[.open] = nil
        try user.close(user.open("/old", O_WRONLY | O_TRUNC))
        #expect(server.count(.setattr) == (isAtomic ? 0 : 1), "there is nobody to do it")
    }
}
