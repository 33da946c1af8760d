// SPDX-License-Identifier: MIT

import FUSEWire
import Foundation
import Glibc
import Logging
import SystemPackage
import Testing

@testable import FUSE

extension MountTests {
    /// Opens of one file that go in different ways, on the running kernel.
    @Suite struct PassthroughMountTests {
        static let content = "What the source holds.\n"

        /// Whether this kernel passes through. One that does not is found out by its version, not by what is tested.
        static var isOffered: Bool {
            let (major, minor) = (ProcessInfo.processInfo.operatingSystemVersion.majorVersion, ProcessInfo.processInfo.operatingSystemVersion.minorVersion)
            return major > 6 || (major == 6 && minor >= 9)
        }

        func withBackedMount(
            otherwise: Wish? = nil, logger: Logger = .silent,
            _ body: @escaping (Mount<BackedFS>, FilePath) throws -> Void
        ) throws {
            let directory = try TemporaryDirectory()
            let path = FilePath(directory.path + "/source")
            try Self.content.write(toFile: path.string, atomically: false, encoding: .utf8)
            let source = try FileDescriptor.open(path, .readWrite)
            defer { try? source.close() }
            let fileSystem = BackedFS(source: source, otherwise: otherwise ?? .passthrough(source))
            try withMount(fileSystem, configure: { $0.session.logger = logger }) { mount in
                #expect(mount.session.connection.passthrough == .available)
                try body(mount, FilePath(mount.mountpoint + "/file"))
            }
        }

        @Test(.enabled(if: isOffered, "passthrough takes Linux 6.9"))
        func passedThroughDataNeverComesHere() throws {
            try withBackedMount { mount, file in
                let script = """
                    cat "$1" && printf 'New text, longer than it was before.\\n' 1<> "$1" && cat "$1" && tail -c +5 "$1" | wc -c \
                    && dd if="$1" bs=4096 iflag=direct status=none | wc -c
                    """
                let seen = try shell(script, file.string)
                let new = "New text, longer than it was before.\n"
                #expect(seen == Outcome(status: 0, output: "\(Self.content)\(new)33\n37\n", errors: ""))
                #expect(try self.content(of: mount) == new)
                #expect(mount.session.counters[.open] >= 5)
                #expect(mount.session.counters[.read] == 0)
                #expect(mount.session.counters[.write] == 0)
                try self.expectNothingRegistered(mount)
            }
        }

        @Test(.enabled(if: isOffered, "passthrough takes Linux 6.9"))
        func everyMixOfOpensReadsAndWritesTheOneFile() throws {
            try withBackedMount { mount, path in
                let source = mount.session.fileSystem.source
                let wishes: [Wish] = [.cached, .keepingCache, .direct, .passthrough(source), .passthroughDirect(source)]
                for order in 0..<125 {
                    let chosen = [wishes[order % 5], wishes[order / 5 % 5], wishes[order / 25]]
                    do {
                        var files: [FileDescriptor] = []
                        defer { for file in files { try? file.close() } }
                        for (index, wish) in chosen.enumerated() {
                            mount.session.fileSystem.wish(wish)
                            // EIO would be thrown here.
                            files.append(try FileDescriptor.open(path, .readWrite))
                            for (number, file) in files.enumerated() {
                                let line = "\(order) \(index) \(number)  "
                                #expect(try file.writeAll(toAbsoluteOffset: 0, line.utf8) == line.utf8.count)
                                #expect(try text(of: source, upTo: line.utf8.count) == line, "\(chosen), written by \(number)")
                                let reader = files[(number + 1) % files.count]
                                #expect(try text(of: reader, upTo: line.utf8.count) == line, "\(chosen), read by \(number + 1)")
                            }
                        }
                    }
                }
                try self.expectNothingRegistered(mount)
            }
        }

        /// As shells do it: one writes while others, opened in other ways, read.
        @Test(.enabled(if: isOffered, "passthrough takes Linux 6.9"))
        func opensThatOvertakeEachOther() throws {
            try withBackedMount(otherwise: .direct) { mount, path in
                let fileSystem = mount.session.fileSystem
                let source = fileSystem.source
                let users = (0..<6).map { user in
                    started {
                        for round in 0..<150 {
                            fileSystem.wish([.cached, .passthrough(source), .direct][(user + round) % 3])
                            let file = try FileDescriptor.open(path, user % 2 == 0 ? .readOnly : .readWrite)
                            defer { try? file.close() }
                            #expect(try text(of: file, upTo: 4) == "What")
                        }
                    }
                }
                for user in users { try user.value() }
                try self.expectNothingRegistered(mount)
            }
        }

        @Test(.enabled(if: isOffered, "passthrough takes Linux 6.9"))
        func whatCannotBeRegisteredIsServedAndToldOnce() throws {
            let log = CapturedLog()
            try withBackedMount(logger: log.logger) { mount, path in
                let pipe = try FileDescriptor.pipe()
                defer {
                    try? pipe.readEnd.close()
                    try? pipe.writeEnd.close()
                }
                for _ in 0..<3 {
                    mount.session.fileSystem.wish(.passthrough(pipe.readEnd))
                    let seen = try shell("cat \"$1\"", path.string)
                    #expect(seen == Outcome(status: 0, output: Self.content, errors: ""))
                }
                #expect(mount.session.counters[.read] >= 1)
                #expect(log.all == ["warning: a file is served without passthrough: the kernel did not take it: Invalid argument"])
                try self.expectNothingRegistered(mount)
            }
        }

        @Test func switchedOffItIsServedFromHere() throws {
            let directory = try TemporaryDirectory()
            try Self.content.write(toFile: directory.path + "/source", atomically: false, encoding: .utf8)
            let source = try FileDescriptor.open(FilePath(directory.path + "/source"), .readWrite)
            defer { try? source.close() }
            try withMount(BackedFS(source: source, otherwise: .passthrough(source)), configure: { $0.session.passthrough = .off }) { mount in
                #expect(mount.session.connection.passthrough == .off)
                let seen = try shell("cat \"$1\" && printf new 1<> \"$1\"", mount.mountpoint + "/file")
                #expect(seen == Outcome(status: 0, output: Self.content, errors: ""))
                #expect(mount.session.counters[.read] == 1)
                #expect(mount.session.counters[.write] == 1)
                #expect(try text(of: source, upTo: 4) == "newt")
            }
        }

        private func content(of mount: Mount<BackedFS>) throws -> String {
            try text(of: mount.session.fileSystem.source, upTo: Int(mount.session.fileSystem.size))
        }

        /// Releases follow close(2) on their own; those that an unmount overtakes never come.
        private func expectNothingRegistered(_ mount: Mount<BackedFS>) throws {
            let areAllReleased = try {
                for _ in 0..<mount.session.counters[.open]
                where mount.session.fileSystem.released.wait(timeout: .now() + .seconds(120)) == .timedOut { return false }
                // The session's part of the last one comes right after the filesystem's.
                for _ in 0..<12_000 where mount.session.backings.registered > 0 { usleep(10_000) }
                #expect(mount.session.backings.registered == 0)
                try mount.unmount()
                mount.wait()
                return true
            }()
            #expect(areAllReleased)
            #expect(mount.session.counters[.open] == mount.session.counters[.release])
        }
    }
}
