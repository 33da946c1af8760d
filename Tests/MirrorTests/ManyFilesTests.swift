// SPDX-License-Identifier: MIT

import Foundation
import MountSupport
import Testing

/// More files than descriptors, and other filesystems within the source: what only the command can show, in a process
/// with limits of its own.
@Suite(.serialized, .enabled(if: Machine.mountsAreDue, "mounting takes root and /dev/fuse"), .timeLimit(.minutes(10)))
struct ManyFilesTests {
    static let script = ReadmeTests.root.appendingPathComponent("Scripts/many-files").path

    @Test(arguments: [["FILES": "20000"], ["FILES": "3000", "PASSTHROUGH": "off", "CACHE": "none"]])
    func `more files known and open than descriptors`(_ settings: [String: String]) throws {
        try CommandTests.withDirectory { place in
            let result = try shell(
                "\(Self.script) \"$COMMAND\" .", in: place, seconds: 300,
                environment: settings.merging([
                    "COMMAND": CommandTests.command, "OPEN": "600", "LIMIT": "256", "FORGET": "mount -i -o remount,rw mirror",
                ]) { one, _ in one })
            #expect(result.status == 0, "\(result.output)")
            #expect(result.output.contains("descriptors that the server may have         256"))
            #expect(try !shell("cat /proc/mounts", in: "/").output.contains(place))
        }
    }

    /// A source with a tmpfs in it, and a bind mount.
    static let mountWithin = """
        trap 'umount -l mount source/other source/bind source/later 2>/dev/null || true' EXIT
        mkdir source/other source/bind source/later source/other/under
        mount -t tmpfs tmpfs source/other; mount --bind source/sub source/bind
        mkdir source/other/d; echo a > source/other/a; echo b > source/other/d/b; echo c > source/sub/c; ln source/other/a source/other/e

        """

    @Test func `other filesystems within the source are shown, with numbers of their own`() throws {
        try CommandTests.withDirectory { place in
            let script = Self.mountWithin + CommandTests.mounted(
                "--cache none --submounts cross source mount",
                then: """
                    (cd source; find . | sort) > expected; (cd mount; find . | sort) | diff expected -
                    cat mount/other/a mount/other/d/b mount/bind/c
                    find mount -path mount/bind -prune -o ! -name e -printf '%i\\n' | sort | uniq -d
                    [ $(stat -c %i mount/other/a) = $(stat -c %i mount/other/e) ] && stat -c %h mount/other/a
                    [ $(stat -c %i mount/file) = $(stat -c %i source/file) ] && [ $(stat -c %i mount/bind/c) = $(stat -c %i source/sub/c) ]
                    mount -t tmpfs tmpfs source/later; echo late > source/later/file; cat mount/later/file
                    mount -o remount,bind,ro source/bind; touch mount/bind/x 2>&1 || true; touch mount/sub/x
                    umount mount; wait $server; umount source/other; ls source/other
                    """)
            let result = try shell(script, in: place, environment: ["COMMAND": CommandTests.command])
            #expect(result.output == "a\nb\nc\n2\nlate\ntouch: cannot touch 'mount/bind/x': Read-only file system\nunder\n")
            #expect(result.status == 0)
        }
    }

    @Test func `other filesystems within the source can be left out`() throws {
        try CommandTests.withDirectory { place in
            let script = Self.mountWithin + CommandTests.mounted(
                "--submounts refuse source mount",
                then: """
                    ls mount/other; ls mount/bind; cat mount/sub/c
                    mount -t tmpfs tmpfs source/later; echo late > source/later/file; ls mount/later
                    echo new > mount/other/new
                    umount source/other; cat source/other/new
                    find mount -type f | sort
                    umount mount; wait $server
                    """)
            let result = try shell(script, in: place, environment: ["COMMAND": CommandTests.command])
            #expect(result.output == "under\nc\nnew\nmount/file\nmount/other/new\nmount/sub/c\n")
            #expect(result.status == 0)
        }
    }

    @Test func `numbers are the same after each mount, whichever filesystem is looked at first`() throws {
        try CommandTests.withDirectory { place in
            let look = { (order: String) in
                CommandTests.mounted(
                    "source mount", then: "for name in \(order); do echo $name $(stat -c %i mount/$name/f); done | sort > $output; umount mount; wait $server")
            }
            let script = """
                trap 'umount -l mount source/a source/b 2>/dev/null || true' EXIT
                for name in a b; do mkdir source/$name; mount -t tmpfs tmpfs source/$name; echo $name > source/$name/f; done
                output=one; \(look("a b"))
                output=other; \(look("b a"))
                cmp one other; cut -d ' ' -f 2 one | sort -u | wc -l
                """
            let result = try shell(script, in: place, environment: ["COMMAND": CommandTests.command])
            #expect(result.output == "2\n")
            #expect(result.status == 0)
        }
    }

    @Test(arguments: ["auto", "always", "none"]) func `files whose content is made when they are read`(_ cache: String) throws {
        try CommandTests.withDirectory { place in
            let script = CommandTests.mounted(
                "--cache \(cache) / mount",
                then: """
                    for file in proc/version proc/sys/kernel/ostype sys/kernel/mm/transparent_hugepage/enabled; do cmp /$file mount/$file; done
                    [ $(wc -l < mount/proc/meminfo) -gt 10 ]
                    # What a setting was before is not remembered.
                    one=$(cat mount/proc/uptime); sleep 0.1; [ "$one" != "$(cat mount/proc/uptime)" ] || echo stale
                    "$COMMAND" stats --json mount | grep -o '"fallbacks":[^]]*]'
                    umount mount; wait $server
                    """)
            let result = try shell(script, in: place, environment: ["COMMAND": CommandTests.command])
            #expect(result.output == "\"fallbacks\":[]\n")
            #expect(result.status == 0)
        }
    }

    /// The kernel asks the mirror for ACLs before it lets in who is not the owner.
    @Test func `a source whose filesystem has no ACLs is served`() throws {
        try CommandTests.withDirectory { place in
            let script =
                """
                trap 'umount -l mount source 2>/dev/null || true' EXIT
                mount -t ramfs ramfs source; chown 1000 source; echo content > source/file; mkdir -m 750 source/closed

                """
                + CommandTests.mounted(
                    "-o allow_other source mount",
                    then: """
                        user() { setpriv --reuid 1001 --regid 1001 --clear-groups "$@" 2>&1 || true; }
                        ls mount; cat mount/file; echo more >> mount/file; user cat mount/file; user ls mount/closed
                        umount mount; wait $server
                        """)
            let result = try shell(script, in: place, environment: ["COMMAND": CommandTests.command])
            #expect(
                result.output.hasSuffix(
                    "closed\nfile\ncontent\ncontent\nmore\nls: cannot open directory 'mount/closed': Permission denied\n"))
            #expect(result.status == 0)
        }
    }
}
