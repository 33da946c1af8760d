// SPDX-License-Identifier: MIT

import Dispatch
import FUSEWire
import Foundation
import Glibc
import Synchronization
import SystemPackage
import Testing

@testable import FUSE

extension MountTests {
    /// A caller that gets a signal: its system call fails with EINTR, whatever its handler is doing.
    @Suite struct InterruptMountTests {
        /// Blocked in a system call (`read`), or asking in a loop (`fsync`).
        private final class CallerFS: TinyFS {
            let names = ["file"]
            let entered = DispatchSemaphore(value: 0)
            let caller = Atomic<Int32>(0)
            private let connection = Mutex<Connection?>(nil)

            func start(_ connection: Connection) { self.connection.withLock { $0 = connection } }

            func open(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> Opened { Opened(io: .direct) }

            func read(_ file: OpenFile, at offset: UInt64, into output: inout DataWriter, for request: Request) throws(Errno) {
                caller.store(request.caller.process, ordering: .relaxed)
                entered.signal()
                if Glibc.poll(nil, 0, 120_000) < 0 { throw Errno(rawValue: errno) }
            }

            func fsync(_ file: OpenFile, dataOnly: Bool, for request: Request) throws(Errno) {
                caller.store(request.caller.process, ordering: .relaxed)
                entered.signal()
                while let connection = connection.withLock({ $0 }), !connection.isInterrupted(request) { sched_yield() }
                throw .interrupted
            }
        }

        /// Has a handler for SIGINT, so that its system call is interrupted and not restarted; and takes it, which the test
        /// runner's threads do not, whose mask it inherits.
        private static let script = """
            exec perl -e 'use IO::Handle; use POSIX; $SIG{INT} = sub {}; sigprocmask(SIG_UNBLOCK, POSIX::SigSet->new(SIGINT)); open(my $f, "+<", $ARGV[0]) or die "open: $!";
            my $done = $ARGV[1] eq "read" ? sysread($f, my $data, 10) : $f->sync;
            print defined $done ? "done\\n" : "error " . ($! + 0) . "\\n"' "$1" "$2"
            """

        @Test(arguments: ["read", "sync"])
        func theSystemCallFailsWithEINTR(operation: String) throws {
            let fileSystem = CallerFS()
            try withMount(fileSystem) { mount in
                let path = mount.mountpoint + "/file"
                for _ in 0..<5 {
                    let call = started { try shell(Self.script, path, operation) }
                    try #require(fileSystem.entered.wait(timeout: .now() + .seconds(120)) == .success)
                    #expect(kill(fileSystem.caller.load(ordering: .relaxed), SIGINT) == 0)
                    #expect(try call.value() == Outcome(status: 0, output: "error \(EINTR)\n", errors: ""))
                }
                #expect(mount.session.counters[.interrupt] >= 5)
            }
        }

        /// A killed caller goes too, and leaves no handler behind.
        @Test func aKilledCallerIsGone() throws {
            let fileSystem = CallerFS()
            try withMount(fileSystem) { mount in
                let path = mount.mountpoint + "/file"
                let call = started { try shell(Self.script, path, "read") }
                try #require(fileSystem.entered.wait(timeout: .now() + .seconds(120)) == .success)
                kill(fileSystem.caller.load(ordering: .relaxed), SIGKILL)
                #expect(try call.value().status == SIGKILL)
            }
        }
    }
}
