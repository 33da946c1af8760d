// SPDX-License-Identifier: MIT

import Foundation
import Glibc
import SystemPackage
import Testing

@testable import FUSE

extension MountTests {
    /// What tells on a whole process, in one of its own: `Tests/StrainedRunner` has the cases.
    @Suite struct StrainedTests {
        /// Runs a case in a directory of its own. A case that hangs ends by itself; its mount goes with it, or here.
        func strained(_ name: String) throws -> Outcome {
            let directory = try TemporaryDirectory()
            defer { while (try? isMounted(directory.path)) ?? false { try? unmount(FilePath(directory.path), lazily: true) } }
            return try shell("exec \"$1\" \"$2\" \"$3\"", builtProgram("strained"), name, directory.path)
        }

        @Test func aProcessThatServesCanChangeItsIDs() throws {
            #expect(try strained("ids") == Outcome(status: 0, output: "changed\nhello\n", errors: ""))
        }

        /// Of 64 signals those are left unblocked that are for one thread alone, that for interrupts, and the two that nobody
        /// can block.
        @Test func threadsBlockWhatIsForTheProcess() throws {
            let open = [SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS, 32, 33, SIGURG, SIGKILL, SIGSTOP]
            let blocked = open.reduce(UInt64.max) { $0 & ~(1 << UInt64($1 - 1)) }
            let outcome = try strained("masks")
            #expect(outcome.output == "SigBlk:\t\(String(blocked, radix: 16))\n")
            #expect(outcome.status == 0)
        }

        @Test func aCrashInAMethodReachesWhoReportsCrashes() throws {
            let outcome = try strained("crash")
            #expect(outcome.output == "reported\n" && outcome.status == 42, "\(outcome)")
        }

        @Test(arguments: [("no-pipe", "Too many open files"), ("no-thread", "Resource temporarily unavailable")])
        func whatWasStartedIsStoppedWhereNobodyCanServe(name: String, error: String) throws {
            let said = "refused: \(error)\nstarted 1, stopped 1\nnothing is mounted\n"
            #expect(try strained(name) == Outcome(status: 0, output: said, errors: ""))
        }

        @Test func aMirrorThatCannotBeMadeClosesItsDirectoryOnce() throws {
            let said = "many failed, many did not\ndescriptors: 0 more\n"
            #expect(try strained("little-memory") == Outcome(status: 0, output: said, errors: ""))
        }

        @Test func aBrokenLeaseSendsTheProgramNoSignal() throws {
            #expect(try strained("leases") == Outcome(status: 0, output: "signals: 0\n", errors: ""))
        }
    }
}
