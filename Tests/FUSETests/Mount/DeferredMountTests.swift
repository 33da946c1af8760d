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
    @Suite struct DeferredMountTests {
        /// Its reads wait until the test answers them, and hold no thread.
        private final class LaterFS: TinyFS {
            let names = ["file"]
            let timeout = Timeout.zero
            let waiting = Mutex<[RequestID: DeferredReply.Box]>([:])
            let arrived = DispatchSemaphore(value: 0)
            let caller = Atomic<Int32>(0)
            let stops = Atomic(0)
            private let connection = Mutex<Connection?>(nil)

            func start(_ connection: Connection) { self.connection.withLock { $0 = connection } }
            func stop() { stops.add(1, ordering: .relaxed) }

            func open(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> Opened { Opened(io: .direct) }

            func read(_ file: OpenFile, at offset: UInt64, into output: inout DataWriter, for request: Request) throws(Errno) {
                guard let connection = connection.withLock({ $0 }) else { throw .ioError }
                caller.store(request.caller.process, ordering: .relaxed)
                throw connection.deferReply(to: request) { reply in
                    let box = DeferredReply.Box(reply)
                    waiting.withLock { $0[request.id] = box }
                    arrived.signal()
                }
            }

            func interrupted(_ request: RequestID) {
                waiting.withLock { $0.removeValue(forKey: request) }?.take()?.fail(.interrupted)
            }

            func takeAll() -> [DeferredReply.Box] {
                waiting.withLock { waiting in
                    defer { waiting = [:] }
                    return Array(waiting.values)
                }
            }

            func awaitArrivals(_ count: Int) -> Bool {
                for _ in 0..<count where arrived.wait(timeout: .now() + .seconds(120)) == .timedOut { return false }
                return true
            }
        }

        private static func readOnce(_ path: String) throws -> String {
            let file = try FileDescriptor.open(FilePath(path), .readOnly)
            defer { try? file.close() }
            return try text(of: file)
        }

        @Test func aHundredReadsWaitOnTwoThreads() throws {
            let fileSystem = LaterFS()
            try withMount(fileSystem, configure: { $0.threads = ThreadLimits(initial: 1, maximum: 2) }) { mount in
                let path = mount.mountpoint + "/file"
                let reads = (0..<100).map { _ in started { try Self.readOnce(path) } }
                try #require(fileSystem.awaitArrivals(100), "not all reads came")
                // Over io_uring each queue has its own.
                #expect(mount.pool.threadCount <= 2 || mount.statistics.transport == "io_uring" && mount.pool.threadCount < 50)
                #expect(mount.session.interrupts.deferredCount == 100)
                for box in fileSystem.takeAll() { box.take()?.reply(data: { (output) throws(Errno) in output.write("later") }) }
                for read in reads { #expect(try read.value() == "later") }
                #expect(mount.session.interrupts.deferredCount == 0)
            }
        }

        @Test func aCallerThatGivesUp() throws {
            let fileSystem = LaterFS()
            try withMount(fileSystem) { mount in
                let path = mount.mountpoint + "/file"
                let call = started {
                    try shell(
                        "exec perl -e 'use POSIX; $SIG{INT} = sub {}; sigprocmask(SIG_UNBLOCK, POSIX::SigSet->new(SIGINT)); open(F, \"<\", $ARGV[0]); print defined sysread(F, $d, 9) ? 0 : $! + 0' \"$1\"", path)
                }
                try #require(fileSystem.awaitArrivals(1))
                kill(fileSystem.caller.load(ordering: .relaxed), SIGINT)
                #expect(try call.value() == Outcome(status: 0, output: "\(EINTR)", errors: ""))
            }
        }

        @Test func anAbortedConnection() throws {
            let fileSystem = LaterFS()
            try withMount(fileSystem) { mount in
                let path = mount.mountpoint + "/file"
                let reads = (0..<4).map { _ in started { try Self.readOnce(path) } }
                try #require(fileSystem.awaitArrivals(4))
                try mount.abort()
                for read in reads { #expect(throws: Errno.connectionAbort) { try read.value() } }
                mount.wait()
                #expect(fileSystem.stops.load(ordering: .relaxed) == 1)
                // Two are answered, and two dropped: it is all the same now.
                for box in fileSystem.takeAll().prefix(2) { box.take()?.reply(data: { (output) throws(Errno) in output.write("late") }) }
            }
        }
    }
}
