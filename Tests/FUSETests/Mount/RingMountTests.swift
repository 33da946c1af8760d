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

/// The switch of the kernel module, as the tests need it. It is the whole machine's: what is mounted meanwhile without a wish of its own
/// may go over io_uring, too, and works all the same.
enum RingSwitch {
    private static let path = "/sys/module/fuse/parameters/enable_uring"

    static func set(_ isOn: Bool) throws { try Data((isOn ? "Y" : "N").utf8).write(to: URL(fileURLWithPath: path)) }

    static var isOn: Bool { (try? String(contentsOfFile: path, encoding: .utf8))?.hasPrefix("Y") ?? false }

    /// Runs with it as given, and puts it back. Nobody else who comes by here, or by its lock, changes it meanwhile.
    static func with(_ isOn: Bool, _ body: () throws -> Void) throws {
        let file = try FileDescriptor.open(FilePath(path), .readOnly)
        defer { try? file.close() }
        _ = flock(file.rawValue, LOCK_EX)
        let before = self.isOn
        try set(isOn)
        defer { try? set(before) }
        try body()
    }
}

/// A mount over io_uring.
func withRing<FS: FileSystem>(
    _ fileSystem: FS, _ choice: TransportChoice = .ring, configure: (inout MountOptions) -> Void = { _ in }, _ body: (Mount<FS>) throws -> Void
) throws {
    try RingSwitch.with(true) {
        try withMount(fileSystem, configure: { options in
            options.transport = choice
            configure(&options)
        }, body)
    }
}

/// The processors that the machine may have.
private let processors = Processors.possible ?? 1

extension MountTests {
    /// FUSE over io_uring, and what goes wrong with it. Nobody may have to wait for ever for any of it.
    @Suite struct RingMountTests {
        /// Processes that look at the mount's files all the time, on every processor; in the end what they were told, one each.
        private final class Load {
            private let calls: [Started<Outcome>]
            private let flag: String

            init(_ mountpoint: String) throws {
                let flag = FileManager.default.temporaryDirectory.path + "/swift-fuse-stop-\(UUID().uuidString)"
                self.flag = flag
                calls = (0..<4).map { index in
                    let processor = index % processors
                    return started {
                        try shell(
                            "exec 2>&1; while [ ! -e \"$2\" ]; do taskset -c \"$3\" cat \"$1/hello\" || exit 1; done", mountpoint, flag, "\(processor)")
                    }
                }
            }

            func stop() { _ = FileManager.default.createFile(atPath: flag, contents: nil) }

            /// Waits until all have come out.
            func end() throws -> [Outcome] {
                stop()
                defer { try? FileManager.default.removeItem(atPath: flag) }
                return try calls.map { try $0.value() }
            }

            deinit { stop() }
        }

        private static func expectAnswer(_ mountpoint: String, on processor: Int, sourceLocation: SourceLocation = #_sourceLocation) throws {
            let outcome = try shell("taskset -c \"$2\" cat \"$1/hello\"", mountpoint, "\(processor)")
            #expect(outcome == Outcome(status: 0, output: "Hello, world!\n", errors: ""), sourceLocation: sourceLocation)
        }

        private static func awaitRequests<FS: FileSystem>(_ mount: Mount<FS>, _ opcode: Opcode, _ count: UInt64) -> Bool {
            for _ in 0..<1200 where mount.session.counters[opcode] < count { usleep(100_000) }
            return mount.session.counters[opcode] >= count
        }

        @Test func everyProcessorIsServed() throws {
            let log = CapturedLog()
            try withRing(OneFileFS(), configure: { $0.session.logger = log.logger }) { mount in
                #expect(mount.statistics.transport == "io_uring")
                for processor in 0..<processors { try Self.expectAnswer(mount.mountpoint, on: processor) }
                let list = try shell("ls \"$1\"", mount.mountpoint).output
                #expect(list == "hello\n")
            }
            #expect(log.all == [])
        }

        // MARK: It does not come up

