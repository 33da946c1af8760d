// SPDX-License-Identifier: MIT

import Foundation
import MountSupport
import Testing

extension CommandTests {
    /// `mount` as people call it: it ends when the mount answers.
    struct Background {
        static func run(_ script: String, in place: String) throws -> ShellResult {
            try shell(script, in: place, environment: ["COMMAND": CommandTests.command])
        }

        /// A mount namespace of its own, where /dev holds what the test wants.
        static func withOwnDevices(_ script: String, fuse: Bool = true) -> String {
            """
            unshare -m sh -ec '
                mount -t tmpfs devices /dev; mknod -m 666 /dev/null c 1 3; \(fuse ? "mknod -m 600 /dev/fuse c 10 229" : "true")
                \(script)'
            """
        }

        @Test func `the command ends when the mount answers, and the server has left its surroundings`() throws {
            try CommandTests.withDirectory { place in
                let result = try Background.run(
                    """
                    "$COMMAND" mount --log log source mount 8< /etc/passwd; cat mount/file
                    server=$("$COMMAND" stats --json mount | tr , '\\n' | sed -n 's/.*"process"://p')
                    readlink /proc/$server/cwd /proc/$server/fd/0; readlink /proc/$server/fd/1 /proc/$server/fd/2
                    [ $(ps -o sid= $server) = $server ] && echo session
                    ls -l /proc/$server/fd | grep -c /etc/passwd || true
                    "$COMMAND" unmount mount
                    """, in: place)
                #expect(result.output == "content\n/\n/dev/null\n\(place)/log\n\(place)/log\nsession\n0\n")
                #expect(result.status == 0)
            }
        }

        /// What is opened first would get their numbers, and be taken for them.
        @Test func `without standard input, output and error`() throws {
            try CommandTests.withDirectory { place in
                let result = try Background.run(
                    """
                    "$COMMAND" mount --log log source mount <&- >&- 2>&-; cat mount/file
                    server=$("$COMMAND" stats --json mount | tr , '\\n' | sed -n 's/.*"process"://p')
                    readlink /proc/$server/fd/0 /proc/$server/fd/1 /proc/$server/fd/2
                    "$COMMAND" unmount mount <&- >&- 2>&-; "$COMMAND" stats mount || echo "status $?"
                    """, in: place)
                #expect(
                    result.output == """
                        content
                        /dev/null
                        \(place)/log
                        \(place)/log
                        passthroughfs: mount: no FUSE filesystem is mounted here
                        status 1

                        """)
            }
        }

        @Test(arguments: [
            ("--log nowhere/log source mount", "nowhere/log: the log cannot be written: No such file or directory (name another file: --log FILE)"),
            ("--log log source nowhere", "nowhere: no such directory (make it first: the mountpoint must exist)"),
            ("--log log nowhere mount", "nowhere: no such directory (create it, or name one that exists)"),
        ]) func `what stands against it is the command's error`(_ arguments: String, _ message: String) throws {
            try CommandTests.withDirectory { place in
                let result = try Background.run("\"$COMMAND\" mount \(arguments)", in: place)
                #expect(result.output == "passthroughfs: \(message)\n")
                #expect(result.status == 1)
                #expect(try !shell("cat /proc/mounts", in: "/").output.contains(place))
            }
        }

