// SPDX-License-Identifier: MIT

import Foundation
import MountSupport
import Testing

/// The command as people run it.
@Suite(.serialized, .enabled(if: Machine.mountsAreDue, "mounting takes root and /dev/fuse"), .timeLimit(.minutes(5)))
struct CommandTests {
    /// The binary, built beside the tests.
    static let command = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        .appendingPathComponent("passthroughfs").path

    static func withDirectory(_ body: (String) throws -> Void) throws {
        let path = FileManager.default.temporaryDirectory.path + "/passthroughfs-command-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path + "/source/sub", withIntermediateDirectories: true)
        try FileManager.default.createDirectory(atPath: path + "/mount", withIntermediateDirectories: true)
        defer {
            _ = try? shell("umount -l mount source 2>&1", in: path)
            try? FileManager.default.removeItem(atPath: path)
        }
        try Data("content\n".utf8).write(to: URL(fileURLWithPath: path + "/source/file"))
        try body(path)
    }

    /// Starts a mount in the background of a script; the rest of the script runs when it is live.
    static func mounted(_ arguments: String, at mountpoint: String = "mount", then script: String) -> String {
        """
        "$COMMAND" mount \(arguments) & server=$!
        for i in $(seq 100); do grep -q " $PWD/\(mountpoint) fuse" /proc/mounts && break; sleep 0.1; done
        \(script)
        """
    }

    @Test(arguments: ["INT", "TERM", "HUP"]) func `a signal unmounts`(_ signal: String) throws {
        try Self.withDirectory { place in
            let script = Self.mounted("source mount", then: "cat mount/file; kill -\(signal) $server; wait $server; ls mount")
            let result = try shell(script, in: place, environment: ["COMMAND": Self.command])
            #expect(result.status == 0)
            #expect(result.output == "content\n")
            #expect(try !shell("cat /proc/mounts", in: place).output.contains(place))
        }
    }

    @Test func `unmount ends the server, and says what it cannot do`() throws {
        try Self.withDirectory { place in
            let script = Self.mounted(
                "source mount",
                then: """
                    (cd mount; "$COMMAND" unmount ../mount || echo "status $?")
                    "$COMMAND" unmount mount; wait $server; echo "ended with $?"
                    "$COMMAND" unmount mount || echo "status $?"
                    """)
            let result = try shell(script, in: place, environment: ["COMMAND": Self.command])
            #expect(
                result.output == """
                    passthroughfs: \(place)/mount: in use (files of it are open, someone's working directory is in it, or something is mounted on it)
                    status 1
                    ended with 0
                    passthroughfs: \(place)/mount: nothing is mounted here
                    status 1

                    """)
        }
    }

    @Test func `a directory can be mounted over itself`() throws {
        try Self.withDirectory { place in
            let script = Self.mounted(
                "source source", at: "source",
                then: "cat source/file; echo new > source/sub/new; kill -INT $server; wait $server; cat source/sub/new")
            let result = try shell(script, in: place, environment: ["COMMAND": Self.command])
            #expect(result.output == "content\nnew\n")
            #expect(result.status == 0)
        }
    }

    @Test func `mount options arrive`() throws {
        try Self.withDirectory { place in
            let script = Self.mounted(
                "-o ro,noexec,noatime -o fsname=here,allow_other --threads 1 source mount",
                then: "grep \" $PWD/mount \" /proc/mounts; touch mount/x 2>&1 || true; kill -INT $server; wait $server")
            let result = try shell(script, in: place, environment: ["COMMAND": Self.command])
            #expect(result.output.contains("here \(place)/mount fuse.passthroughfs ro,"))
            for option in ["noexec", "noatime", "nosuid", "nodev", "allow_other", "default_permissions"] {
                #expect(result.output.contains(option))
            }
            #expect(result.output.contains("Read-only file system"))
        }
    }

    @Test(arguments: [
        ("mount nowhere mount", "passthroughfs: nowhere: not found (create it, or name a directory that exists", 1),
        ("mount source/file mount", "passthroughfs: source/file: not a directory (source must be one)", 1),
        ("mount source nowhere", "passthroughfs: nowhere: no such directory (make it first: the mountpoint must exist)", 1),
        ("mount source source/file", "passthroughfs: source/file: not a directory (the mountpoint must be one)", 1),
        ("mount -o ro,shiny source mount", "unknown mount option 'shiny'", 2),
        ("mount --threads 0 source mount", "--threads takes a number from 1 to 1024", 2),
        ("mount --cache sometimes source mount", "sometimes", 2),
        ("mount --passthrough maybe source mount", "maybe", 2),
        ("mount source", "Missing expected argument '<mountpoint>'", 2),
        ("unmount nowhere", "passthroughfs: nowhere: no such directory", 1),
        ("unmount /proc", "passthroughfs: /proc: not a FUSE filesystem, but proc (use umount(8))", 1),
        ("demo --size 0", "--size takes a number of MiB", 2),
        ("demo --directory /nowhere", "passthroughfs: /nowhere: no temporary directory can be made here", 1),
    ]) func `bad input is told`(_ arguments: String, _ message: String, _ status: Int32) throws {
        try Self.withDirectory { place in
            let result = try shell("\"$COMMAND\" \(arguments)", in: place, environment: ["COMMAND": Self.command])
            #expect(result.output.contains(message), "\(result.output)")
            #expect(result.status == status)
            #expect(try !shell("cat /proc/mounts", in: place).output.contains(place))
        }
    }

    @Test func `the demo shows that the daemon sees no data`() throws {
        try Self.withDirectory { place in
            let result = try shell("\"$COMMAND\" demo --size 16 --directory mount", in: place, environment: ["COMMAND": Self.command])
            #expect(result.status == 0, "\(result.output)")
            let rows = result.output.split(separator: "\n").map { $0.split(separator: " ") }
            let passthrough = try #require(rows.first { $0.first == "passthrough" })
            let daemon = try #require(rows.first { $0.first == "daemon" })
            #expect(passthrough.suffix(2) == ["0", "0"])
            #expect(daemon.suffix(2).allSatisfy { Int($0) ?? 0 > 0 })
            #expect(try shell("ls -A mount", in: place).output == "", "nothing is left behind")
        }
    }

    @Test func `the demo can be interrupted`() throws {
        try Self.withDirectory { place in
            let script = """
                "$COMMAND" demo --size 256 --directory mount & server=$!
                for i in $(seq 200); do grep -q "$PWD/mount/.* fuse" /proc/mounts && break; sleep 0.05; done
                kill -INT $server; wait $server || echo "status $?"; ls -A mount
                """
            let result = try shell(script, in: place, environment: ["COMMAND": Self.command])
            #expect(result.output == "status 130\n")
            #expect(try !shell("cat /proc/mounts", in: place).output.contains(place))
        }
    }
}
