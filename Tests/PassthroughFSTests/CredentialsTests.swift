// SPDX-License-Identifier: MIT

import CLinux
import FUSE
import Glibc
@testable import PassthroughFS
import SystemPackage
import Testing

private let isRoot = geteuid() == 0
private let user = Request(
    id: RequestID(rawValue: 4), caller: Caller(user: UserID(rawValue: 1234), group: GroupID(rawValue: 2345)))

@Suite struct DaemonsGroupTests {
    /// Ids that are none are not acted as; whoever came before or after is not affected.
    @Test(.enabled(if: isRoot, "acting as others needs root"))
    func idsThatAreNone() throws {
        let mirror = try Mirror()
        let credentials = Credentials()
        for (user, group) in [(UInt32.max, 2345), (1234, .max), (0, .max), (.max, .max)] as [(UInt32, UInt32)] {
            let caller = Caller(user: UserID(rawValue: user), group: GroupID(rawValue: group))
            #expect(throws: Errno.notPermitted) { _ = try credentials.assume(caller, boundAs: caller) }
            #expect(getegid() == 0 && clinux_setfsgid(.max) == 0 && clinux_setfsuid(.max) == 0)
        }
        credentials.restore(try credentials.assume(user.caller, boundAs: user.caller))
        #expect(getegid() == 0 && clinux_setfsgid(.max) == 0 && clinux_setfsuid(.max) == 0)
        try mirror.write("file")
        #expect(mirror.status("file").st_uid == 0 && mirror.status("file").st_gid == 0)
    }

    /// As with a service that has a `Group=` of its own. The ids are this thread's alone.
    @Test(.enabled(if: isRoot, "acting as others needs root"))
    func whatRootMakesIsRoots() throws {
        let mirror = try Mirror()
        let own = clinux_setfsgid(54321)
        defer { _ = clinux_setfsgid(gid_t(bitPattern: own)) }
        let credentials = Credentials()
        func make(_ name: String, _ caller: Caller) throws {
            let assumed = try credentials.assume(caller, boundAs: caller)
            try mirror.write(name)
            credentials.restore(assumed)
        }
        try make("first", Mirror.root.caller)
        #expect(getegid() == 0)
        try make("user's", user.caller)
        try make("second", Mirror.root.caller)
        try make("group's", Caller(user: UserID(rawValue: 0), group: GroupID(rawValue: 54321)))
        try mirror.write("own")
        for (name, owner, group) in [
            ("first", 0, 0), ("user's", 1234, 2345), ("second", 0, 0), ("group's", 0, 54321), ("own", 0, 54321),
        ] as [(String, UInt32, UInt32)] {
            let status = mirror.status(name)
            #expect(status.st_uid == owner && status.st_gid == group, "\(name): \(status.st_uid):\(status.st_gid)")
        }
    }
}
