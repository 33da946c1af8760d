// SPDX-License-Identifier: MIT

import Foundation
import Glibc
import SystemPackage
import Testing

@testable import FUSE

/// The example HelloFS, serving a directory in a process of its own.
final class ServedProgram: Sendable {
    nonisolated let directory: TemporaryDirectory
    let process: Int32
    private let child: Child

    /// Started, and its mount in the tree.
    init() throws {
        let directory = try TemporaryDirectory()
        let child = try {
            let child = try Child(builtProgram("HelloFS"), [directory.path])
            do {
                let isMounted = try awaitMount(at: directory.path, isThere: true)
                try #require(isMounted, "HelloFS mounted nothing")
                return child
            } catch {
                child.end()
                throw error
            }
        }()
        self.directory = directory
        self.child = child
        process = child.process
    }

    var path: String { directory.path }

    func send(_ signal: Int32) { kill(process, signal) }

    /// How it ended: its status, or 128 and the signal. Nil: it runs on.
    func ended(within seconds: Int = 120) throws -> Int32? {
        let child = child
        return child.ended(within: seconds)
    }

    /// Ends it and its mount, whatever has gone wrong.
    func cleanUp() {
        let (child, path) = (child, path)
        _ = try? {
            child.end()
            while try isMounted(path) { try unmount(FilePath(path), lazily: true) }
        }()
    }

    /// A process and the one who waits for it.
    private final class Child: @unchecked Sendable {
        let process: Int32
        private let running: Process
        private let over = DispatchSemaphore(value: 0)

        init(_ program: String, _ arguments: [String]) throws {
            running = Process()
            running.executableURL = URL(fileURLWithPath: program)
            running.arguments = arguments
            running.standardInput = FileHandle.nullDevice
            let over = over
            running.terminationHandler = { _ in over.signal() }
            try running.run()
            process = running.processIdentifier
        }

        func ended(within seconds: Int) -> Int32? {
            guard over.wait(timeout: .now() + .seconds(seconds)) == .success else { return nil }
            over.signal()
            return running.terminationStatus + (running.terminationReason == .uncaughtSignal ? 128 : 0)
        }

        func end() {
            if ended(within: 0) == nil {
                kill(process, SIGKILL)
                _ = ended(within: 10)
            }
        }
    }
}

/// Waits until something is mounted there, or nothing any more: two minutes at the most.
func awaitMount(at path: String, isThere: Bool) throws -> Bool {
    // The kernel marks this file as changed with each mount.
    let file = try FileDescriptor.open(FilePath("/proc/self/mountinfo"), .readOnly)
    defer { try? file.close() }
    while try isMounted(path) != isThere {
        var polls = [pollfd(fd: file.rawValue, events: Int16(POLLPRI), revents: 0)]
        // Safe: lent for the call.
        if unsafe poll(&polls, 1, 120_000) <= 0, errno != EINTR { return false }
    }
    return true
}
