// SPDX-License-Identifier: MIT

import CLinux
import FUSEWire
import Foundation
import Glibc
import Synchronization
import SystemPackage
import Testing

@testable import FUSE

extension MountTests {
    /// A filesystem that gets everything wrong, under users who call everything: each call comes back, and the mount lives.
    @Suite struct OddAuthorMountTests {
        /// The one file that is right, read and asked for its attribute.
        private static func good(_ directory: String) throws -> String {
            let file = try FileDescriptor.open(FilePath(directory + "/good"), .readOnly)
            defer { try? file.close() }
            var value = [UInt8](repeating: 0, count: 16)
            // Safe: lent for the call.
            let count = unsafe clinux_fgetxattr(file.rawValue, "user.x", &value, value.count)
            return try text(of: file) + String(decoding: value.prefix(max(0, count)), as: UTF8.self)
        }

        @Test func eachCallComesBackAndTheMountLives() throws {
            let seed = seed(of: "odd author on a mount")
            let source = try TemporaryDirectory()
            let regular = try FileDescriptor.open(
                FilePath(source.path + "/file"), .readWrite, options: .create, permissions: .ownerReadWrite)
            let folder = try FileDescriptor.open(FilePath(source.path), .readOnly)
            let null = try FileDescriptor.open(FilePath("/dev/null"), .readWrite)
            defer { for file in [regular, folder, null] { try? file.close() } }
            let fileSystem = OddFS(seed: seed, files: [regular, regular, folder, null])
            let log = CapturedLog()
            let calls = environmentNumber("SWIFT_FUSE_ODD_CALLS") ?? 1500
            try withMount(fileSystem, configure: { $0.session.logger = log.logger }) { mount in
                let isOver = Atomic(false)
                let late = started {
                    while !isOver.load(ordering: .relaxed) {
                        fileSystem.answerLate()
                        usleep(1000)
                    }
                }
                let directory = mount.mountpoint
                let users = (0..<4).map { user in
                    started {
                        let caller = UserCalls(directory: directory, seed: seed &+ UInt64(user))
                        for index in 0..<calls {
                            caller.call()
                            guard index % 16 == 0 else { continue }
                            let seen = try Self.good(directory)
                            #expect(seen == OddFS.goodText + "fine", "SWIFT_FUSE_SEED=\(seed)")
                        }
                        caller.closeAll()
                        return caller.outcomes
                    }
                }
                let outcomes = try users.map { try $0.value() }
                let seen = try Self.good(directory)
                #expect(seen == OddFS.goodText + "fine")
                #expect(outcomes.allSatisfy { $0.0 > calls / 20 && $0.1 > calls / 20 }, "both happen: \(outcomes)")
                // Releases come by themselves, and nobody waits for them. The watchdog ends the wait for one that never comes.
                let backings = mount.session.connection.backings
                while fileSystem.books.withLock({ !$0.open.isEmpty }) || backings.census.registered > 0, mount.pool.threadCount > 0 {
                    usleep(1000)
                }
                isOver.store(true, ordering: .relaxed)
                try late.value()
                #expect(fileSystem.books.withLock { $0.open } == [], "SWIFT_FUSE_SEED=\(seed)")
                #expect(mount.session.interrupts.deferredCount == 0)
                #expect(backings.census.registered == 0)
                let deferred = fileSystem.books.withLock { $0.deferred }
                #expect(deferred > calls / 20, "replies are put off: \(deferred)")
            }
            for lender in fileSystem.lenders {
                #expect(lender.lent > 0 && lender.out == 0, "SWIFT_FUSE_SEED=\(seed)")
                #expect(lender.wrong == [], "SWIFT_FUSE_SEED=\(seed)")
            }
            let wrong = fileSystem.books.withLock { $0.wrong }
            #expect(wrong == [], "SWIFT_FUSE_SEED=\(seed)")
            // Each mistake of each operation once.
            let faults = log.all.filter { $0.contains("(told once") }
            #expect(Set(faults).count == faults.count && faults.count > 20, "\(faults)")
        }
    }
}
