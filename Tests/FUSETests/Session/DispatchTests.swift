// SPDX-License-Identifier: MIT

import FUSE
import FUSEWire
import Logging
import SystemPackage
import Testing

/// Each request reaches its method with what it carried, and the answer reaches the kernel.
@Suite struct DispatchTests {
    @Test(arguments: Dispatched.all)
    func aRequestBecomesACallAndItsAnswerAReply(row: Dispatched) throws {
        let fileSystem = RecordingFS()
        let stepped = try Stepped(fileSystem)
        let reply = try stepped.exchange(row.message)
        #expect(fileSystem.takeCalls() == [row.call])
        #expect(reply == Sent(unique: 0x1122_3344_5566_7788, error: nil, body: row.body))
        #expect(stepped.session.counters[row.opcode] == 1)
    }

    @Test func theTableIsWhole() {
        let done = Set(Dispatched.all.map(\.opcode)).union(Dispatched.undone)
        let others: Set<Opcode> = [.forget, .batchForget, .interrupt, .notifyReply, .destroy]
        let known = (0..<4200 as Range<UInt32>).map { Opcode(rawValue: $0) }.filter(\.isKnown)
        #expect(known.filter { !done.union(others).contains($0) } == [])
    }

    @Test func setattrNamesWhatChanges() throws {
        let fileSystem = RecordingFS()
        let stepped = try Stepped(fileSystem)
        let all = SetattrIn(
            fh: 5, size: 6, lock_owner: 7, atime: 8, mtime: UInt64(bitPattern: -9), ctime: 10, atimensec: 11, mtimensec: 12,
            ctimensec: 13, mode: 0o104755, uid: 14, gid: 15)
        let cases: [(SetattrValid, String)] = [
            ([.mode], "[mode 4755] no handle"), ([.uid], "[owner 14] no handle"), ([.gid], "[group 15] no handle"),
            ([.size, .fh], "[size 6] #5"), ([.size, .lockOwner], "[size 6, lock owner 7] no handle"),
            ([.atime], "[accessed 8.11] no handle"), ([.atime, .atimeNow], "[accessed now] no handle"),
            ([.mtime], "[modified -9.12] no handle"), ([.mtime, .mtimeNow], "[modified now] no handle"),
            ([.ctime], "[changed 10.13] no handle"), ([.uid, .killSuidgid], "[owner 14, kill] no handle"),
            // The request without a change is the one that takes set-user-id bits away.
            ([], "[kill] no handle"), ([.fh], "[kill] #5"),
            (
                [.mode, .uid, .gid, .size, .atime, .mtime, .ctime],
                "[mode 4755, owner 14, group 15, size 6, accessed 8.11, modified -9.12, changed 10.13] no handle"
            ),
        ]
        for (valid, shown) in cases {
            var fields = all
            fields.valid = valid.rawValue
            let reply = try stepped.exchange(request(.setattr, structure: bytes(fields)))
            #expect(fileSystem.takeCalls() == ["setattr 7 \(shown)"])
            #expect(reply?.body == Dispatched.attributes)
        }
    }

    @Test func setxattrInItsLongerForm() throws {
        let fileSystem = RecordingFS(capabilities: .setxattrExt)
        let stepped = try Stepped(fileSystem)
        let message = request(
            .setxattr, structure: bytes(SetxattrIn(size: 2, flags: 1, setxattr_flags: 1)), payload: "user.x".withNUL + [1, 2])
        #expect(try stepped.exchange(message)?.error == nil)
        #expect(fileSystem.takeCalls() == ["setxattr user.x of 7 to \u{1}\u{2} options \(1 + 1 << 31 as UInt32)"])
    }

    // MARK: Who asks

