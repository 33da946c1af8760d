// SPDX-License-Identifier: MIT

import Foundation
import MountSupport
import Testing

extension CommandTests {
    /// What `stats` tells of a running mount.
    struct Stats {
        @Test func `numbers come from the process that serves`() throws {
            try CommandTests.withDirectory { place in
                // What is kept is kept for ten seconds, from the RELEASE on that nobody waits for: where it was asked for too
                // late, it is done once more from the start.
                let mounted = CommandTests.mounted(
                    "source mount",
                    then: """
                        start=$(date +%s)
                        echo new > mount/new; cat mount/file > /dev/null
                        exec 8< mount/file
                        seconds() { echo $(( $(date +%s) - start )); }
                        until "$COMMAND" stats --json mount > json; grep -q '"kept":1' json || [ $(seconds) -ge 9 ]; do sleep 0.1; done
                        isInTime=$(( $(seconds) < 9 ))
                        "$COMMAND" stats mount > table
                        mode=$(stat -c "%a %F" /run/passthroughfs/$(mountpoint -d mount | cut -d: -f2).sock)
                        exec 8<&-
                        "$COMMAND" unmount mount; wait $server
                        """)
                let script = """
                    for again in $(seq 20); do
                    \(mounted)
                    [ $isInTime = 0 ] || break; rm source/new
                    done
                    echo "$mode"
                    "$COMMAND" stats mount || echo "status $?"
                    """
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
                #expect(report["backings"] as? [String: Int] == ["live": 2, "kept": 1, "registrations": 2, "retries": 0])
                #expect(report["dialect"] as? String == "kernel")
                #expect(report["source"] as? String == place + "/source")
                #expect(report["mountpoint"] as? String == place + "/mount")
                #expect(["/dev/fuse", "io_uring"].contains(report["transport"] as? String))
                #expect((report["entries"] == nil) == (report["transport"] as? String == "/dev/fuse"))
                #expect(report["inodes"] as? Int == 2)
                #expect((report["fallbacks"] as? [Any])?.isEmpty == true)

                let table = try String(contentsOfFile: place + "/table", encoding: .utf8)
                #expect(table.contains("passthrough opens  3\n"))
            }
        }

        @Test func `a mount that does not answer is told of all the same`() throws {
            try CommandTests.withDirectory { place in
                // A mirror of a mirror whose process is stopped: its only thread is inside a call on that one.
                let result = try Background.run(
                    """
                    mkdir second; trap 'kill -CONT $first; umount -l second' EXIT
                    "$COMMAND" mount --log log --passthrough off --cache none source mount
                    first=$("$COMMAND" stats --json mount | tr , '\\n' | sed -n 's/.*"process"://p')
                    "$COMMAND" mount --log log --passthrough off --cache none --threads 1 --max-threads 1 mount second 2> /dev/null
                    requests() { "$COMMAND" stats --json second | grep -o '"requests":{[^}]*}'; }
                    before=$(requests); \(CommandTests.stopping("$first")); cat second/file & waiting=$!
                    \(CommandTests.waiting(until: "[ \"$(requests)\" != \"$before\" ]"))
                    "$COMMAND" stats second | head -n 2; kill -0 $waiting && echo "still waiting"
                    kill -CONT $first; wait $waiting; "$COMMAND" unmount second
                    # Its process may still be closing what it had open of the first.
                    \(CommandTests.waiting(until: "\"$COMMAND\" unmount mount 2> /dev/null"))
                    trap - EXIT
                    """, in: place)
                #expect(
                    result.output == """
                        mountpoint         \(place)/second
                        source             \(place)/mount
                        still waiting
                        content

                        """)
                #expect(result.status == 0)
            }
        }

        @Test func `a process that does not answer, or has been killed`() throws {
            try CommandTests.withDirectory { place in
                let script = CommandTests.mounted(
                    "source mount",
                    then: """
                        \(CommandTests.stopping("$server")); "$COMMAND" stats mount 2>&1 | sed "s/ $server)/ SERVER)/"
                        kill -KILL $server; wait $server 2> /dev/null || true
                        "$COMMAND" stats mount || echo "status $?"
                        "$COMMAND" unmount mount && echo unmounted
                        """)
                let result = try shell(script, in: place, environment: ["COMMAND": CommandTests.command])
                #expect(
                    result.output == """
                        passthroughfs: mount: the process that serves this mount is stopped (to let it go on: kill -CONT SERVER)
                        passthroughfs: mount: nobody serves this mount any more, or not passthroughfs
                        status 1
                        unmounted

                        """)
            }
        }

        @Test func `watched, until it is unmounted or interrupted`() throws {
            try CommandTests.withDirectory { place in
                let script = CommandTests.mounted(
                    "source mount",
                    then: """
                        touch first second; "$COMMAND" stats --watch --json mount > first & first=$!
                        "$COMMAND" stats --watch mount > second & second=$!
                        \(CommandTests.waiting(until: "[ $(grep -c '^mountpoint  ' second) -ge 2 ]"))
                        kill -INT $second; wait $second || echo "status $?"
                        \(CommandTests.waiting(until: "[ $(grep -c '^{.*}$' first) -ge 2 ]"))
                        "$COMMAND" unmount mount; wait $server; wait $first; echo "status $?"
                        """)
                let result = try shell(script, in: place, environment: ["COMMAND": CommandTests.command])
                #expect(result.output == "status 130\nstatus 0\n")
            }
        }

        /// The kernel numbers connections anew as soon as one is gone: the next mount has the number of the last one, and a
        /// socket of the same name, while the process of the last one is still ending.
        @Test func `a mount keeps its socket when the last one's process ends`() throws {
            try CommandTests.withDirectory { place in
                let result = try Background.run(
                    """
                    "$COMMAND" mount --log log --threads 1 --max-threads 1 source mount
                    last=$("$COMMAND" stats --json mount | tr , '\\n' | sed -n 's/.*"process"://p'); number=$(mountpoint -d mount)
                    \(CommandTests.stopping("$last")); umount mount
                    "$COMMAND" mount --log log --threads 1 --max-threads 1 source mount
                    [ $(mountpoint -d mount) = $number ] || echo "another number"
                    kill -CONT $last; \(CommandTests.waiting(until: "! kill -0 $last 2> /dev/null"))
                    "$COMMAND" stats mount | head -n 1; "$COMMAND" unmount mount
                    """, in: place)
                // Another mount of the machine may have got the number meanwhile: then this shows nothing, and holds too.
                #expect(result.output.replacing("another number\n", with: "") == "mountpoint         \(place)/mount\n")
            }
        }
    }
}
