// SPDX-License-Identifier: MIT

import Dispatch
import FUSEWire
import Foundation
import Glibc
import Logging
import Synchronization
import SystemPackage
import Testing

@testable import FUSE

/// Its fsync blocks until it is let go.
final class BlockingFS: TinyFS {
    let names: [String]
    let timeout = Timeout.zero
    /// Signalled by each fsync that has begun.
    let entered = DispatchSemaphore(value: 0)
    /// Waited for by each.
    let gate = DispatchSemaphore(value: 0)
    let stops = Atomic(0)

    init(files: Int) { names = (0..<files).map { "f\($0)" } }

    func fsync(_ file: OpenFile, dataOnly: Bool, for request: Request) throws(Errno) {
        entered.signal()
        gate.wait()
    }

    func stop() { stops.add(1, ordering: .relaxed) }

    func release(callers count: Int) { for _ in 0..<count { gate.signal() } }

    /// Waits until so many are inside. On a thread that may block.
    func awaitEntered(_ count: Int) -> Bool {
        for _ in 0..<count where entered.wait(timeout: .now() + .seconds(120)) == .timedOut { return false }
        return true
    }
}

/// Opens a file, syncs it and closes it; what fsync(2) said, 0 for success.
func openAndSync(_ path: String) -> Int32 {
    // Safe: a string lent for the call.
    let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return errno }
    defer { close(file) }
    return fsync(file) == 0 ? 0 : errno
}

extension MountTests {
    /// Calls that block inside handlers.
    @Suite struct BlockingMountTests {
        @Test func thirtyTwoBlockedCallsAndAStatThatStillAnswers() throws {
            let fileSystem = BlockingFS(files: 33)
            // Threads that have an entry of io_uring stay.
            try withMount(fileSystem, configure: { $0.transport = .device }) { mount in
                // Whatever happens, nobody stays inside.
                defer { fileSystem.release(callers: 64) }
                let path = mount.mountpoint
                let before = mount.pool.threadCount
                let calls = (0..<32).map { index in started { openAndSync("\(path)/f\(index)") } }
                try #require(fileSystem.awaitEntered(32), "not all 32 got in")
                #expect(mount.pool.threadCount >= 33)
                let stat = try shell("stat -c %s \"$1/f32\"", path)
                #expect(stat == Outcome(status: 0, output: "14\n", errors: ""))
                fileSystem.release(callers: 32)
                for call in calls { #expect(try call.value() == 0) }
                #expect(mount.session.counters[.fsync] == 32)

                // The threads that are too many go home, one with each request that is done.
                let limit = ThreadLimits().idle + 1
                for _ in 0..<40 where mount.pool.threadCount > limit {
                    _ = try shell("for i in 0 1 2 3 4 5 6 7 8 9; do stat \"$1/f$i\"; done", path)
                }
                #expect(mount.pool.threadCount <= limit)
                #expect(mount.pool.threadCount >= before)
            }
            #expect(fileSystem.stops.load(ordering: .relaxed) == 1)
        }

        /// At the bound further requests wait, and are served when one comes out.
        @Test func theBoundIsToldOnceAndHolds() throws {
            let log = CapturedLog()
            let fileSystem = BlockingFS(files: 8)
            try withMount(fileSystem, configure: { options in
                options.session.logger = log.logger
                options.session.passthrough = .off
                options.threads = ThreadLimits(initial: 1, maximum: 4)
                options.transport = .device
            }) { mount in
                defer { fileSystem.release(callers: 64) }
                let path = mount.mountpoint
                let calls = (0..<8).map { index in started { openAndSync("\(path)/f\(index)") } }
                try #require(fileSystem.awaitEntered(4))
                #expect(mount.pool.threadCount == 4)
                fileSystem.release(callers: 8)
                for call in calls { #expect(try call.value() == 0) }
                #expect(log.all == ["warning: all 4 threads are inside calls: further requests wait"])
            }
        }

        @Test func abortFailsBlockedCallersAndEndsTheSession() throws {
            let fileSystem = BlockingFS(files: 4)
            try withMount(fileSystem) { mount in
                defer { fileSystem.release(callers: 64) }
                let path = mount.mountpoint
                let calls = (0..<4).map { index in started { openAndSync("\(path)/f\(index)") } }
                try #require(fileSystem.awaitEntered(4))
                try mount.abort()
                // The callers need no handler to come out.
                for call in calls { #expect(try call.value() == ECONNABORTED) }
                #expect(fileSystem.stops.load(ordering: .relaxed) == 0, "stopped while methods are running")
                fileSystem.release(callers: 4)
                mount.wait()
                #expect(fileSystem.stops.load(ordering: .relaxed) == 1)
                #expect(mount.pool.threadCount == 0)
                #expect(mount.pool.failure == nil)
            }
        }
    }
}
