// SPDX-License-Identifier: MIT

import Foundation
import MountSupport
import Testing

/// The command as another user than root: it mounts by `fusermount3`, and everything works but passthrough.
extension CommandTests {
    @Suite(.enabled(if: Machine.has("fusermount3") || Machine.isContinuousIntegration, "fusermount3 is not installed"))
    struct Unprivileged {
        /// Runs a script as the user nobody (`fusermount3` wants one with a name), in a directory of that user's, with a copy of
        /// the command that this user can reach; in a mount namespace of its own, whose /dev/fuse has this mode, and in which root
        /// has prepared something.
        static func run(deviceMode: String, preparing: String = "true", _ script: String) throws -> ShellResult {
            let place = "/tmp/passthroughfs-user-\(UUID().uuidString)"
            let setUp = """
                install -d -o 65534 -g 65534 \(place) \(place)/source \(place)/mount
                install -m 755 "$COMMAND" \(place)/passthroughfs
                install -d -m 700 \(place)/closed
                """
            defer { _ = try? shell("rm -rf --one-file-system \(place)", in: "/") }
            #expect(try shell(setUp, in: "/", environment: ["COMMAND": CommandTests.command]).status == 0)
            let result = try shell(
                """
                unshare -m sh -ec '
                    mount -t tmpfs devices /dev; mknod -m 666 /dev/null c 1 3; mknod -m \(deviceMode) /dev/fuse c 10 229; \(preparing)
                    status=0; setpriv --reuid=65534 --regid=65534 --clear-groups sh -ec "$SCRIPT" || status=$?
                    if grep \(place)/mount /proc/mounts; then echo "left mounted"; fi
                    exit $status'
                """, in: place, environment: ["COMMAND": "./passthroughfs", "SCRIPT": script])
            #expect(!result.output.contains("left mounted"), "\(result.output)")
            return ShellResult(status: result.status, output: result.output.replacingOccurrences(of: place, with: "HERE"))
        }

        @Test func `it mounts, and says once why the kernel does not do the work`() throws {
            let result = try Self.run(
                deviceMode: "666",
                CommandTests.mounted(
                    "source mount",
                    then: """
                        echo content > mount/file; cat source/file; mv mount/file mount/other; ls mount
                        stat -c "%u %g" mount/other
                        "$COMMAND" stats mount | grep -E "^(passthrough|backing|without)"
                        "$COMMAND" unmount mount; wait $server; echo "ended with $?"
                        """))
            #expect(
                result.output == """
                    passthroughfs: warning: no passthrough: the kernel lets only a process with CAP_SYS_ADMIN register backing files; file data goes through this process (run it as root)
                    passthroughfs: warning: inodes are not held by file handle, so each that is in use takes a descriptor: the process lacks CAP_DAC_READ_SEARCH (run as root, or raise the limit of descriptors, see ulimit -n)
                    content
                    other
                    65534 65534
                    passthrough        unavailable: the kernel lets only a process with CAP_SYS_ADMIN register backing files: run it as root
                    passthrough opens  0
                    backings           0 live, 0 of them kept; 0 so far
                    backing ids        none
                    ended with 0

                    """)
        }

        @Test func `it ends at a signal`() throws {
            let result = try Self.run(
                deviceMode: "666",
                CommandTests.mounted("--passthrough off source mount", then: "kill -TERM $server; wait $server; echo \"ended with $?\""))
            #expect(result.output.hasSuffix("\nended with 0\n"))
        }

        /// Whoever ignores SIGCHLD is not told how its children end, and those that it starts inherit that.
        @Test func `started by one who ignores its children`() throws {
            let result = try Self.run(
                deviceMode: "666",
                """
                env --ignore-signal=CHLD "$COMMAND" mount --log log --passthrough off source mount; touch mount/new; ls source
                env --ignore-signal=CHLD "$COMMAND" unmount mount; echo "status $?"
                env --ignore-signal=CHLD "$COMMAND" mount --log log source nowhere || echo "status $?"
                """)
            #expect(
                result.output.hasSuffix(
                    "\nnew\nstatus 0\npassthroughfs: nowhere: no such directory (make it first: the mountpoint must exist)\nstatus 1\n"),
                "\(result.output)")
        }

        /// What the helper says where the kernel, or a security module, refuses it the mount.
        @Test(arguments: [
            ("Permission denied", "a security module does not let fusermount3 mount here; AppArmor on Ubuntu allows few places (mount below your home directory, /mnt, /media or /tmp, or allow this place in /etc/apparmor.d/local/fusermount3)"),
            ("Operation not permitted", "fusermount3 may not mount, as it is not set-user-id root (install the package fuse3 anew, or run as root)"),
            ("No such device", "fusermount3 refused: mount failed: No such device (or run as root)"),
        ]) func `a refusal of the helper's mount is told`(_ reason: String, _ message: String) throws {
            let result = try Self.run(
                deviceMode: "666",
                """
                mkdir bin; printf '#!/bin/sh\\necho "fusermount3: mount failed: \(reason)" >&2; exit 1\\n' > bin/fusermount3
                chmod 755 bin/fusermount3; PATH=$PWD/bin:$PATH; "$COMMAND" mount -f source mount
                """)
            #expect(result.output == "passthroughfs: HERE/mount: \(message)\n")
            #expect(result.status == 1)
        }

        @Test(arguments: [
            ("666", "--passthrough require source mount", "HERE/mount: passthrough is required, and not to be had: the kernel lets only a process with CAP_SYS_ADMIN register backing files; run it as root"),
            ("600", "source mount", "/dev/fuse: not open to this user (run as root, or have root chmod 0666 /dev/fuse)"),
            ("666", "closed mount", "closed: permission denied (run as root, or as a user who may search it)"),
            ("666", "--id-mapped source mount", "--id-mapped: files cannot be given to their owners by this user (run as root)"),
            ("666", "source /usr", "/usr: fusermount3 refused: user has no write access to mountpoint /usr (or run as root)"),
        ]) func `what stands against it is told`(_ mode: String, _ arguments: String, _ message: String) throws {
            let result = try Self.run(deviceMode: mode, "\"$COMMAND\" mount -f \(arguments)")
            #expect(result.output == "passthroughfs: \(message)\n")
            #expect(result.status == 1)
        }
    }
}
