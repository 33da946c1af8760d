// SPDX-License-Identifier: MIT

import FUSE
import Foundation
import MountSupport
import PassthroughFS
import Testing

/// What the source is mounted with rules out the same through a mirror of it as through a bind mount of it, whatever the
/// mirror's own options say; and so does what is mounted within the source.
@Suite(
    .serialized, .enabled(if: Machine.mountsAreDue, "mounting takes root and /dev/fuse"),
    .enabled(if: Machine.has("setcap") && Machine.has("getfattr") || Machine.isContinuousIntegration, "libcap2-bin or attr is not installed"),
    .timeLimit(.minutes(10)))
struct RestrictionTests {
    /// A word of mount(8), and what it rules out of ``look``.
    struct Flag: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let outcome: String

        init(
            _ word: String, user: String = "0", group: String = "0", capabilities: String = "2000", device: String = "opened",
            ran: Bool = true, link: String = "followed"
        ) {
            testDescription = word
            outcome = """
                user: \(ran ? user : "refused")
                group: \(ran ? group : "refused")
                capabilities: \(ran ? capabilities : "refused")
                character device: \(device)
                block device: \(device)
                program: \(ran ? "ran" : "refused")
                script: \(ran ? "ran" : "refused")
                link: \(link)

                """
        }

        static let all = [
            Flag("async"), Flag("nosuid", user: "4001", group: "4001", capabilities: "0"), Flag("nodev", device: "refused"),
            Flag("noexec", ran: false), Flag("nosymfollow", link: "refused"),
        ]
    }

    /// Makes the things to be tried in a directory. (Mounts are named by full paths: mount(8) also finds others' by the name of their
    /// source.)
    static let things = """
        make() {
            cp /usr/bin/id $1/user; chmod 4755 $1/user; cp /usr/bin/id $1/group; chmod 2755 $1/group
            cp /bin/grep $1/capabilities; setcap cap_net_raw+ep $1/capabilities
            mknod $1/character c 1 3; mknod $1/block b 7 $(losetup -f | tr -dc 0-9); cp /bin/true $1/program
            printf '#!/bin/sh\\necho ran\\n' > $1/script; chmod 755 $1/script; echo followed > $1/file; ln -s file $1/link
        }
        chmod 755 . source native

        """

    /// What comes of them in the working directory, for another user where that makes the difference.
    static let look = """
        as() { setpriv --reuid 4001 --regid 4001 --clear-groups "$@" 2> /dev/null || echo refused; }
        look() {
            echo "user: $(as ./user -u)"
            echo "group: $(as ./group -g)"
            caps=$(as ./capabilities CapEff: /proc/self/status | sed 's/.*[[:space:]]0*//')
            echo "capabilities: ${caps:-0}"
            for kind in character block; do
                # Without waiting for a device, and without asking it for anything.
                if dd if=$kind of=/dev/null count=0 status=none 2> /dev/null; then echo "$kind device: opened"; else echo "$kind device: refused"; fi
            done
            if ./program 2> /dev/null; then echo "program: ran"; else echo "program: refused"; fi
            echo "script: $(./script 2> /dev/null || echo refused)"
            echo "link: $(cat link 2> /dev/null || echo refused)"
        }

        """

    /// Where in a source the things are.
    struct Place: CustomTestStringConvertible, Sendable {
        let testDescription: String
        /// Makes the source what it is to be.
        var before = "mount -t tmpfs tmpfs $PWD/source"
        /// Puts a mount with the flag `$flag` at `source/$flag`, and the things in it.
        let mount: String
        /// It is mounted when the mirror is there already.
        var isLate = false
        var passthrough = SessionOptions.Passthrough.require

        static let all = [
            Place(testDescription: "another filesystem", mount: "mount -t tmpfs -o $flag tmpfs $PWD/source/$flag; make source/$flag"),
            Place(
                testDescription: "another filesystem, mounted late", mount: "mount -t tmpfs -o $flag tmpfs $PWD/source/$flag; make source/$flag",
                isLate: true),
            Place(
                testDescription: "a bind mount of the same filesystem",
                mount: "mkdir -p source/all; [ -e source/all/user ] || make source/all; bind source/all source/$flag"),
            Place(
                testDescription: "without handles", mount: "layer layers-$flag; overlay layers-$flag source/$flag -o $flag; make source/$flag"),
            Place(
                testDescription: "a bind mount within a source without handles", before: "mount -t tmpfs tmpfs $PWD/native; layer native/layers; overlay native/layers source",
                mount: "mkdir -p source/all; [ -e source/all/user ] || make source/all; bind source/all source/$flag", passthrough: .off),
        ]

        /// A layer is on a filesystem of its own: others have no handles, or are an overlayfs themselves.
        static let tools = """
            layer() { mkdir $1; mount -t tmpfs tmpfs $PWD/$1; mkdir $1/lower $1/upper $1/work; }
            overlay() { layer=$1; shift; mount -t overlay -o lowerdir=$layer/lower,upperdir=$layer/upper,workdir=$layer/work overlay $PWD/"$@"; }
            bind() { mount --bind $PWD/$1 $PWD/$2; mount -o remount,bind,$flag $PWD/$2; }

            """

        var script: String {
            RestrictionTests.things + Place.tools + "for flag in \(Flag.all.map(\.testDescription).joined(separator: " ")); do mkdir -p source/$flag; \(mount); done"
        }
    }

    @Test(arguments: Flag.all, PassthroughOptions.Cache.allCases)
    func `as the source is mounted`(_ flag: Flag, _ cache: PassthroughOptions.Cache) throws {
        let place = try MirrorMount(
            cache: cache, prepare: "mount -t tmpfs -o \(flag.testDescription) tmpfs $PWD/source\n" + Self.things + "make source; mount --bind $PWD/source $PWD/native"
        ) {
            $0.suid = true
            $0.dev = true
        }
        defer { place.end() }
        #expect(try succeed(Self.look + "cd native; look", in: place.root) == flag.outcome)
        #expect(try succeed(Self.look + "cd mirror; look; ls -l > /dev/null", in: place.root) == flag.outcome)
        // The kernel has looked at all of it by now.
        #expect(try succeed(Self.look + "cd mirror; look", in: place.root) == flag.outcome)
        // What nobody had seen before.
        #expect(try succeed("mkdir mirror/new\n" + Self.things + "make mirror/new\n" + Self.look + "cd mirror/new; look", in: place.root) == flag.outcome)
        let options = try succeed("findmnt -no OPTIONS mirror", in: place.root).split(separator: ",")
        #expect(flag.testDescription == "async" || options.contains { $0 == flag.testDescription })
        #expect(place.mount.session.fileSystem.mountRestrictions.words == [flag.testDescription].filter { $0 != "async" })
    }

    @Test(arguments: Place.all, PassthroughOptions.Cache.allCases)
    func `as what is within the source is mounted`(_ where: Place, _ cache: PassthroughOptions.Cache) throws {
        let place = try MirrorMount(
            cache: cache, passthrough: `where`.passthrough,
            prepare: Place.tools + `where`.before + "\n" + (`where`.isLate ? Self.things : `where`.script)
        ) {
            $0.suid = true
            $0.dev = true
        }
        defer { place.end() }
        if `where`.isLate { try succeed(`where`.script, in: place.root) }
        #expect(place.mount.session.fileSystem.mountRestrictions.isEmpty)
        for flag in Flag.all {
            for (tree, before) in [("source", ""), ("mirror", ""), ("mirror", "ls -l > /dev/null 2>&1 || true;")] {
                let outcome = try succeed(Self.look + "cd \(tree)/\(flag); \(before) look", in: place.root)
                #expect(outcome == flag.outcome, "\(tree)/\(flag)")
            }
            // What nobody had seen before.
            let made = try succeed(Self.things + "mkdir mirror/\(flag)/\(flag); make mirror/\(flag)/\(flag)\n" + Self.look + "cd mirror/\(flag)/\(flag); look", in: place.root)
            #expect(made == flag.outcome, "\(flag)")
        }
    }

    /// Below a mount that rules out more: what is hidden, and that nothing else is.
    @Test(arguments: PassthroughOptions.Cache.allCases)
    func `what does not show is what would count`(_ cache: PassthroughOptions.Cache) throws {
        let place = try MirrorMount(
            cache: cache,
            prepare: """
                mount -t tmpfs tmpfs $PWD/source; mkdir source/sub; mount -t tmpfs -o nosuid,nodev,noexec tmpfs $PWD/source/sub; cd source/sub
                touch both onlygroup mark capable; chmod 6755 both; chmod 2755 onlygroup; chmod 2745 mark; mkdir folder; chmod 6777 folder
                setcap cap_net_raw+ep capable; setfattr -n user.a -v 1 capable; mkfifo fifo; chmod 6777 fifo
                mknod character c 1 3; mknod block b 7 0; mknod removed c 0 0
                """
        ) {
            $0.suid = true
            $0.dev = true
        }
        defer { place.end() }
        let look = """
            for pass in 1 2; do
                stat -c '%n %a' both onlygroup mark folder fifo; stat -c '%n %t:%T' character block removed
                # By a listing that looks up as it goes, too.
                ls -l > /dev/null
            done
            getfattr -m - capable; getcap capable; ls -A | wc -w

            """
        let shown = """
            both 755
            onlygroup 755
            mark 2745
            folder 6777
            fifo 6777
            character 0:1
            block 0:1
            removed 0:0

            """
        #expect(try succeed(look, in: place.mirror + "/sub") == shown + shown + "# file: capable\nuser.a\n\n9\n")
        // The same by another name, and by a name that is given through the mount.
        #expect(try succeed("ln both link; mv mark moved; stat -c '%n %a %h' both link moved", in: place.mirror + "/sub") == "both 755 2\nlink 755 2\nmoved 2745 1\n")
        // An access that asks for what is not there.
        #expect(try shell("getfattr -n security.capability capable", in: place.mirror + "/sub").output == "capable: security.capability: No such attribute\n")
        // Nothing of it is gone.
        #expect(
            try succeed("stat -c '%n %a' both onlygroup; stat -c '%n %t:%T' character; getcap capable", in: place.source + "/sub")
                == "both 6755\nonlygroup 2755\ncharacter 1:3\ncapable cap_net_raw=ep\n")
    }

    /// Who changes a mode without seeing all of it: what is hidden stays, as long as it stays hidden.
    @Test(arguments: [
        ("6755", "chmod g+w,o-rx f", "770", "6770"), ("4755", "chmod u+s f", "755", "4755"), ("755", "chmod 6711 f", "711", "6711"),
        ("4755", "chmod 755 f", "755", "4755"), ("2755", "chmod g-x f", "745", "745"), ("6755", "chmod g-x f", "745", "4745"),
        ("2745", "chmod g-s f", "745", "745"), ("6755", "chown 4001 f", "755", "755"),
        ("6777", "setpriv --reuid 4001 --clear-groups sh -c 'echo more >> f'", "777", "777"),
        ("6777", "echo more >> f", "777", "6777"), ("4755", "touch f; truncate -s 3 f", "755", "4755"),
    ]) func `modes that are changed by those who do not see all`(_ before: String, _ change: String, _ shown: String, _ now: String) throws {
        let place = try MirrorMount(
            prepare: "chmod 755 . source; mount -t tmpfs tmpfs $PWD/source; mkdir source/sub; mount -t tmpfs -o nosuid tmpfs $PWD/source/sub; echo text > source/sub/f; chmod \(before) source/sub/f"
        ) { $0.suid = true }
        defer { place.end() }
        #expect(try succeed("stat -c %a f > /dev/null; \(change); stat -c %a f", in: place.mirror + "/sub") == shown + "\n")
        #expect(try succeed("stat -c %a f", in: place.source + "/sub") == now + "\n")
    }
}

extension RestrictionTests.Flag: CustomStringConvertible {
    var description: String { testDescription }
}
