// SPDX-License-Identifier: MIT

import Foundation
import MountSupport
import Testing

/// The command as people run it.
@Suite(.serialized, .enabled(if: Machine.mountsAreDue, "mounting takes root and /dev/fuse"), .timeLimit(.minutes(10)))
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

    /// Starts a mount in the foreground, as a job of a script; the rest of the script runs when it is live: `stats` answers
    /// then, which comes after all else. What is in `/proc/mounts` may still be on its way.
    static func mounted(_ arguments: String, at mountpoint: String = "mount", then script: String) -> String {
        """
        "$COMMAND" mount -f \(arguments) & server=$!
        \(waiting(until: "\"$COMMAND\" stats \(mountpoint) > /dev/null 2>&1"))
        \(script)
        """
    }

    /// Waits until a command succeeds. How long that takes is the machine's affair: the bound is for what never comes.
    static func waiting(until command: String) -> String {
        "tries=0; until \(command); do tries=$((tries + 1)); [ $tries -lt 600 ] || { echo waited in vain; exit 99; }; sleep 0.1; done"
    }

    /// Stops a process, and waits until it stands: the signal makes one thread stop the others, which go on serving until that
    /// one runs.
    static func stopping(_ process: String) -> String {
        "kill -STOP \(process); " + waiting(until: "! sed 's/.*) //' /proc/\(process)/task/*/stat 2> /dev/null | grep -qv '^T'")
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

    @Test func `signals that come too late change nothing`() throws {
        try Self.withDirectory { place in
            let script = """
                for round in $(seq 10); do
                \(Self.mounted(
                    "source mount",
                    then: """
                        kill -TERM $server
                        # It may have ended by now.
                        kill -HUP $server || true; kill -INT $server || true
                        wait $server || echo "status $?"
                        """))
                ! grep -q " $PWD/mount " /proc/mounts || echo mounted
                done 2> errors
                """
            let result = try shell(script, in: place, environment: ["COMMAND": Self.command])
            #expect(result.output == "")
            #expect(result.status == 0)
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
                    passthroughfs: \(place)/mount: in use: files of it are open, someone's working directory is in it, or something is mounted on it (who uses it: fuser -vm \(place)/mount; to take it out of the tree all the same: umount -l \(place)/mount)
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

    @Test func `the source may be within the mountpoint`() throws {
        try Self.withDirectory { place in
            let script = Self.mounted(
                "source/sub source", at: "source", then: "touch source/new; ls -A source; kill -INT $server; wait $server; ls source source/sub")
            let result = try shell(script, in: place, environment: ["COMMAND": Self.command])
            #expect(result.output == "new\nsource:\nfile\nsub\n\nsource/sub:\nnew\n")
            #expect(result.status == 0)
        }
    }

    @Test func `what is mounted already is not mounted once more`() throws {
        try Self.withDirectory { place in
            let script = Self.mounted(
                "source mount",
                then: """
                    "$COMMAND" mount --log log source/../source mount || echo "status $?"
                    "$COMMAND" mount --log log source/sub mount && ls -A mount; umount mount
                    grep -c " $PWD/mount fuse" /proc/mounts; kill -INT $server; wait $server
                    """)
            let result = try shell(script, in: place, environment: ["COMMAND": Self.command])
            #expect(
                result.output == """
                    passthroughfs: \(place)/mount: already a mirror of \(place)/source (to mount it anew, unmount it first)
                    status 1
                    1

                    """)
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
            for option in ["noexec", "noatime", "allow_other", "default_permissions"] {
                #expect(result.output.contains(option))
            }
            // As mount(8) has it.
            for option in ["nosuid", "nodev"] { #expect(!result.output.contains(option)) }
            #expect(result.output.contains("Read-only file system"))
        }
    }

    @Test(arguments: [
        ("mount nowhere mount", "passthroughfs: nowhere: no such directory (create it, or name one that exists)\n", 1),
        ("mount source/file mount", "passthroughfs: source/file: not a directory (source must be one)", 1),
        ("mount source nowhere", "passthroughfs: nowhere: no such directory (make it first: the mountpoint must exist)", 1),
        ("mount source source/file", "passthroughfs: source/file: not a directory (the mountpoint must be one)", 1),
        ("mount -o ro,shiny source mount", "unknown mount option 'shiny' (known are ro, rw,", 2),
        ("mount --threads 0 source mount", "--threads takes a number from 1 to 1024", 2),
        ("mount --threads 5 --max-threads 2 source mount", "--threads is more than --max-threads (2)", 2),
        ("mount -o remount,ro source mount", "/mount: no FUSE filesystem is mounted here", 1),
        ("mount -o dirsync source mount", "mount option 'dirsync': FUSE does nothing of the kind", 2),
        ("mount -o ro,sync source mount", "mount option 'sync': it would not hold for files that are passed through", 2),
        ("mount -o remount,sync source mount", "mount option 'sync': it would not hold for files that are passed through", 2),
        ("mount --log '' source mount", "--log", 2),
        ("mount --cache sometimes source mount", "sometimes", 2),
        ("mount --passthrough maybe source mount", "maybe", 2),
        ("mount source", "Missing expected argument '<mountpoint>'", 2),
        ("check source/file", "passthroughfs: source/file: not a directory (source must be one)", 1),
        ("stats mount", "passthroughfs: mount: no FUSE filesystem is mounted here", 1),
        ("stats nowhere", "passthroughfs: nowhere: no such directory\n", 1),
        ("stat mount", "'stat' is neither a command nor a directory: did you mean 'stats'?\nUsage: passthroughfs <subcommand>", 2),
        ("umuont --lazy mount", "'umuont' is neither a command nor a directory: did you mean 'umount'?", 2),
        ("chekc", "'chekc' is neither a command nor a directory: did you mean 'check'?", 2),
        ("sources mount", "passthroughfs: sources: no such directory (create it, or name one that exists)\n", 1),
        ("./stat mount", "passthroughfs: ./stat: no such directory (create it, or name one that exists)\n", 1),
        ("umount source/sub", "/source/sub: nothing is mounted here", 1),
        ("stats", "Missing expected argument '<mountpoint>'", 2),
        ("unmount source/sub", "/source/sub: nothing is mounted here", 1),
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

    @Test func `it says which version it is`() throws {
        let result = try shell("\"$COMMAND\" --version", in: "/", environment: ["COMMAND": Self.command])
        #expect(result.status == 0 && result.output.contains(/^passthroughfs \d+\.\d+\.\d+\n$/), "\(result.output)")
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
                \(Self.waiting(until: "grep -q \"$PWD/mount/.* fuse\" /proc/mounts"))
                kill -INT $server; wait $server || echo "status $?"; ls -A mount
                """
            let result = try shell(script, in: place, environment: ["COMMAND": Self.command])
            #expect(result.output == "status 130\n")
            #expect(try !shell("cat /proc/mounts", in: place).output.contains(place))
        }
    }
}
