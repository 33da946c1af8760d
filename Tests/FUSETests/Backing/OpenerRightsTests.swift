// SPDX-License-Identifier: MIT

import CLinux
import Foundation
import Glibc
import Synchronization
import Testing

@testable import FUSE

/// With which rights a file is registered: the kernel keeps them.
@Suite(.enabled(if: geteuid() == 0, "taking on others' ids takes root"))
struct OpenerRightsTests {
    /// Those of the calling thread.
    private struct Rights: Equatable, CustomStringConvertible {
        var user = UInt32(bitPattern: clinux_setfsuid(.max))
        var group = UInt32(bitPattern: clinux_setfsgid(.max))
        let hasGroups = getgroups(0, nil) > 0
        let capabilities = Self.effective()

        static func effective() -> UInt64 {
            let text = (try? String(contentsOfFile: "/proc/thread-self/status", encoding: .utf8)) ?? ""
            return text.split(separator: "\n").first { $0.hasPrefix("CapEff:") }.flatMap { UInt64($0.dropFirst(8), radix: 16) } ?? 0
        }

        func has(_ capability: Int) -> Bool { capabilities & 1 << UInt64(capability) != 0 }
        var description: String { "\(user):\(group) \(hasGroups) \(String(capabilities, radix: 16))" }
    }

    /// What the kernel finds at BACKING_OPEN: the ids, CAP_FSETID and CAP_SYS_RESOURCE of the thread. Afterwards it is as before.
    @Test func theRightsOfARegistration() throws {
        let (setID, administration, resources) = (4, 21, 24)
        let seen = Mutex<[Rights]>([])
        let device = ScriptedDevice(whileOpening: { seen.withLock { $0.append(Rights()) } })
        let backings = InodeBackings(device)
        // On a thread of its own, as what it has is the thread's.
        let thread = Thread {
            let before = Rights()
            let wishes = [
                IOModeTests.root, IOModeTests.pass, IOModeTests.user, IOModeTests.capable, IOModeTests.rootsLimits, IOModeTests.root,
            ]
            for (number, wish) in wishes.enumerated() {
                let node = NodeID(rawValue: UInt64(number + 1))
                #expect(backings.admit(node, wish).flags == .passthrough)
                backings.release(node)
            }
            #expect(Rights() == before)
            seen.withLock { $0.append(before) }
            #expect(backings.admit(9, IOModeTests.user).flags == .passthrough)
            // No quota binds it less than the one before until it is asked for something by another.
            #expect(!Rights().has(resources) && Rights().user == before.user && Rights().has(setID) == before.has(setID))
        }
        thread.start()
        while !thread.isFinished { usleep(1000) }
        let rights = seen.withLock { $0 }
        try #require(rights.count == 8)
        let own = rights[6]
        #expect(rights[0] == own && rights[5] == own)
        for index in [1, 4] {
            #expect(rights[index].user == own.user && !rights[index].has(setID) && rights[index].has(resources) == own.has(resources))
        }
        for index in [2, 3] {
            #expect((rights[index].user, rights[index].group) == (4001, 4001))
            #expect(!rights[index].has(resources) && rights[index].has(setID) == (index == 3) && !rights[index].hasGroups)
        }
        for one in rights { #expect(one.has(administration) == own.has(administration)) }
    }
}
