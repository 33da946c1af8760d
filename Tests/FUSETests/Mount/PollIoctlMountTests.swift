// SPDX-License-Identifier: MIT

import CLinux
import Dispatch
import FUSEWire
import Foundation
import Glibc
import Synchronization
import SystemPackage
import Testing

@testable import FUSE

extension MountTests {
    @Suite struct PollIoctlMountTests {
        /// Ready when the test says so. Its one command turns four bytes round.
        private final class ReadyFS: TinyFS {
            let names = ["file"]
            let state = Mutex<(isReady: Bool, waker: PollWaker?)>((false, nil))
            let isWatched = DispatchSemaphore(value: 0)

            func poll(_ file: OpenFile, _ events: PollEvents, waker: PollWaker?, for request: Request) throws(Errno) -> PollEvents {
                let isReady = state.withLock { state in
                    if let waker { state.waker = waker }
                    return state.isReady
                }
                if waker != nil { isWatched.signal() }
                return isReady ? .readable : []
            }

            func ioctl(
                _ file: OpenFile, _ command: IoctlCommand, _ input: RawSpan, into output: inout DataWriter, for request: Request
            ) throws(Errno) -> Int32 {
                guard command.number == PollIoctlMountTests.turnRound else { throw .inappropriateIOCTLForDevice }
                for byte in input.array.reversed() { output.append(byte) }
                return command.isOnDirectory ? 2 : 1
            }
        }

        /// `_IOWR('s', 1, uint32_t)`.
        static let turnRound: UInt32 = 3 << 30 | 4 << 16 | 0x73 << 8 | 1

        private static func withFile<R>(_ path: String, _ body: (Int32) throws -> R) throws -> R {
            // Safe: a string lent for the call.
            let file = unsafe open(path, O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { throw Errno(rawValue: errno) }
            defer { close(file) }
            return try body(file)
        }

        private static func poll(_ path: String, milliseconds: Int32) throws -> String {
            try withFile(path) { file in
                var polls = [pollfd(fd: file, events: Int16(POLLIN | POLLOUT), revents: 0)]
                // Safe: lent for the call.
                let count = unsafe Glibc.poll(&polls, 1, milliseconds)
                return "\(count) \(polls[0].revents)"
            }
        }

        private static func polled(_ path: String, milliseconds: Int32) throws -> String {
            try started { try poll(path, milliseconds: milliseconds) }.value()
        }

        @Test func whoWaitsIsWoken() throws {
            let fileSystem = ReadyFS()
            try withMount(fileSystem) { mount in
                let path = mount.mountpoint + "/file"
                #expect(try Self.polled(path, milliseconds: 0) == "0 0")
                let waiting = started { try Self.poll(path, milliseconds: 120_000) }
                try #require(fileSystem.isWatched.wait(timeout: .now() + .seconds(120)) == .success)
                // Woken for nothing it asks again, and waits on.
                fileSystem.state.withLock { $0.waker }?.wake()
                try #require(fileSystem.isWatched.wait(timeout: .now() + .seconds(120)) == .success)
                let waker = fileSystem.state.withLock { state in
                    state.isReady = true
                    return state.waker
                }
                waker?.wake()
                #expect(try waiting.value() == "1 \(POLLIN)")
                // The file is closed: nobody is there to be woken, and that is no error.
                waker?.wake()
            }
        }

        /// Files of a filesystem without `poll` are ready, as those of most others.
        @Test func filesAreReadyByDefault() throws {
            try withMount(OneFileFS()) { mount in
                let path = mount.mountpoint + "/hello"
                let seen = try (0..<2).map { _ in try Self.polled(path, milliseconds: 120_000) }
                #expect(seen == Array(repeating: "1 \(POLLIN | POLLOUT)", count: 2))
                #expect(mount.session.counters[.poll] == 1)
            }
        }

        private static func turn(_ path: String, command: UInt32) throws -> String {
            try withFile(path) { file in
                var bytes: [UInt8] = [1, 2, 3, 4]
                // Safe: four bytes, which both sides agree on.
                let result = unsafe bytes.withUnsafeMutableBytes { unsafe clinux_ioctl(file, UInt(command), $0.baseAddress) }
                return result < 0 ? "error \(errno)" : "\(result) \(bytes)"
            }
        }

        private static func turned(_ path: String, command: UInt32) throws -> String {
            try started { try turn(path, command: command) }.value()
        }

        @Test func aCommand() throws {
            try withMount(ReadyFS()) { mount in
                let path = mount.mountpoint
                let seen = try [("/file", 0), ("", 0), ("/file", 1)].map { name, other in
                    try Self.turned(path + name, command: Self.turnRound + other)
                }
                #expect(seen == ["1 [4, 3, 2, 1]", "2 [4, 3, 2, 1]", "error \(ENOTTY)"])
            }
            try withMount(OneFileFS()) { mount in
                let path = mount.mountpoint + "/hello"
                let seen = try (0..<2).map { _ in try Self.turned(path, command: Self.turnRound) }
                #expect(seen == Array(repeating: "error \(ENOTTY)", count: 2))
            }
        }
    }
}
