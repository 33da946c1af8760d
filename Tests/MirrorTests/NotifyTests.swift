// SPDX-License-Identifier: MIT

import Foundation
import MountSupport
import Testing

extension CommandTests {
    /// What others hear of a mount: a service manager, and the system's log.
    struct Notify {
        @Test func `a service manager hears when it is live, and when it ends`() throws {
            try CommandTests.withDirectory { place in
                let script = CommandTests.mounted(
                    "source mount", then: "ls mount > /dev/null; kill -TERM $server; wait $server; echo $server")
                // A path in a temporary directory may be too long for a socket.
                let path = "/tmp/passthroughfs-notify-\(UUID().uuidString)"
                defer { try? FileManager.default.removeItem(atPath: path) }
                let manager = try DatagramListener(path)
                let result = try shell(script, in: place, environment: ["COMMAND": CommandTests.command, "NOTIFY_SOCKET": path])
                let process = result.output.trimmingCharacters(in: .whitespacesAndNewlines)
                #expect(
                    manager.messages() == [
                        "READY=1\nSTATUS=\(place)/source is served at \(place)/mount\nMAINPID=\(process)",
                        "STOPPING=1\nSTATUS=unmounting",
                    ])
            }
        }

        /// Runs a script, with `/dev/log` and `/dev/fuse` of its own, and lends its result and what the log hears.
        private func withSystemLog(
            _ script: String, _ body: (_ place: String, ShellResult, borrowing DatagramListener) throws -> Void
        ) throws {
            try CommandTests.withDirectory { place in
                let path = "/tmp/passthroughfs-log-\(UUID().uuidString)"
                defer { try? FileManager.default.removeItem(atPath: path) }
                let log = try DatagramListener(path)
                try body(place, try Background.run(Background.withOwnDevices("ln -s \(path) /dev/log\n\(script)"), in: place), log)
            }
        }

        @Test func `in the background the system's log hears what is said`() throws {
            let script = """
                "$COMMAND" mount --threads 1 --max-threads 1 --verbose source mount
                cat mount/file; umount mount
                """
            try withSystemLog(script) { _, result, log in
                #expect(result.output.hasSuffix("content\n"), "\(result.output)")
                let line = try Regex(#"^<31>[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d passthroughfs\[\d+\]: .*/mount is mounted: protocol 7"#)
                #expect(log.messages().contains { $0.contains(line) })
            }
        }

        /// Whoever reads the log may wait for a file of the mount: the mount must not wait for the log then.
        @Test func `a system log that does not read holds nobody up, and hears what it missed`() throws {
            // More than the socket's queue takes (`net.unix.max_dgram_qlen`, 10 or some hundred).
            let script = """
                "$COMMAND" mount --threads 1 --max-threads 1 --debug source mount
                for i in $(seq 400); do stat mount/nothing$i > /dev/null 2>&1 || true; done; cat mount/file
                "$COMMAND" stats --json mount | tr , "\\n" | sed -n "s/.*\\"process\\"://p"
                """
            try withSystemLog(script) { place, result, log in
                let lines = result.output.split(separator: "\n")
                #expect(lines.contains("content"), "\(result.output)")
                #expect(!log.messages().isEmpty)
                // The namespace lives on in the process that serves.
                let server = try #require(lines.last)
                #expect(try Background.run("nsenter -m -t \(server) sh -ec 'cd \(place); ls mount; umount mount'", in: place).output == "file\nsub\n")
                let line = try Regex(#"^<28>.* warning: \d+ messages before this one could not be written: Resource temporarily unavailable"#)
                #expect(log.messages().contains { $0.contains(line) })
            }
        }
    }
}