        @Test(arguments: [RingFaults.Step.enable, .register], [0, processors / 2, processors - 1])
        func aQueueThatFailsSendsEverythingByTheDevice(_ step: RingFaults.Step, _ failing: Int) throws {
            let log = CapturedLog()
            try withRing(OneFileFS(), .auto, configure: { options in
                options.session.logger = log.logger
                options.ringFaults.refuse = { $0 == step && $1 == failing }
            }) { mount in
                for processor in 0..<processors { try Self.expectAnswer(mount.mountpoint, on: processor) }
                #expect(mount.statistics.transport == "/dev/fuse")
            }
            #expect(log.all.count == 1)
            #expect(log.all.first?.hasPrefix("warning: FUSE over io_uring: processor \(failing) has no entry: ") == true, "\(log.all)")
        }

        @Test func allQueuesFail() throws {
            try withRing(OneFileFS(), .auto, configure: { $0.ringFaults.refuse = { step, _ in step == .enable } }) { mount in
                try Self.expectAnswer(mount.mountpoint, on: 0)
                #expect(mount.statistics.transport == "/dev/fuse")
            }
        }

        @Test func aMachineWithoutItIsServedByTheDevice() throws {
            try withRing(OneFileFS(), .auto, configure: { $0.ringFaults.refuse = { step, _ in step == .setUp } }) { mount in
                try Self.expectAnswer(mount.mountpoint, on: 0)
                #expect(mount.statistics.transport == "/dev/fuse")
            }
        }

        @Test func whoInsistsIsTold() throws {
            for step in [RingFaults.Step.setUp, .enable, .register] {
                #expect(throws: MountError.self) {
                    try withRing(OneFileFS(), configure: { $0.ringFaults.refuse = { $0 == step && $1 == processors - 1 } }) { _ in }
                }
            }
        }