        @Test func `without a system log it says where messages go, where there are any`() throws {
            try CommandTests.withDirectory { place in
                let result = try Background.run(
                    Background.withOwnDevices(
                        """
                        mount -t tmpfs log /var/log
                        "$COMMAND" mount --passthrough off --threads 1 --max-threads 1 source mount; umount mount; echo --
                        "$COMMAND" mount --passthrough off -v --threads 1 --max-threads 1 source mount 2>&1 | grep log
                        umount mount; echo --
                        "$COMMAND" mount --passthrough off -o nodiratime --threads 1 --max-threads 1 source mount
                        cat mount/file; umount mount; test -f /var/log/passthroughfs.log && echo there
                        "$COMMAND" mount --log syslog source mount || echo "status $?"
                        """), in: place)
                #expect(
                    result.output == """
                        --
                        passthroughfs: there is no /dev/log: messages of the running mount go to /var/log/passthroughfs.log (choose with --log)
                        --
                        passthroughfs: warning: mount option nodiratime has no effect on the source: access times are kept by the mount that it is on (remount that one with nodiratime)
                        passthroughfs: there is no /dev/log: messages of the running mount go to /var/log/passthroughfs.log (choose with --log)
                        content
                        there
                        passthroughfs: /dev/log: no system log listens there: No such file or directory (name a file: --log FILE)
                        status 1

                        """)
            }
        }

        @Test func `what is said in the background is in the log, with its time`() throws {
            try CommandTests.withDirectory { place in
                let result = try Background.run(
                    """
                    "$COMMAND" mount --log log source mount
                    exec 8< mount/file; kill -TERM $("$COMMAND" stats --json mount | tr , '\\n' | sed -n 's/.*"process"://p')
                    \(CommandTests.waiting(until: "grep -q 'is in use' log")); exec 8<&-; cat log
                    """, in: place)
                let line = try Regex(#"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ passthroughfs\[\d+\]: .*/mount is in use: detached"#)
                #expect(result.output.contains(line), "\(result.output)")
            }
        }

        @Test func `as mount(8) calls it, and remounted`() throws {
            try CommandTests.withDirectory { place in
                let result = try Background.run(
                    """
                    unshare -m sh -ec '
                        mount -t tmpfs bin /usr/local/bin; cp "$COMMAND" /usr/local/bin/passthroughfs
                        mount -t tmpfs log /var/log
                        mount -t fuse.passthroughfs -o noexec,nofail,x-test,_netdev $PWD/source $PWD/mount 2> /dev/null
                        grep -o "$PWD/mount fuse.passthroughfs [^ ]*" /proc/mounts | cut -d " " -f 3
                        exec 8>> mount/file; mount -o remount,ro $PWD/mount 2>&1 || echo busy; echo more >&8; exec 8>&-
                        mount -o remount,ro $PWD/mount; touch mount/new 2>&1 || true; cat mount/file
                        mount -o remount,rw $PWD/mount; touch mount/new; ls source; umount mount'
                    """, in: place)
                #expect(
                    result.output == """
                        rw,noexec,relatime,user_id=0,group_id=0,default_permissions
                        passthroughfs: \(place)/mount: in use: files of it are open for writing (whose they are: fuser -vm \(place)/mount)
                        busy
                        touch: cannot touch 'mount/new': Read-only file system
                        content
                        more
                        file
                        new
                        sub

                        """)
                #expect(result.status == 0)
            }
        }

        @Test func `a mirror in its own source shows what it is mounted on`() throws {
            try CommandTests.withDirectory { place in
                let result = try Background.run(
                    """
                    trap 'umount -l source/sub source/other source/sub 2>/dev/null || true' EXIT
                    mkdir source/other
                    timeout 100 "$COMMAND" mount --log log --threads 1 --max-threads 1 source source/sub
                    timeout 100 touch source/sub/sub/below; (cd source/sub; timeout 100 find . | sort)
                    mount --bind source/sub source/other; timeout 100 ls source/sub/other; umount source/other
                    timeout 100 "$COMMAND" mount --log log source source/other || echo "status $?"
                    timeout 100 umount source/sub; ls source/sub
                    """, in: place)
                #expect(
                    result.output == """
                        .
                        ./file
                        ./other
                        ./sub
                        ./sub/below
                        passthroughfs: \(place)/source/other: the mirror would show itself: \(place)/source/sub, inside its source \(place)/source, is a mirror of \(place)/source (mount it elsewhere, or with --submounts refuse)
                        status 1
                        below

                        """)
            }
        }

        @Test func `without the device it is told`() throws {
            try CommandTests.withDirectory { place in
                let result = try Background.run(
                    Background.withOwnDevices("\"$COMMAND\" mount --log log source mount", fuse: false), in: place)
                #expect(result.output == "passthroughfs: /dev/fuse: this kernel has no FUSE (modprobe fuse, as root)\n")
                #expect(result.status == 1)
            }
        }

        @Test func `unmount clears what a killed server leaves`() throws {
            try CommandTests.withDirectory { place in
                let result = try Background.run(
                    """
                    "$COMMAND" mount --log log source mount
                    socket=/run/passthroughfs/$(mountpoint -d mount | cut -d: -f2).sock; test -S $socket
                    kill -KILL $("$COMMAND" stats --json mount | tr , '\\n' | sed -n 's/.*"process"://p')
                    \(CommandTests.waiting(until: "! ls mount > /dev/null 2>&1"))
                    "$COMMAND" mount --log log source mount || echo "status $?"
                    "$COMMAND" unmount mount && ls mount; test ! -e $socket && echo cleared
                    """, in: place)
                #expect(
                    result.output
                        == "passthroughfs: mount: a dead FUSE mount is in the way (unmount it first: umount -l mount)\nstatus 1\ncleared\n")
            }
        }
    }
}
