// SPDX-License-Identifier: MIT

import Foundation
import Testing

extension CommandTests {
    /// What `stats` tells of a running mount.
    struct Stats {
        @Test func `numbers come from the process that serves`() throws {
            try CommandTests.withDirectory { place in
                let script = CommandTests.mounted(
                    "source mount",
                    then: """
                        echo new > mount/new; cat mount/file > /dev/null
                        exec 8< mount/file
                        "$COMMAND" stats --json mount > json
                        "$COMMAND" stats mount > table
                        stat -c "%a %F" /run/passthroughfs/$(mountpoint -d mount | cut -d: -f2).sock
                        exec 8<&-
                        "$COMMAND" unmount mount; wait $server
                        "$COMMAND" stats mount || echo "status $?"
                        """)
                let result = try shell(script, in: place, environment: ["COMMAND": CommandTests.command])
                #expect(result.output == "600 socket\npassthroughfs: mount: no FUSE filesystem is mounted here\nstatus 1\n")

                let json = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: place + "/json")))
                let report = try #require(json as? [String: Any])
                let requests = try #require(report["requests"] as? [String: Int])
                #expect(requests["CREATE"] == 1)
                #expect(requests["OPEN"] == 2)
                #expect(requests["READ"] == nil)
                #expect(requests["WRITE"] == nil)
                let passthrough = try #require(report["passthrough"] as? [String: Any])
                #expect(passthrough["state"] as? String == "available")
                #expect(passthrough["opens"] as? Int == 3)
                #expect((report["backings"] as? [String: Int])?["live"] == 1)
                #expect(report["source"] as? String == place + "/source")
                #expect(report["mountpoint"] as? String == place + "/mount")
                #expect(report["transport"] as? String == "/dev/fuse")
                #expect(report["inodes"] as? Int == 2)
                #expect((report["fallbacks"] as? [Any])?.isEmpty == true)

                let table = try String(contentsOfFile: place + "/table", encoding: .utf8)
                #expect(table.contains("passthrough opens  3\n"))
            }
        }

        @Test func `a mount that does not answer is told of all the same`() throws {
            try CommandTests.withDirectory { place in
                // The server is stopped: whoever enters the mount waits. Its socket would wait too, so it goes on first.
                let script = CommandTests.mounted(
                    "source mount",
                    then: """
                        kill -STOP $server; stat mount/nothing > /dev/null 2>&1 & waiting=$!
                        kill -CONT $server; "$COMMAND" stats mount | head -n 1
                        wait $waiting || true
                        kill -KILL $server; wait $server 2> /dev/null || true
                        "$COMMAND" stats mount || echo "status $?"
                        "$COMMAND" unmount mount && echo unmounted
                        """)
                let result = try shell(script, in: place, environment: ["COMMAND": CommandTests.command])
                #expect(
                    result.output == """
                        mountpoint         \(place)/mount
                        passthroughfs: mount: nobody serves this mount any more, or not passthroughfs
                        status 1
                        unmounted

                        """)
            }
        }
    }
}
