// SPDX-License-Identifier: MIT

import Foundation
import Glibc
import Logging
import SystemPackage
import Testing

@testable import FUSE

extension MountTests {
    /// The ways a mount ends.
    @Suite struct UnmountTests {
        @Test func idle() throws {
            let fileSystem = BlockingFS(files: 1)
            try withMount(fileSystem) { mount in
                try mount.unmount()
                mount.wait()
                let remains = try isMounted(mount.mountpoint)
                #expect(!remains)
                #expect(mount.pool.threadCount == 0)
                #expect(fileSystem.stops.load(ordering: .relaxed) == 1)
                // Once more is no error: it is gone.
                try mount.unmount()
            }
        }

        @Test func byUmount() throws {
            try withMount(OneFileFS()) { mount in
                let seen = try shell("umount \"$1\"", mount.mountpoint)
                #expect(seen == Outcome(status: 0, output: "", errors: ""))
                mount.wait()
                #expect(mount.pool.failure == nil)
            }
        }

        @Test func inUse() throws {
            try withMount(OneFileFS()) { mount in
                let path = mount.mountpoint
                do {
                    let file = try FileDescriptor.open(FilePath(path + "/hello"), .readOnly)
                    defer { try? file.close() }
                    let error = #expect(throws: MountError.self) { try mount.unmount() }
                    #expect(
                        error?.description
                            == "\(path): in use: files of it are open, someone's working directory is in it, or something is mounted on it (who uses it: fuser -vm \(path); to take it out of the tree all the same: umount -l \(path))")
                    #expect(error?.errno == .resourceBusy)
                    let error2 = #expect(throws: MountError.self) { try unmount(FilePath(path)) }
                    #expect(error2 == error)
                    // Nothing changed.
                    let remains = try isMounted(path)
                    #expect(remains)
                    #expect(try text(of: file) == "Hello, world!\n")
                }
            }
        }

        @Test func detachedAndServedUntilTheLastCloses() throws {
            try withMount(OneFileFS()) { mount in
                let path = mount.mountpoint
                let file = try FileDescriptor.open(FilePath(path + "/hello"), .readOnly)
                do {
                    defer { try? file.close() }
                    try mount.detach()
                    let remains = try isMounted(path)
                    #expect(!remains)
                    #expect(try text(of: file) == "Hello, world!\n")
                    #expect(mount.pool.threadCount > 0)
                }
                mount.wait()
                #expect(mount.pool.threadCount == 0)
            }
        }

        @Test func detachedAndAborted() throws {
            try withMount(OneFileFS()) { mount in
                let path = mount.mountpoint
                let control = try ConnectionControl()
                defer { control.close() }
                do {
                    let file = try FileDescriptor.open(FilePath(path + "/hello"), .readOnly)
                    defer { try? file.close() }
                    try mount.detach()
                    try mount.abort()
                    mount.wait()
                    #expect(throws: Errno.self) { try text(of: file) }
                }
            }
        }

        @Test func withAnotherOnTop() throws {
            try withMount(OneFileFS()) { lower in
                let path = lower.mountpoint
                let upper = try Mount(OneFileFS(), at: FilePath(path), options: MountOptions(logger: .silent))
                let watchdog = Watchdog { try? upper.abort() }
                defer { watchdog.cancel() }
                #expect(upper.connectionNumber != lower.connectionNumber)
                let error = #expect(throws: MountError.self) { try lower.unmount() }
                #expect(error?.errno == .resourceBusy)
                #expect(throws: MountError.self) { try lower.detach() }
                #expect(try MountTable.topmost(at: path)?.connection == upper.connectionNumber)
                try upper.unmount()
                upper.wait()
                #expect(try MountTable.topmost(at: path)?.connection == lower.connectionNumber)
                #expect(try shell("cat \"$1/hello\"", path).output == "Hello, world!\n")
            }
        }

