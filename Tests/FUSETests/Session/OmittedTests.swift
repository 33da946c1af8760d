// SPDX-License-Identifier: MIT

import FUSE
import FUSEWire
import Logging
import SystemPackage
import Testing

/// Requests that a filesystem wants left out are answered with ENOSYS, and reach none of its methods.
@Suite struct OmittedTests {
    static let kinds: [(OmittedRequests, Set<Opcode>)] = [
        (.opendir, [.opendir]), (.xattrs, [.getxattr, .setxattr, .listxattr, .removexattr]),
        (.copyFileRange, [.copyFileRange, .copyFileRange64]),
    ]

    /// What is answered with ENOSYS of a filesystem that wants all this left out.
    func unanswered(_ omitted: OmittedRequests, offers: InitFlags, passthrough: Bool = true) throws -> Set<Opcode> {
        let fileSystem = RecordingFS(omitted: omitted)
        let stepped = try Stepped(fileSystem, opening: initRequest(offers: offers.union(passthrough ? [.initExt, .passthrough] : .initExt)))
        #expect((stepped.session.connection.passthrough == .available) == passthrough)
        var unanswered: Set<Opcode> = []
        for row in Dispatched.all {
            let reply = try stepped.exchange(row.message)
            let calls = fileSystem.takeCalls()
            if reply?.error == .noFunction { unanswered.insert(row.opcode) }
            #expect(calls == (reply?.error == .noFunction ? [] : [row.call]))
        }
        return unanswered
    }

    @Test(arguments: 0..<8 as Range<UInt8>) func leftOut(bits: UInt8) throws {
        let omitted = OmittedRequests(rawValue: bits)
        let expected = Self.kinds.filter { omitted.contains($0.0) }.reduce(into: Set<Opcode>()) { $0.formUnion($1.1) }
        #expect(try unanswered(omitted, offers: .noOpendirSupport) == expected)
    }

    /// ENOSYS would reach who opens a directory.
    @Test func aKernelThatCannotDoWithoutOpendir() throws {
        #expect(try unanswered(.opendir, offers: []) == [])
    }

    /// Each block would be read and written by requests.
    @Test func withoutPassthroughCopiesAreSent() throws {
        #expect(try unanswered(.copyFileRange, offers: .noOpendirSupport, passthrough: false) == [])
    }

    @Test func theFilesystemIsTold() throws {
        let fileSystem = RecordingFS(omitted: [.opendir, .xattrs, .copyFileRange])
        _ = try Stepped(fileSystem, opening: initRequest(offers: [.initExt]))
        #expect(fileSystem.record.withLock { $0.connection?.omitted } == .xattrs)
    }
}

extension Errno {
    fileprivate static var noFunction: Errno { Errno(rawValue: 38) }
}
