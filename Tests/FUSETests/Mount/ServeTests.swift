// SPDX-License-Identifier: MIT

import Foundation
import Glibc
import Logging
import SystemPackage
import Testing

@testable import FUSE

extension MountTests {
    /// `Mount.serve` in a process of its own: what signals do to it.
    @Suite struct ServeTests {
        func withProgram(_ body: (ServedProgram) throws -> Void) throws {
            let program = try ServedProgram()
            do { try body(program) } catch {
                program.cleanUp()
                throw error
            }
            let remains = try isMounted(program.path)
            #expect(!remains, "left mounted")
            program.cleanUp()
        }

        @Test(arguments: [SIGINT, SIGTERM, SIGHUP])
        func aSignalUnmountsAndEndsWithSuccess(signal: Int32) throws {
            try withProgram { program in
                let seen = try shell("cat \"$1/hello\"", program.path)
                #expect(seen == Outcome(status: 0, output: "Hello, world!\n", errors: ""))
                program.send(signal)
                let status = try program.ended()
                #expect(status == 0)
            }
        }

        /// However early it comes: here right after mount(2).
        @Test func aSignalAtOnce() throws {
            for _ in 0..<10 {
                try withProgram { program in
                    program.send(SIGTERM)
                    let status = try program.ended()
                    #expect(status == 0)
                }
            }
        }

        @Test func unmountedByAnother() throws {
            try withProgram { program in
                let path = FilePath(program.path)
                // It serves: before that, being unmounted is a failure to mount.
                let seen = try shell("cat \"$1/hello\"", path.string)
                #expect(seen.status == 0)
                try unmount(path)
                let status = try program.ended()
                #expect(status == 0)
            }
        }

        /// In use, it is taken out of the tree, served on, and ends with its last user.
        @Test func aSignalWhileAFileIsOpen() throws {
            try withProgram { program in
                let path = program.path
                let file = try FileDescriptor.open(FilePath(path + "/hello"), .readOnly)
                program.send(SIGTERM)
                let seen: String? = try {
                    defer { try? file.close() }
                    return try awaitMount(at: path, isThere: false) ? text(of: file) : nil
                }()
                #expect(seen == "Hello, world!\n")
                let status = try program.ended()
                #expect(status == 0)
            }
        }

        @Test func aSecondSignalEndsItAtOnce() throws {
            try withProgram { program in
                let path = program.path
                let file = try FileDescriptor.open(FilePath(path + "/hello"), .readOnly)
                defer { try? file.close() }
                program.send(SIGTERM)
                let isGone = try awaitMount(at: path, isThere: false)
                #expect(isGone)
                program.send(SIGINT)
                let status = try program.ended()
                #expect(status == 0)
                #expect(throws: Errno.self) { try text(of: file) }
            }
        }

        /// Killed, it leaves a dead mount, which says so and goes by `unmount`.
        @Test func killed() throws {
            try withProgram { program in
                program.send(SIGKILL)
                let status = try program.ended()
                #expect(status == 128 + SIGKILL)
                let path = program.path
                let seen = try shell("cat \"$1/hello\"", path)
                // Over io_uring the kernel may still be clearing up after the process, and says so to who comes at that moment.
                #expect(seen.errors.hasSuffix("Transport endpoint is not connected\n") || seen.errors.hasSuffix("Software caused connection abort\n"))
                let error = #expect(throws: MountError.self) {
                    try Mount(OneFileFS(), at: FilePath(path), options: MountOptions(logger: .silent))
                }
                #expect(error?.description == "\(path): a dead FUSE mount is in the way (unmount it first: umount -l \(path))")
                try unmount(FilePath(path))
            }
        }
    }
}