        /// What aborts the lower one of two mounts must not take the upper one.
        @Test func abortedUnderAnother() throws {
            try withMount(OneFileFS()) { lower in
                let path = lower.mountpoint
                let control = try ConnectionControl()
                defer { control.close() }
                let upper = try Mount(OneFileFS(), at: FilePath(path), options: MountOptions(logger: .silent))
                let watchdog = Watchdog { try? upper.abort() }
                defer { watchdog.cancel() }
                try lower.abort()
                lower.wait()
                #expect(try MountTable.topmost(at: path)?.connection == upper.connectionNumber)
                try upper.unmount()
                upper.wait()
            }
        }

        // MARK: Errors, word by word

        @Test func mountpointsThatAreNone() throws {
            let directory = try TemporaryDirectory()
            let file = directory.path + "/file"
            try Data().write(to: URL(fileURLWithPath: file))
            let missing = directory.path + "/missing"
            let log = MountOptions(logger: .silent)
            let error = #expect(throws: MountError.self) { try Mount(OneFileFS(), at: FilePath(missing), options: log) }
            #expect(error?.description == "\(missing): no such directory (make it first: the mountpoint must exist)")
            let error2 = #expect(throws: MountError.self) { try Mount(OneFileFS(), at: FilePath(file), options: log) }
            #expect(error2?.description == "\(file): not a directory (the mountpoint must be one)")
            let error3 = #expect(throws: MountError.self) { try Mount(OneFileFS(), at: FilePath(file + "/below"), options: log) }
            #expect(error3?.description == "\(file)/below: not a directory (the mountpoint must be one)")
        }

        /// A mount whose server is gone stays in the tree, and says so.
        @Test func aDeadMountInTheWay() throws {
            let directory = try TemporaryDirectory()
            let path = directory.path
            do {
                // Dead at once: the only descriptor of its connection is closed.
                let device = try DeviceFile.open()
                do {
                    defer { try? device.close() }
                    _ = try DetachedMount(device, MountOptions(logger: .silent)).attach(at: path)
                }
                defer { _ = try? unmount(FilePath(path), lazily: true) }
                let error = #expect(throws: MountError.self) { try Mount(OneFileFS(), at: FilePath(path), options: MountOptions(logger: .silent)) }
                #expect(error?.description == "\(path): a dead FUSE mount is in the way (unmount it first: umount -l \(path))")
                // It goes like any other.
                try unmount(FilePath(path))
                let remains = try isMounted(path)
                #expect(!remains)
            }
        }

        @Test func unmountingWhatIsNoMount() throws {
            let directory = try TemporaryDirectory()
            let path = directory.path
            let error = #expect(throws: MountError.self) { try unmount(FilePath(path)) }
            #expect(error?.description == "\(path): nothing is mounted here")
            let error2 = #expect(throws: MountError.self) { try unmount("/proc") }
            #expect(error2?.description == "/proc: not a FUSE filesystem, but proc (use umount(8))")
            let missing = FilePath(path + "/missing")
            let error3 = #expect(throws: MountError.self) { try unmount(missing) }
            #expect(error3?.description == "\(missing): no such directory")
        }

        @Test func aMountThatFailsLeavesNothing() throws {
            let directory = try TemporaryDirectory()
            let path = directory.path
            var options = MountOptions(logger: .silent)
            options.session.passthrough = .require
            // A stack depth that kernels do not take: passthrough is then dropped without a word.
            options.session.maxStackDepth = 7
            let error = #expect(throws: MountError.self) { try Mount(OneFileFS(), at: FilePath(path), options: options) }
            #expect(error?.description.hasPrefix("\(path): passthrough is required, and not to be had: ") == true)
            let remains = try isMounted(path)
            #expect(!remains)
        }
    }
}

/// The folder of connections, mounted for the time of a test where it is not.
private struct ConnectionControl {
    private static let path = "/sys/fs/fuse/connections"
    private let isMine: Bool

    init() throws {
        isMine = try MountTable.topmost(at: Self.path) == nil
        if isMine { try MountCalls.mount("none", at: Self.path, type: "fusectl", flags: 0, data: "") }
    }

    func close() {
        if isMine { try? MountCalls.unmount(Self.path, flags: 0) }
    }
}
