// SPDX-License-Identifier: MIT

import Dispatch
import Foundation
import Logging
import SystemPackage
import Testing

@testable import FUSE

/// A directory of the test's own, gone afterwards.
final class TemporaryDirectory: Sendable {
    let path: String

    init() throws {
        // As the kernel will call it: without links.
        let base = FileManager.default.temporaryDirectory.resolvingSymlinksInPath().path
        path = base + "/swift-fuse-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// Mounts a filesystem for the time of a test.
func withMount<FS: FileSystem>(
    _ fileSystem: FS, configure: (inout MountOptions) -> Void = { _ in },
    _ body: (Mount<FS>) throws -> Void
) throws {
    let directory = try TemporaryDirectory()
    var options = MountOptions(logger: .silent)
    configure(&options)
    let mount = try Mount(fileSystem, at: FilePath(directory.path), options: options)
    let watchdog = Watchdog { try? mount.abort() }
    defer { watchdog.cancel() }
    do {
        try body(mount)
    } catch {
        _ = try? mount.abort()
        throw error
    }
    // What the body left mounted goes now; in use it must not be. But a program that another test is just starting has copies
    // of all descriptors of this process until it runs.
    do {
        for _ in 0..<300 {
            do throws(MountError) {
                try mount.unmount()
                break
            } catch where error.errno == .resourceBusy { usleep(100_000) }
        }
        try mount.unmount()
    } catch {
        try? mount.abort()
        throw error
    }
    mount.wait()
    let remains = try isMounted(directory.path)
    #expect(!remains)
    #expect(!watchdog.hasBitten, "the watchdog had to abort the connection")
}

func isMounted(_ path: String) throws -> Bool { try MountTable.topmost(at: path) != nil }

/// The first bytes of a file.
func text(of file: FileDescriptor, upTo count: Int = 64) throws -> String {
    var buffer = [UInt8](repeating: 0, count: count)
    // Safe: lent for the call.
    let count = try unsafe buffer.withUnsafeMutableBytes { unsafe try file.read(fromAbsoluteOffset: 0, into: $0) }
    return String(decoding: buffer[..<count], as: UTF8.self)
}

/// Acts if it is not called off in time: well within a test's own limit.
final class Watchdog: Sendable {
    private let over = DispatchSemaphore(value: 0)
    private let done = DispatchSemaphore(value: 0)

    init(seconds: Int = 240, _ action: @escaping @Sendable () -> Void) {
        let (over, done) = (over, done)
        Thread.detachNewThread {
            guard over.wait(timeout: .now() + .seconds(seconds)) == .timedOut else { return }
            done.signal()
            action()
        }
    }

    func cancel() { over.signal() }

    var hasBitten: Bool { done.wait(timeout: .now()) == .success }
}