    @Test func theCallerAndTheRequestsName() throws {
        let fileSystem = RecordingFS()
        let stepped = try Stepped(fileSystem)
        _ = try stepped.exchange(request(.lookup, payload: Dispatched.name))
        #expect(
            fileSystem.lastRequest
                == Request(
                    id: RequestID(rawValue: 0x1122_3344_5566_7788),
                    caller: Caller(user: UserID(1000), group: GroupID(100), process: 4711)))
    }

    @Test func theSupplementaryGroupOfCreatingRequests() throws {
        let fileSystem = RecordingFS(capabilities: [.createSuppGroup, .securityCtx])
        let stepped = try Stepped(fileSystem)
        let contexts = Self.contexts
        for (extensions, group, isLabelled) in [
            (groupsExtension([27]), 27, false), (groupsExtension([27, 28]), 27, false),
            (contexts + groupsExtension([1 << 31]), 1 << 31, true), (groupsExtension([]), nil, false), (contexts, nil, true),
            ([], nil, false),
        ] as [([UInt8], UInt32?, Bool)] {
            let message = request(.mkdir, structure: bytes(MkdirIn(mode: 0o755)), payload: Dispatched.name, extensions: extensions)
            let reply = try stepped.exchange(message)
            #expect(reply?.error == nil)
            #expect(fileSystem.lastRequest?.caller.supplementaryGroup == group.map { GroupID($0) })
            let label = isLabelled ? [Self.label] : []
            #expect(fileSystem.takeCalls() == ["mkdir a name in 7 mode 755 umask 0 device 0:0"] + label)
        }
    }

    // MARK: Security contexts

    private static let label = "setxattr security.selinux of \(RecordingFS.entry.node.rawValue) to u:r\0 options 0"

    private static let contexts = bytes(SecctxHeader(size: 16 + 24, nr_secctx: 1)) + bytes(Secctx(size: 4))
        + [UInt8]("security.selinux\0u:r\0".utf8) + [0, 0, 0]

    private static let making: [(Opcode, [UInt8], [UInt8])] = [
        (.mknod, bytes(MknodIn(mode: 0o100644)), Dispatched.name), (.mkdir, bytes(MkdirIn(mode: 0o755)), Dispatched.name),
        (.symlink, [], Dispatched.name + "target".withNUL), (.create, bytes(CreateIn(mode: 0o100644)), Dispatched.name),
        (.tmpfile, bytes(CreateIn(mode: 0o100644)), []),
    ]

    @Test func whatIsMadeGetsItsSecurityContext() throws {
        let fileSystem = RecordingFS(capabilities: [.securityCtx])
        let stepped = try Stepped(fileSystem)
        for (opcode, structure, payload) in Self.making {
            let reply = try stepped.exchange(request(opcode, structure: structure, payload: payload, extensions: Self.contexts))
            #expect(reply?.error == nil, "\(opcode)")
            #expect(fileSystem.takeCalls().filter { $0.hasPrefix("setxattr") } == [Self.label], "\(opcode)")
        }
        // Not asked for, nothing is one.
        let other = RecordingFS()
        _ = try Stepped(other).exchange(
            request(.mkdir, structure: bytes(MkdirIn()), payload: Dispatched.name, extensions: Self.contexts))
        #expect(!other.takeCalls().contains { $0.hasPrefix("setxattr") })
    }

    /// The maker gets the error, and the filesystem back what the kernel would have had.
    @Test func whatCannotHaveItsSecurityContextIsNobodys() throws {
        for (opcode, structure, payload) in Self.making {
            let fileSystem = RecordingFS(capabilities: [.securityCtx])
            fileSystem.fail(with: .notSupported, in: "setxattr")
            let stepped = try Stepped(fileSystem)
            let reply = try stepped.exchange(request(opcode, structure: structure, payload: payload, extensions: Self.contexts))
            #expect(reply?.error == .notSupported, "\(opcode)")
            let after = fileSystem.takeCalls().drop { !$0.hasPrefix("setxattr") }.dropFirst()
            let isOpen = opcode == .create || opcode == .tmpfile
            #expect(after.map { $0.prefix { $0 != " " } } == (isOpen ? ["release", "forget"] : ["forget"]), "\(opcode)")
            // Once, also where the error finds nobody.
            stepped.channel.failReply(with: .noSuchFileOrDirectory)
            #expect(try stepped.exchange(request(opcode, structure: structure, payload: payload, extensions: Self.contexts)) == nil)
            #expect(fileSystem.takeCalls().count { $0.hasPrefix("forget") || $0.hasPrefix("release") } == (isOpen ? 2 : 1), "\(opcode)")
        }
    }

    @Test func extensionsThatLieAreAnError() throws {
        let fileSystem = RecordingFS()
        let stepped = try Stepped(fileSystem)
        let lies = [
            bytes(ExtHeader(size: 64, type: 32)), bytes(ExtHeader(size: 4, type: 32)),
            bytes(ExtHeader(size: 16, type: 32)) + bytes(SuppGroups(nr_groups: 2)) + [1, 0, 0, 0],
            bytes(ExtHeader(size: 16, type: 32)) + bytes(SuppGroups(nr_groups: .max)) + [1, 0, 0, 0],
        ]
        for lie in lies {
            let message = request(.mkdir, structure: bytes(MkdirIn()), payload: Dispatched.name, extensions: lie)
            #expect(try stepped.exchange(message)?.error == .ioError)
            #expect(fileSystem.takeCalls() == [])
        }
    }

    // MARK: No reply

    @Test func forgetsAreHeardAndNotAnswered() throws {
        let fileSystem = RecordingFS()
        let stepped = try Stepped(fileSystem)
        #expect(try stepped.exchange(request(.forget, structure: bytes(ForgetIn(nlookup: 1 << 40)))) == nil)
        #expect(fileSystem.takeCalls() == ["forget 7 1099511627776"])
        let two = bytes(ForgetOne(nodeid: 8, nlookup: 1)) + bytes(ForgetOne(nodeid: 9, nlookup: 2))
        #expect(try stepped.exchange(request(.batchForget, structure: bytes(BatchForgetIn(count: 2)), payload: two)) == nil)
        #expect(fileSystem.takeCalls() == ["forget 8 1", "forget 9 2"])
    }

    @Test(arguments: [(0, 0), (1, 1), (3, 2), (.max, 2)] as [(UInt32, Int)])
    func aBatchWhoseCountLies(count: UInt32, heard: Int) throws {
        let fileSystem = RecordingFS()
        let stepped = try Stepped(fileSystem)
        // Half an element more.
        let two = bytes(ForgetOne(nodeid: 8, nlookup: 1)) + bytes(ForgetOne(nodeid: 9, nlookup: 2)) + [1, 2, 3, 4, 5, 6, 7, 8]
        #expect(try stepped.exchange(request(.batchForget, structure: bytes(BatchForgetIn(count: count)), payload: two)) == nil)
        #expect(fileSystem.takeCalls() == Array(["forget 8 1", "forget 9 2"].prefix(heard)))
    }

    @Test func interruptsAndNotifyRepliesAreNotAnswered() throws {
        let stepped = try Stepped(RecordingFS())
        #expect(try stepped.exchange(request(.interrupt, structure: bytes(InterruptIn(unique: 5)))) == nil)
        let retrieved = request(.notifyReply, structure: bytes(NotifyRetrieveIn(size: 3)), payload: [1, 2, 3])
        #expect(try stepped.exchange(retrieved) == nil)
        #expect(try stepped.exchange(request(.forget)) == nil, "truncated")
        #expect(try stepped.exchange(request(.interrupt, structure: [1])) == nil, "truncated")
    }

    @Test func destroyIsAnswered() throws {
        let stepped = try Stepped(RecordingFS())
        #expect(try stepped.exchange(request(.destroy)) == Sent(unique: 0x1122_3344_5566_7788, error: nil, body: []))
    }

    @Test func theConnectionsEnd() throws {
        let stepped = try Stepped(RecordingFS())
        let goesOn = try stepped.session.step(stepped.channel)
        #expect(!goesOn)
    }
}
