// SPDX-License-Identifier: MIT

import Foundation
import MountSupport
import Testing

extension CommandTests {
    /// What the source is mounted with, and the command's words about it.
    struct Restrictions {
        private static func mounted(_ flags: String) -> String {
            // By full paths: mount(8) and umount(8) also find what others have mounted by the name of its source.
            "mount -t tmpfs -o \(flags) tmpfs $PWD/source; trap \"umount -l $PWD/mount 2> /dev/null; umount -l $PWD/source\" EXIT\n"
        }

        private static func flags(of mountpoint: String) -> String {
            "grep \" $PWD/\(mountpoint) \" /proc/mounts | cut -d ' ' -f 4 | tr , '\\n' | grep -E '^(no.*|r[ow])$' | grep -v atime | tr '\\n' ' '"
        }

        @Test(arguments: [
            ("nosuid", "suid", "suid", "option suid is", "it", "nosuid"), ("nodev", "ro,dev", "dev", "option dev is", "it", "nodev"),
            ("noexec", "noexec,exec", "exec", "option exec is", "it", "noexec"),
            ("nosymfollow", "symfollow", "symfollow", "option symfollow is", "it", "nosymfollow"),
            ("nosuid,nodev,noexec", "exec,suid,rw", "suid,exec", "options suid,exec are", "them", "nosuid,noexec"),
            ("nosuid,nodev", "rw,dev,dev,suid", "dev", "option dev is", "it", "nodev"),
            ("nosuid", "user,suid", "suid", "option suid is", "it", "nosuid"),
        ]) func `the opposite is refused`(
            _ flags: String, _ options: String, _ remedy: String, _ subject: String, _ them: String, _ because: String
        ) throws {
            try CommandTests.withDirectory { place in
                let result = try Background.run(
                    Self.mounted(flags) + "\"$COMMAND\" mount --log log -o \(options) source mount || echo \"status $?\"; grep -c \" $PWD/mount \" /proc/mounts", in: place)
                #expect(
                    result.output == """
                        passthroughfs: source: mounted \(because), and so is a mirror of it: mount \(subject) refused (leave \(them) out, or remount what the source is on with \(remedy))
                        status 1
                        0

                        """)
            }
        }

        @Test(arguments: [
            ("nosuid,nodev", "rw", "rw nosuid nodev"), ("nosuid", "rw,dev,suid", "rw nosuid"), ("nosuid", "rw,nodev,suid", "rw nosuid nodev"),
            ("noexec", "ro,nosuid,dev", "ro nosuid noexec"), ("nosuid", "suid,nosuid", "rw nosuid"),
            ("nosymfollow", "noexec,nosuid", "rw nosuid noexec nosymfollow"), ("nosuid", "suid,users", "rw nosuid nodev noexec"),
            ("relatime", "suid,dev,exec,symfollow", "rw"), ("relatime", "nosymfollow", "rw nosymfollow"),
        ]) func `what nobody asks for is as in the source`(_ flags: String, _ options: String, _ mounted: String) throws {
            try CommandTests.withDirectory { place in
                let result = try Background.run(
                    Self.mounted(flags) + "\"$COMMAND\" mount --log log -o \(options) source mount; \(Self.flags(of: "mount"))", in: place)
                #expect(result.output == mounted + " ")
            }
        }

        @Test func `it is shown, and a remount does not lift it`() throws {
            try CommandTests.withDirectory { place in
                let result = try Background.run(
                    Self.mounted("nosuid,nodev") + """
                        "$COMMAND" check source | grep restrictions; "$COMMAND" check . | grep restrictions
                        "$COMMAND" mount --log log source mount
                        "$COMMAND" stats mount | grep restrictions; "$COMMAND" stats --json mount | grep -o '"restrictions":[^]]*.'
                        "$COMMAND" mount -o remount,suid source mount || echo "status $?"
                        "$COMMAND" mount -o remount,ro,noexec source mount; \(Self.flags(of: "mount")); echo
                        # As mount.fuse3 calls it, whatever the user has asked mount(8) for.
                        "$COMMAND" mount -o rw,remount,dev,suid source mount; \(Self.flags(of: "mount")); echo
                        # It is what the mirror was mounted with that counts, not what the source is by now.
                        mount -o remount,suid,dev $PWD/source
                        "$COMMAND" mount -o remount,suid source mount || echo "status $?"
                        "$COMMAND" mount -o remount,rw source mount; \(Self.flags(of: "mount")); echo
                        "$COMMAND" unmount mount
                        """, in: place)
                #expect(
                    result.output == """
                        ok  restrictions  source: mounted nosuid,nodev, and so is a mirror of it
                        ok  restrictions  .: none
                        restrictions       nosuid, nodev
                        "restrictions":["nosuid","nodev"]
                        passthroughfs: source: mounted nosuid, and so is a mirror of it: mount option suid is refused (leave it out, or remount what the source is on with suid)
                        status 1
                        ro nosuid nodev noexec\u{20}
                        rw nosuid nodev\u{20}
                        passthroughfs: source: mounted nosuid, and so is a mirror of it: mount option suid is refused (leave it out, or remount what the source is on with suid)
                        status 1
                        rw nosuid nodev\u{20}

                        """)
            }
        }

        /// It is not told by mount(8) whether its user asked for `suid`.
        @Test func `as mount(8) calls it`() throws {
            try CommandTests.withDirectory { place in
                let result = try Background.run(
                    """
                    unshare -m sh -ec '
                        mount -t tmpfs bin /usr/local/bin; cp "$COMMAND" /usr/local/bin/passthroughfs
                        mount -t tmpfs log /var/log; mount -t tmpfs -o nosuid,noexec tmpfs $PWD/source
                        for options in defaults suid,exec user,nodev,suid; do
                            mount -t fuse.passthroughfs -o $options $PWD/source $PWD/mount 2> errors || { grep refused errors; continue; }
                            mount -o remount,suid $PWD/mount
                            \(Self.flags(of: "mount").replacingOccurrences(of: "'", with: "\"")); echo
                            umount $PWD/mount
                        done'
                    """, in: place)
                #expect(
                    result.output == """
                        rw nosuid noexec\u{20}
                        rw nosuid noexec\u{20}
                        passthroughfs: \(place)/source: mounted nosuid, and so is a mirror of it: mount option suid is refused (leave it out, or remount what the source is on with suid)

                        """)
            }
        }
    }
}

extension CommandTests.Unprivileged {
    @Test(arguments: [
        ("noexec", "nosuid nodev noexec"), ("nosuid", "nosuid nodev"),
        (
            "nosymfollow",
            "passthroughfs: HERE/mount: to be mounted nosymfollow, as its source may be, which this fusermount3 does not know (run as root)"
        ),
    ]) func `as another user the source's flags are kept too`(_ flags: String, _ outcome: String) throws {
        let result = try Self.run(
            deviceMode: "666", preparing: "mount -t tmpfs -o \(flags) tmpfs $PWD/source",
            """
            if "$COMMAND" mount --log log source mount 2> errors; then
                grep " $PWD/mount " /proc/mounts | cut -d ' ' -f 4 | tr , '\\n' | grep '^no' | tr '\\n' ' ' | sed 's/ $//'
                "$COMMAND" unmount mount
            else cat errors | tr -d '\\n'; fi
            """)
        #expect(result.output == outcome)
    }
}
