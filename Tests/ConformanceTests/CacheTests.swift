// SPDX-License-Identifier: MIT

import FUSE
import FUSEWire
import Foundation
import MountSupport
import PassthroughFS
import Testing

/// What others change in the source is seen when the cache mode says so.
@Suite(
    .serialized, .enabled(if: Machine.mountsAreDue, "mounting takes root and /dev/fuse"),
    .enabled(if: Machine.has("setfacl") && Machine.has("setfattr") || Machine.isContinuousIntegration, "acl or attr is not installed"),
    .timeLimit(.minutes(5)))
struct CacheTests {
    /// A change behind the mount: what is there first, how it is changed, and a command on the mirror that succeeds when it
    /// is seen.
    struct Change: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let before: String
        let change: String
        let seen: String

        init(_ name: String, before: String, change: String, seen: String) {
            testDescription = name
            self.before = before
            self.change = change
            self.seen = seen
        }

        static let all = [
            Change("longer content", before: "printf old > f", change: "printf newer > f", seen: "test \"$(cat f)\" = newer"),
            Change("content of the same length", before: "printf old > f", change: "printf new > f", seen: "test \"$(cat f)\" = new"),
            Change("a file put in its place", before: "printf old > f", change: "printf new > g && mv g f", seen: "test \"$(cat f)\" = new"),
            Change("appended", before: "printf old > f", change: "printf er >> f", seen: "test \"$(cat f)\" = older -a $(stat -c %s f) = 5"),
            Change("cut short", before: "printf older > f", change: "truncate -s 3 f", seen: "test \"$(cat f)\" = old"),
            Change("a new name", before: "true", change: "touch f", seen: "test -e f"),
            Change("a name gone", before: "touch f", change: "rm f", seen: "test ! -e f"),
            Change("a name moved", before: "touch f; mkdir d", change: "mv f d/f", seen: "test ! -e f -a -e d/f"),
            Change("mode", before: "touch f", change: "chmod 4751 f", seen: "test $(stat -c %a f) = 4751"),
            Change("owner", before: "touch f", change: "chown 4001:4002 f", seen: "test $(stat -c %u:%g f) = 4001:4002"),
            Change("times", before: "touch f", change: "touch -d @5.000000007 f", seen: "test \"$(stat -c %.9Y f)\" = 5.000000007"),
            Change("link count", before: "touch f", change: "ln f g", seen: "test $(stat -c %h f) = 2"),
            Change("another link", before: "ln -s old f", change: "ln -sfn new f", seen: "test $(readlink f) = new"),
            Change("a directory for a file", before: "touch f", change: "rm f && mkdir f && touch f/g", seen: "test -e f/g"),
            Change("entries of a directory", before: "mkdir d; touch d/f", change: "rm d/f; touch d/g d/h", seen: "test \"$(ls d | tr '\\n' ' ')\" = 'g h '"),
            Change("an attribute", before: "touch f; setfattr -n user.a -v old f", change: "setfattr -n user.a -v new f",
                seen: "test \"$(getfattr --only-values -n user.a f)\" = new"),
            Change("an ACL", before: "touch f; chmod 600 f", change: "setfacl -m u:4001:r f", seen: "setpriv --reuid 4001 --clear-groups cat f"),
        ]

        /// Changes, and waits: `tries` times at the most. What was there is looked at first, so that there is something
        /// to remember.
        func script(tries: Int) -> String {
            """
            chmod 755 .. . ../source
            (cd ../source; \(before))
            ls -l . > ../listing; ls d f >> ../listing 2>&1 || true; cat f >> ../listing 2>&1 || true; \(seen) 2> ../listing && exit 7
            (cd ../source; \(change))
            tries=0
            until \(seen) 2> ../listing; do
                tries=$((tries + 1)); test $tries -lt \(tries) || exit 8
                sleep 0.02
            done
            """
        }
    }

    @Test(arguments: Change.all, [SessionOptions.Passthrough.require, .off])
    func `none: at once`(_ change: Change, _ passthrough: SessionOptions.Passthrough) throws {
        let place = try MirrorMount(cache: .none, passthrough: passthrough)
        defer { place.end() }
        try succeed(change.script(tries: 1), in: place.mirror)
    }

    /// Within a second, and a test that waits much longer than that before it gives up.
    @Test(arguments: Change.all, [SessionOptions.Passthrough.require, .off])
    func `auto: soon`(_ change: Change, _ passthrough: SessionOptions.Passthrough) throws {
        let place = try MirrorMount(cache: .auto, passthrough: passthrough)
        defer { place.end() }
        try succeed(change.script(tries: 1500), in: place.mirror)
    }

    /// What is changed through the mount is seen at once, and what was asked once is not asked again.
    @Test(arguments: [SessionOptions.Passthrough.require, .off])
    func `always: only through the mount`(_ passthrough: SessionOptions.Passthrough) throws {
        let place = try MirrorMount(cache: .always, passthrough: passthrough)
        defer { place.end() }
        for change in Change.all where change.testDescription != "an ACL" {
            try succeed("rm -rf * && \(change.before); \(change.seen) 2> ../listing && exit 7; \(change.change); \(change.seen)", in: place.mirror)
        }
        try succeed("rm -rf * && mkdir d && printf text > d/f && ln -s f d/l && test \"$(cat d/l)\" = text && test ! -e d/none", in: place.mirror)
        let look = "stat d/f d/l d && cat d/f && readlink d/l && test ! -e d/none"
        let first = try succeed(look, in: place.mirror)
        // Unless the machine needs the memory just then.
        var isRemembered = false
        for _ in 0..<50 where !isRemembered {
            let before = [Opcode.lookup, .readlink, .read].map { place.requests($0) }
            #expect(try succeed(look, in: place.mirror) == first)
            isRemembered = [Opcode.lookup, .readlink, .read].map { place.requests($0) } == before
        }
        #expect(isRemembered)
        // And what is changed behind it is not: that is what this mode promises to those who never do.
        try succeed("printf other > source/d/g; test ! -e mirror/d/none; mv source/d/g source/d/none; test ! -e mirror/d/none", in: place.root)
    }

    /// Natively it is gone when another writes, also when it was set while the file was open already; the kernel need not
    /// have heard of it here.
    @Test(arguments: [PassthroughOptions.Cache.none, .auto], [SessionOptions.Passthrough.require, .off])
    func `a set-user-id bit that others set does not survive a write`(
        _ cache: PassthroughOptions.Cache, _ passthrough: SessionOptions.Passthrough
    ) throws {
        let place = try MirrorMount(cache: cache, passthrough: passthrough) { $0.suid = true }
        defer { place.end() }
        let script = """
            chmod 755 .. .; printf old > f; chmod 666 f; mkfifo ../go; chmod 666 ../go
            setpriv --reuid 4001 --regid 4001 --clear-groups sh -c 'exec 5<> f; printf one >&5; read line < ../go; printf two >&5' &
            # Opened for writing, so both have it open.
            exec 6> ../go
            (cd ../source; chmod 6777 f)
            echo >&6; wait $!
            cat f; (cd ../source; stat -c ' %a' f)
            # Root's writes leave it, by what root has opened.
            exec 7<> f; (cd ../source; chmod 4777 f); printf three >&7; (cd ../source; stat -c '%a' f)
            """
        #expect(try succeed(script, in: place.mirror) == "onetwo 777\n4777\n")
    }
}
