// SPDX-License-Identifier: MIT

import Foundation
import MountSupport
import Testing

extension CommandTests {
    /// What `check` finds, with a source too.
    struct Check {
        /// With an overlayfs at `stacked` that is stacked on another one: more than the kernel passes through.
        static let stacked = """
            mkdir once stacked upper work upper2 work2; trap 'umount -l stacked once' EXIT
            mount -t overlay -o lowerdir=source,upperdir=upper,workdir=work overlay once
            mount -t overlay -o lowerdir=once,upperdir=upper2,workdir=work2 overlay stacked

            """

        @Test func `a machine and a source that can do it all`() throws {
            try CommandTests.withDirectory { place in
                let result = try Background.run("mkdir temporary; TMPDIR=$PWD/temporary \"$COMMAND\" check source; ls -A source temporary", in: place)
                #expect(result.status == 0, "\(result.output)")
                for line in [
                    "ok  /dev/fuse     can be opened", "ok  privileges    root\n", "ok  passthrough   the kernel took a file; ids are chosen by the kernel\n",
                    "ok  file handles  source: inodes take no descriptors\n",
                    "ok  source        source: the kernel reads and writes its files itself\n",
                ] { #expect(result.output.contains(line)) }
                #expect(result.output.hasSuffix("\nsource:\nfile\nsub\n\ntemporary:\n"), "nothing is left, neither in the source nor elsewhere")
                #expect(try !shell("cat /proc/mounts", in: "/").output.contains(place))
            }
        }

        @Test func `a source that the kernel does not take`() throws {
            try CommandTests.withDirectory { place in
                let result = try Background.run(
                    Check.stacked + """
                        "$COMMAND" check stacked | grep "source  " || true
                        "$COMMAND" check stacked > /dev/null || echo "status $?"
                        "$COMMAND" mount --log log --passthrough require stacked mount || echo "status $?"
                        """, in: place)
                let reason = "stacked: its files go through the daemon: its filesystem is stacked too deeply on others (mirror what lies below it)"
                #expect(
                    result.output == """
                        no  source        \(reason)
                        status 1
                        passthroughfs: passthrough is required, and not to be had: \(reason)
                        status 1

                        """)
                #expect(try !shell("cat /proc/mounts", in: "/").output.contains("\(place)/mount"))
            }
        }

        /// Whenever it comes while something is mounted for the trial. (SIGINT is ignored in a script's jobs.)
        @Test(arguments: ["check source", "mount -f --passthrough require source mount"]) func `a signal leaves nothing behind`(_ arguments: String) throws {
            try CommandTests.withDirectory { place in
                let result = try Background.run(
                    """
                    mkdir temporary; export TMPDIR=$PWD/temporary; hits=0; round=0
                    while [ $hits -lt 5 ] && [ $round -lt 200 ]; do
                        round=$((round + 1))
                        "$COMMAND" \(arguments) > out 2>&1 & job=$!
                        while [ -e /proc/$job/exe ]; do
                            if grep -q " $PWD/temporary/" /proc/mounts; then kill -TERM $job 2> /dev/null && hits=$((hits + 1)) || true; break; fi
                            # It was over before it was seen.
                            if grep -q " $PWD/mount " /proc/mounts; then kill -TERM $job 2> /dev/null || true; break; fi
                        done
                        if wait $job; then :; else [ $? = 143 ] || cat out; fi
                    done
                    [ $hits -ge 5 ] || echo "$hits of $round rounds"
                    ls -A temporary
                    """, in: place)
                #expect(result.status == 0)
                #expect(result.output == "")
                #expect(try !shell("cat /proc/mounts", in: "/").output.contains(place))
            }
        }

        @Test func `a source that there is not`() throws {
            try CommandTests.withDirectory { place in
                let result = try Background.run("\"$COMMAND\" check nowhere", in: place)
                #expect(result.output == "passthroughfs: nowhere: no such directory (create it, or name one that exists)\n")
                #expect(result.status == 1)
            }
        }
    }
}

extension CommandTests.Unprivileged {
    @Test func `check says what another user lacks`() throws {
        let open = try Self.run(deviceMode: "666", "\"$COMMAND\" check source || echo \"status $?\"")
        for line in [
            "no  privileges    user 65534: files can be mirrored, but not passed through (run as root)\n", "ok  mount         works",
            "no  passthrough   the kernel lets only a process with CAP_SYS_ADMIN register backing files (run it as root)\n", "status 1\n",
        ] { #expect(open.output.contains(line), "\(open.output)") }
        let closed = try Self.run(deviceMode: "600", "\"$COMMAND\" check || echo \"status $?\"")
        #expect(closed.output.contains("no  /dev/fuse    not open to this user (run as root, or have root chmod 0666 /dev/fuse)\n"))
        #expect(closed.output.contains("status 1\n"))
    }

    @Test func `stats and demo as another user`() throws {
        let result = try Self.run(
            deviceMode: "666",
            CommandTests.mounted(
                "--passthrough off source mount",
                then: """
                    "$COMMAND" stats mount | head -n 1
                    "$COMMAND" demo --size 1 --directory . || echo "status $?"
                    "$COMMAND" unmount mount; wait $server
                    """))
        #expect(result.output.contains("mountpoint         HERE/mount\n"), "\(result.output)")
        #expect(result.output.contains("passthrough is required, and not to be had: the kernel lets only a process with CAP_SYS_ADMIN"))
        #expect(result.output.contains("status 1\n"))
    }
}
