// SPDX-License-Identifier: MIT

import FUSEWire
import Logging
import SystemPackage
import Testing

@testable import FUSE

/// The least that a filesystem must have.
struct BareFS: FileSystem {
    func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry {
        throw .noSuchFileOrDirectory
    }

    func getattr(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        AttributesReply(.directory(inode: 1))
    }
}

/// Errors, as the kernel is to see them.
@Suite struct RefusalTests {
    /// What a default answers other than ENOSYS: opens, and what has nothing to say.
    static let answeredByDefault: Set<Opcode> = [.getattr, .statfs, .open, .opendir, .release, .releasedir]

    @Test(arguments: Dispatched.all)
    func whatIsNotImplementedIsENOSYS(row: Dispatched) throws {
        let reply = try Stepped(BareFS()).exchange(row.message)
        switch row.opcode {
        case .lookup: #expect(reply?.error == .noSuchFileOrDirectory)
        case .ioctl: #expect(reply?.error == .inappropriateIOCTLForDevice)
        case let opcode where Self.answeredByDefault.contains(opcode): #expect(reply?.error == nil)
        default: #expect(reply?.error == .noFunction)
        }
        #expect(reply != nil)
    }

    @Test(arguments: Dispatched.undone)
    func whatNoMethodStandsForIsENOSYS(opcode: Opcode) throws {
        let fileSystem = RecordingFS()
        let stepped = try Stepped(fileSystem)
        let structure = [UInt8](repeating: 0, count: opcode.inSize)
        #expect(
            try stepped.exchange(request(opcode, structure: structure))
                == Sent(unique: 0x1122_3344_5566_7788, error: .noFunction, body: []))
        #expect(fileSystem.takeCalls() == [])
    }

    /// The kernel takes ENOSYS for a promise about all later requests, and refuses errors outside -511...0.
    @Test(arguments: [
        (Errno.noSuchFileOrDirectory, Errno.noSuchFileOrDirectory), (.noFunction, .ioError),
        (Errno(rawValue: 0), .ioError), (Errno(rawValue: -5), .ioError), (Errno(rawValue: 511), Errno(rawValue: 511)),
        (Errno(rawValue: 512), .ioError), (Errno(rawValue: .max), .ioError), (Errno(rawValue: .min), .ioError),
        (Errno(rawValue: .min + 1), .ioError), (.deferred, .ioError), (Errno(Fault.overfilled), .ioError),
    ])
    func whatAFilesystemThrows(thrown: Errno, seen: Errno) throws {
        let fileSystem = RecordingFS()
        let stepped = try Stepped(fileSystem)
        fileSystem.fail(with: thrown)
        for row in Dispatched.all where row.opcode != .release && row.opcode != .releasedir {
            let reply = try stepped.exchange(row.message)
            #expect(reply == Sent(unique: 0x1122_3344_5566_7788, error: seen, body: []), "\(row.opcode)")
            #expect(fileSystem.takeCalls() == [row.call])
        }
    }

    @Test(arguments: ["", ".", "..", "/", "a/b", "/a", "a/"])
    func namesThatNoEntryCanHave(name: String) throws {
        let fileSystem = RecordingFS()
        let stepped = try Stepped(fileSystem)
        let bad = name.withNUL
        let good = "good".withNUL
        let messages = [
            request(.lookup, payload: bad), request(.unlink, payload: bad), request(.rmdir, payload: bad),
            request(.mknod, structure: bytes(MknodIn()), payload: bad), request(.mkdir, structure: bytes(MkdirIn()), payload: bad),
            request(.symlink, payload: bad + good), request(.link, structure: bytes(LinkIn()), payload: bad),
            request(.create, structure: bytes(CreateIn()), payload: bad),
            request(.rename, structure: bytes(RenameIn()), payload: bad + good),
            request(.rename, structure: bytes(RenameIn()), payload: good + bad),
            request(.rename2, structure: bytes(Rename2In()), payload: bad + good),
            request(.rename2, structure: bytes(Rename2In()), payload: good + bad),
        ]
        for message in messages {
            #expect(try stepped.exchange(message)?.error == .invalidArgument)
            #expect(fileSystem.takeCalls() == [])
        }
    }

    /// By these the kernel asks for what a file handle stands for, of a filesystem that is good for that.
    @Test func dotsInALookupAreFileHandles() throws {
        let fileSystem = RecordingFS(capabilities: .exportSupport)
        let stepped = try Stepped(fileSystem)
        for (name, call) in [(".", "revive 7"), ("..", "parent of 7")] {
            let reply = try stepped.exchange(request(.lookup, payload: name.withNUL))
            #expect(reply?.error == nil)
            #expect(reply?.body.starts(with: [0x00, 0x99]) == true)
            #expect(fileSystem.takeCalls() == [call])
        }
        #expect(try stepped.exchange(request(.lookup, payload: "a/b".withNUL))?.error == .invalidArgument)
        #expect(try stepped.exchange(request(.rmdir, payload: ".".withNUL))?.error == .invalidArgument)
        #expect(fileSystem.takeCalls() == [])
    }

    @Test(arguments: ["...", "..a", " ", "\u{1}", "ü"])
    func namesThatLookLikeIt(name: String) throws {
        let fileSystem = RecordingFS()
        let stepped = try Stepped(fileSystem)
        #expect(try stepped.exchange(request(.lookup, payload: name.withNUL))?.error == nil)
        #expect(fileSystem.takeCalls() == ["lookup \(name) in 7"])
    }

    /// Cut at every byte, with a header that owns up to it and with one that does not: the right request gets an error,
    /// the filesystem gets nothing that was not sent.
    @Test(arguments: Dispatched.all)
    func aTruncatedRequestGetsAnErrorAtOnce(row: Dispatched) throws {
        let fileSystem = RecordingFS()
        let stepped = try Stepped(fileSystem)
        let whole = row.message
        for count in 0..<whole.count {
            var message = Array(whole[..<count])
            #expect(try stepped.exchange(message)?.error == (count < 40 ? nil : .ioError))
            #expect(fileSystem.takeCalls() == [])
            guard count >= 40 else { continue }
            message[0] = UInt8(count & 0xff)
            message[1] = UInt8(count >> 8)
            let reply = try stepped.exchange(message)
            #expect(reply?.unique == 0x1122_3344_5566_7788)
            // What is left may be a whole message: of a write that carries more than it says, and of a tmpfile, whose name
            // means nothing.
            if fileSystem.takeCalls() == [row.call] {
                #expect(reply?.error == nil)
                #expect([.write, .tmpfile].contains(row.opcode))
            } else {
                #expect(reply?.error == .ioError)
            }
        }
    }

    @Test func aHeaderThatLiesAboutTheLength() throws {
        let stepped = try Stepped(RecordingFS())
        for length in [0, 39, 40, 1000, .max] as [UInt32] {
            var message = request(.lookup, payload: "a".withNUL)
            message.replaceSubrange(0..<4, with: (0..<4).map { UInt8(truncatingIfNeeded: length >> ($0 * 8)) })
            let reply = try stepped.exchange(message)
            #expect(reply == Sent(unique: 0x1122_3344_5566_7788, error: .ioError, body: []))
        }
    }

    /// The kernel sets bit 63 of a request that it sends again, and wants it back.
    @Test func theResendBitIsKept() throws {
        let fileSystem = RecordingFS()
        let stepped = try Stepped(fileSystem)
        let unique = FUSEProtocol.uniqueResend | 42
        #expect(try stepped.exchange(request(.lookup, payload: "a".withNUL, unique: unique))?.unique == unique)
        #expect(fileSystem.lastRequest?.id == RequestID(rawValue: unique))
        #expect(try stepped.exchange(request(.lookup, unique: unique)) == Sent(unique: unique, error: .ioError, body: []))
    }

    @Test func aWriteThatPromisesMoreThanItCarries() throws {
        let fileSystem = RecordingFS()
        let stepped = try Stepped(fileSystem)
        for size in [5, 1 << 31, .max] as [UInt32] {
            let message = request(.write, structure: bytes(WriteIn(size: size)), payload: [1, 2, 3, 4])
            #expect(try stepped.exchange(message)?.error == .ioError)
        }
        let xattr = request(.setxattr, structure: Array(bytes(SetxattrIn(size: 9))[..<8]), payload: "a".withNUL + [1])
        #expect(try stepped.exchange(xattr)?.error == .ioError)
        #expect(fileSystem.takeCalls() == [])
    }

    @Test(arguments: [3, 255, .max] as [UInt32])
    func aLockOfAKindThatThereIsNot(type: UInt32) throws {
        let fileSystem = RecordingFS()
        let stepped = try Stepped(fileSystem)
        for opcode in [Opcode.getlk, .setlk, .setlkw] {
            let message = request(opcode, structure: bytes(LkIn(lk: FuseFileLock(type: type))))
            #expect(try stepped.exchange(message)?.error == .invalidArgument)
        }
        #expect(fileSystem.takeCalls() == [])
    }
}
