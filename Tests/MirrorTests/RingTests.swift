// SPDX-License-Identifier: MIT

import Foundation
import MountSupport
import Testing

extension CommandTests {
    /// `--transport`.
    @Suite struct Ring {
        /// Switches it on for the time of a script, and back. Others who do so wait.
        static func run(_ script: String, in place: String) throws -> ShellResult {
            try shell(
                """
                switch=/sys/module/fuse/parameters/enable_uring
                exec 9< $switch; flock 9; before=$(cat $switch)
                trap 'echo $before > $switch; umount -l mount 2> /dev/null || true' EXIT
                echo Y > $switch
                \(script)
                """, in: place, environment: ["COMMAND": CommandTests.command])
        }

        /// What `stats` says, in a word.
        private static let ways = "way() { \"$COMMAND\" stats mount | sed -n 's/^transport *//p'; }"

        @Test func `the way is chosen, and shown`() throws {
            try CommandTests.withDirectory { place in
                let result = try Self.run(
                    """
                    \(Self.ways)
                    for choice in auto ring dev; do
                        "$COMMAND" mount --log log --transport $choice source mount
                        cat mount/file; way | sed 's/, [0-9]* threads$//; s/[0-9]* entries/entries/'
                        "$COMMAND" unmount mount
                    done
                    "$COMMAND" mount --log log -o transport=ring source mount; way | cut -d , -f 1; "$COMMAND" unmount mount
                    echo N > $switch
                    "$COMMAND" mount --log log --transport auto source mount; way | cut -d , -f 1; "$COMMAND" unmount mount
                    "$COMMAND" mount --log log --transport ring source mount || echo "status $?"
                    cat log
                    """, in: place)
                #expect(
                    result.output == """
                        content
                        io_uring, entries
                        content
                        io_uring, entries
                        content
                        /dev/fuse
                        io_uring
                        /dev/fuse
                        passthroughfs: \(place)/mount: the kernel does not offer FUSE over io_uring (Linux 6.14 or newer with CONFIG_FUSE_IO_URING is needed, and it has to be switched on before mounting: echo Y > /sys/module/fuse/parameters/enable_uring)
                        status 1

                        """)
            }
        }

        /// Those who are in the middle of something come out with an error, all of them.
        @Test func `the server is killed under load`() throws {
            try CommandTests.withDirectory { place in
                let result = try Self.run(
                    CommandTests.mounted(
                        "--transport ring --passthrough off --cache none source mount",
                        then: """
                            users=
                            for n in 1 2 3 4; do
                                (while echo $n > mount/$n && cat mount/$n mount/file && rm mount/$n; do :; done > /dev/null 2>&1) & users="$users $!"
                            done
                            sleep 1
                            kill -KILL $server; wait $users; echo all out
                            wait $server || echo "status $?"
                            umount mount; echo gone
                            """), in: place)
                #expect(result.output.hasSuffix("all out\nstatus 137\ngone\n"), "\(result.output)")
                #expect(result.status == 0)
            }
        }

        /// Files that are forgotten by the hundred come together.
        @Test func `what is forgotten comes in few messages`() throws {
            try CommandTests.withDirectory { place in
                let result = try Self.run(
                    CommandTests.mounted(
                        "--transport ring source mount",
                        then: """
                            mkdir source/many; cd source/many; seq 3000 | xargs touch; cd ../..
                            ls -l mount/many > /dev/null; rm -r mount/many
                            "$COMMAND" stats --json mount > json; "$COMMAND" unmount mount; wait $server
                            """), in: place)
                #expect(result.status == 0, "\(result.output)")
                let json = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: place + "/json")))
                let requests = try #require((json as? [String: Any])?["requests"] as? [String: Int])
                let messages = (requests["FORGET"] ?? 0) + (requests["BATCH_FORGET"] ?? 0)
                #expect(requests["UNLINK"] == 3000)
                #expect(messages < 1000)
            }
        }
    }
}
