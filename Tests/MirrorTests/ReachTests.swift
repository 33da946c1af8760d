// SPDX-License-Identifier: MIT

import Foundation
import MountSupport
import Testing

extension CommandTests {
    /// Mountpoints by other names, and those whose process does not answer.
    struct Reach {
        @Test func `links are followed`() throws {
            try CommandTests.withDirectory { place in
                let script = CommandTests.mounted(
                    "source mount",
                    then: """
                        ln -s mount link; ln -s "$PWD/link" source/other; ln -s nowhere dangling
                        for path in link source/other ./mount/ mount/. source/../link/; do "$COMMAND" stats $path | sed -n 1p; done
                        "$COMMAND" stats dangling || echo "status $?"
                        "$COMMAND" umount source/other/; wait $server; echo "ended with $?"
                        "$COMMAND" stats link || echo "status $?"
                        """)
                let result = try shell(script, in: place, environment: ["COMMAND": CommandTests.command])
                #expect(
                    result.output == String(repeating: "mountpoint         \(place)/mount\n", count: 5) + """
                        passthroughfs: dangling: no such directory
                        status 1
                        ended with 0
                        passthroughfs: link: no FUSE filesystem is mounted here
                        status 1

                        """)
            }
        }

        /// Of a server that is stopped nothing may be asked that waits for its answer without end. (Over io_uring the kernel takes a
        /// request for read as soon as there is an entry for it, so that a caller who is killed stays until the server goes on.)
        @Test func `a mount whose process is stopped keeps nobody waiting`() throws {
            try CommandTests.withDirectory { place in
                let result = try Background.run(
                    """
                    mkdir other; ln -s mount link
                    "$COMMAND" mount --log log --transport dev source mount
                    server=$("$COMMAND" stats --json mount | tr , '\\n' | sed -n 's/.*"process"://p')
                    trap 'kill -CONT $server' EXIT; \(CommandTests.stopping("$server"))
                    for path in mount link mount/; do "$COMMAND" stats $path 2>&1 | sed "s/ $server)/ SERVER)/"; done
                    (timeout 100 "$COMMAND" mount --log log source/sub mount || echo "status $?") > first 2>&1 & first=$!
                    (timeout 100 "$COMMAND" mount --log log source mount/sub/sub || echo "status $?") > second 2>&1 & second=$!
                    (timeout 100 "$COMMAND" mount --log log mount other || echo "status $?") > third 2>&1 & third=$!
                    (timeout 100 "$COMMAND" check mount || echo "status $?") > fourth 2>&1 & fourth=$!
                    wait $first $second $third $fourth; cat first second third fourth; grep -c "^$PWD/" /proc/mounts || true
                    timeout 100 "$COMMAND" mount -o remount,ro source link/; grep -c "$PWD/mount fuse.passthroughfs ro" /proc/mounts
                    timeout 100 "$COMMAND" unmount link/; echo "status $?"
                    """, in: place)
                let remedy = "see whether the process that serves it is stopped, or unmount it first: umount -l \(place)/mount"
                #expect(
                    result.output == """
                        passthroughfs: mount: the process that serves this mount is stopped (to let it go on: kill -CONT SERVER)
                        passthroughfs: link: the process that serves this mount is stopped (to let it go on: kill -CONT SERVER)
                        passthroughfs: mount/: the process that serves this mount is stopped (to let it go on: kill -CONT SERVER)
                        passthroughfs: mount: the filesystem that is mounted there does not answer (\(remedy))
                        status 1
                        passthroughfs: mount/sub/sub: the filesystem that is mounted there does not answer (\(remedy))
                        status 1
                        passthroughfs: mount: the filesystem that is mounted there does not answer (\(remedy))
                        status 1
                        passthroughfs: mount: the filesystem that is mounted there does not answer (\(remedy))
                        status 1
                        1
                        1
                        status 0

                        """)
            }
        }

        @Test func `without proc it is told`() throws {
            try CommandTests.withDirectory { place in
                let result = try Background.run(
                    """
                    unshare -m sh -c 'umount -l /proc
                        "$COMMAND" mount source mount || echo "status $?"; "$COMMAND" mount -f source mount || echo "status $?"'
                    """, in: place)
                #expect(
                    result.output == """
                        passthroughfs: /proc: not mounted (mount -t proc proc /proc)
                        status 1
                        passthroughfs: /proc: not mounted (mount -t proc proc /proc)
                        status 1

                        """)
            }
        }
    }
}