        @Test func aKernelThatDoesNotOfferIt() throws {
            try RingSwitch.with(false) {
                try withMount(OneFileFS()) { mount in
                    try Self.expectAnswer(mount.mountpoint, on: 0)
                    #expect(mount.statistics.transport == "/dev/fuse")
                }
                let error = #expect(throws: MountError.self) {
                    try withMount(OneFileFS(), configure: { $0.transport = .ring }) { _ in }
                }
                #expect(error?.description.contains("echo Y > /sys/module/fuse/parameters/enable_uring") == true, "\(error as Any)")
            }
        }

        // MARK: It fails later

        /// The kernel refuses one more entry, which counts there as the end of the ring; it goes on.
        @Test func aFurtherEntryThatFails() throws {
            let isRefusing = Atomic(false)
            let refusals = Atomic(0)
            let fileSystem = BlockingFS(files: 4)
            let log = CapturedLog()
            try withRing(fileSystem, configure: { options in
                options.session.logger = log.logger
                options.ringFaults.refuse = { step, _ in
                    guard step == .register, isRefusing.load(ordering: .relaxed) else { return false }
                    return refusals.add(1, ordering: .relaxed).newValue <= 3
                }
            }) { mount in
                defer { fileSystem.release(callers: 64) }
                let path = mount.mountpoint
                isRefusing.store(true, ordering: .relaxed)
                let calls = (0..<4).map { index in started { openAndSync("\(path)/f\(index)") } }
                try #require(fileSystem.awaitEntered(4))
                #expect(refusals.load(ordering: .relaxed) > 0)
                fileSystem.release(callers: 4)
                for call in calls { #expect(try call.value() == 0) }
                #expect(mount.statistics.transport == "io_uring")
            }
            #expect(log.all.count == 1)
            #expect(log.all.first?.contains("no further entry of io_uring") == true, "\(log.all)")
        }

        @Test func switchedOffUnderLoad() throws {
            let log = CapturedLog()
            try withRing(OneFileFS(), configure: { $0.session.logger = log.logger }) { mount in
                let load = try Load(mount.mountpoint)
                try #require(Self.awaitRequests(mount, .open, 20))
                try RingSwitch.set(false)
                try #require(Self.awaitRequests(mount, .open, mount.session.counters[.open] + 50))
                for outcome in try load.end() { #expect(outcome.status == 0) }
                #expect(mount.statistics.transport == "io_uring")
            }
            #expect(log.all == [])
        }

        /// After a refused entry, it switched off means that the kernel takes no reply any more. Then the connection is ended.
        @Test func switchedOffAfterAFailure() throws {
            let isRefusing = Atomic(false)
            let fileSystem = BlockingFS(files: 2)
            let log = CapturedLog()
            try withRing(fileSystem, configure: { options in
                options.session.logger = log.logger
                options.ringFaults.refuse = { step, _ in step == .register && isRefusing.load(ordering: .relaxed) }
            }) { mount in
                defer { fileSystem.release(callers: 64) }
                isRefusing.store(true, ordering: .relaxed)
                let path = mount.mountpoint
                let call = started { openAndSync("\(path)/f0") }
                try #require(fileSystem.awaitEntered(1))
                for _ in 0..<1200 where log.all.isEmpty { usleep(100_000) }
                try RingSwitch.set(false)
                fileSystem.release(callers: 1)
                #expect(try call.value() == ECONNABORTED)
                mount.wait()
            }
            #expect(log.all.count == 2)
            #expect(log.all.last?.contains("enable_uring was switched off") == true, "\(log.all)")
        }

        // MARK: It ends under load

        @Test func abortedUnderLoad() throws {
            try withRing(OneFileFS()) { mount in
                let load = try Load(mount.mountpoint)
                try #require(Self.awaitRequests(mount, .open, 50))
                try mount.abort()
                mount.wait()
                #expect(try load.end().count == 4)
                #expect(mount.pool.failure == nil)
            }
        }

        @Test func detachedUnderLoad() throws {
            try withRing(OneFileFS()) { mount in
                let load = try Load(mount.mountpoint)
                try #require(Self.awaitRequests(mount, .open, 50))
                try mount.detach()
                mount.wait()
                #expect(try load.end().count == 4)
                #expect(mount.pool.failure == nil)
            }
        }

        @Test func unmountedUnderLoad() throws {
            try withRing(OneFileFS()) { mount in
                let load = try Load(mount.mountpoint)
                try #require(Self.awaitRequests(mount, .open, 50))
                // In use it is most of the time, and then it is not unmounted.
                for _ in 0..<3000 where (try? mount.unmount()) == nil { usleep(1000) }
                load.stop()
                for _ in 0..<300 where (try? mount.unmount()) == nil { usleep(100_000) }
                mount.wait()
                #expect(try load.end().count == 4)
            }
        }

        @Test func abortedWithBlockedHandlers() throws {
            let fileSystem = BlockingFS(files: 4)
            try withRing(fileSystem) { mount in
                defer { fileSystem.release(callers: 64) }
                let path = mount.mountpoint
                let calls = (0..<4).map { index in started { openAndSync("\(path)/f\(index)") } }
                try #require(fileSystem.awaitEntered(4))
                try mount.abort()
                for call in calls { #expect(try call.value() == ECONNABORTED) }
                fileSystem.release(callers: 4)
                mount.wait()
                #expect(fileSystem.stops.load(ordering: .relaxed) == 1)
            }
        }

        // MARK: Threads

        /// All on one processor, as a queue's callers are.
        @Test func blockedCallsOfOneProcessorAndAReadThatStillAnswers() throws {
            let fileSystem = BlockingFS(files: 33)
            try withRing(fileSystem) { mount in
                defer { fileSystem.release(callers: 64) }
                let path = mount.mountpoint
                let calls = (0..<32).map { index in
                    started { try shell("exec taskset -c 0 sync \"$1\"", "\(path)/f\(index)") }
                }
                try #require(fileSystem.awaitEntered(32), "not all 32 got in")
                #expect(try shell("taskset -c 0 cat \"$1/f32\"", path).output == "Hello, world!\n")
                fileSystem.release(callers: 32)
                for call in calls { #expect(try call.value().status == 0) }
            }
        }
    }
}
