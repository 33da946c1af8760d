// SPDX-License-Identifier: MIT

import FUSE
import Foundation
import MountSupport
import PassthroughFS
import Testing

/// What binds a user natively binds the user on a mirror: here the blocks that ext4 keeps for root.
@Suite(
    .serialized, .enabled(if: Machine.mountsAreDue, "mounting takes root and /dev/fuse"),
    .enabled(if: Machine.has("mkfs.ext4") || Machine.isContinuousIntegration, "mkfs.ext4 is not installed"), .timeLimit(.minutes(10)))
struct LimitTests {
    typealias Manner = ConformanceTests.Manner

    /// A filesystem with a reserve, mounted within the source; and how it is filled until nothing else is left.
    private static let prepare = """
        truncate -s 64M image; mkfs.ext4 -q -F -m 20 image; mkdir source/full; mount -o loop image source/full
        mkdir source/full/native source/full/mirrored; chmod 1777 source/full
        """
    private static let fill = """
        # Block by block, to the last one: what goes back later is used up, too.
        for i in 1 2 3; do
            setpriv --reuid 65533 --regid 65533 --clear-groups \
                dd if=/dev/zero of=source/full/fill bs=1k oflag=append conv=notrunc 2> dd || true
            sync -f source/full
        done
        test "$(stat -f -c %a source/full)" -lt 16 && test "$(stat -f -c %f source/full)" -gt 8000
        """

    private static let manners =
        PassthroughOptions.Cache.allCases.flatMap { cache in
            [SessionOptions.Passthrough.require, .off].map { Manner(cache: cache, passthrough: $0, appends: .kernel) }
        } + [Manner(cache: .auto, passthrough: .require, appends: .daemon)]

    @Test(arguments: manners) func `what is kept for root is root's`(_ manner: Manner) throws {
        let place = try manner.mount()
        defer { place.end() }
        // Lazily: registered files may keep it busy for some seconds more. The image goes with them.
        defer { _ = try? shell("umount -l source/full", in: place.root) }
        try succeed(Self.prepare, in: place.root)
        let rows = { (directory: String) throws -> [String] in
            try succeed(Self.fill, in: place.root)
            let result = try shell(
                "exec \"$PROGRAM\" --limits \(directory)", in: place.root, environment: ["PROGRAM": builtProgram("conformance")])
            #expect(result.status == 0, "\(result.output)")
            return result.output.split(separator: "\n").map { String($0) }
        }
        let native = try rows("source/full/native")
        let mirrored = try rows("mirror/full/mirrored")
        #expect(native.count > 60)
        #expect(native.allSatisfy { $0.hasSuffix($0.hasPrefix("root") ? "\tall" : "\tless") }, "\(native)")
        #expect(mirrored == native)
        // Data that the mirror passes on went that way.
        #expect((place.mount.statistics.passthroughOpens > 0) == (manner.passthrough == .require))
    }

    /// Whose limits hold is decided when the file is opened: a descriptor that root hands on has root's.
    @Test(arguments: [(SessionOptions.Passthrough.require, true), (.off, false)])
    func `what root has opened`(_ passthrough: SessionOptions.Passthrough, isRoots: Bool) throws {
        let place = try MirrorMount(passthrough: passthrough)
        defer { place.end() }
        defer { _ = try? shell("umount -l source/full", in: place.root) }
        try succeed(Self.prepare, in: place.root)
        try succeed(Self.fill, in: place.root)
        let user = "setpriv --reuid 65533 --regid 65533 --clear-groups"
        let copy = "\(user) dd if=/dev/zero bs=64k count=4 conv=notrunc"
        // Natively, and through the process of the mirror, the writer counts.
        #expect(try shell("\(copy) > source/full/native/f 2> dd && exit 9; exit 3", in: place.root).status == 3)
        let outcome = try shell("\(copy) > mirror/full/mirrored/f 2> dd && exit 9; exit 3", in: place.root)
        #expect(outcome.status == (isRoots ? 9 : 3))
    }

    /// Through a mount that shows the user's id as another.
    @Test(arguments: [SessionOptions.Passthrough.require, .off])
    func `through other ids`(_ passthrough: SessionOptions.Passthrough) throws {
        let table = "exec \"$PROGRAM\" --limits mapped/$NAME 75533"
        let (native, mirrored) = try Self.mapped(passthrough, "0 0 1,65533 75533 1", table)
        #expect(native.split(separator: "\n").count > 60)
        #expect(native.split(separator: "\n").allSatisfy { $0.hasSuffix($0.hasPrefix("root") ? "\tall" : "\tless") }, "\(native)")
        #expect(mirrored == native)
    }

    /// A user whose things are root's in the source, as a container's root, is not given what is kept for root.
    @Test(arguments: [SessionOptions.Passthrough.require, .off])
    func `as root in the source alone`(_ passthrough: SessionOptions.Passthrough) throws {
        let script = """
            cd mapped/$NAME; exec setpriv --reuid 75533 --regid 75533 --clear-groups sh -c '
            for i in $(seq 20); do mkdir d$i && touch d$i/f && echo directory; done
            for i in $(seq 20); do ln -s $(head -c 200 /dev/zero | tr "\\0" x) s$i && echo link; done
            for i in $(seq 300); do touch $(head -c 200 /dev/zero | tr "\\0" y)$i || { echo no file; break; }; done
            dd if=/dev/zero of=new bs=128k count=1 || echo no new file
            dd if=/dev/zero of=old bs=128k count=1 conv=notrunc || echo no old file
            fallocate -l 128k old || echo no blocks
            rm -rf d* s* y* new' 2> /dev/null
            """
        let (native, mirrored) = try Self.mapped(passthrough, "0 75533 1", script)
        #expect(native == "no file\nno new file\nno old file\nno blocks\n")
        #expect(mirrored == native)
    }

    /// What a script prints that works in `mapped/$NAME`: natively and on a mirror.
    private static func mapped(
        _ passthrough: SessionOptions.Passthrough, _ map: String, _ script: String
    ) throws -> (native: String, mirrored: String) {
        let place = try Manner(cache: .auto, passthrough: passthrough, appends: .kernel, idMapped: true).mount()
        defer { place.end() }
        defer { _ = try? shell("umount -l source/full", in: place.root) }
        try succeed(prepare + "; mkdir mapped; for name in native mirrored; do : > source/full/$name/old; done; chmod -R a+rwX source/full", in: place.root)
        let run = { (directory: String, name: String) throws -> String in
            try succeed(fill, in: place.root)
            try place.mapIDs(directory, at: "mapped", map)
            defer { _ = try? shell("umount mapped", in: place.root) }
            let result = try shell(script, in: place.root, environment: ["PROGRAM": builtProgram("conformance"), "NAME": name])
            #expect(result.status == 0, "\(result.output)")
            return result.output
        }
        return (try run("source/full", "native"), try run("mirror/full", "mirrored"))
    }

    /// A registration is kept after the last close, and made anew for an opener of the other kind.
    @Test func `one after the other`() throws {
        let place = try MirrorMount(cache: .none)
        defer { place.end() }
        defer { _ = try? shell("umount -l source/full", in: place.root) }
        try succeed(Self.prepare, in: place.root)
        try succeed(Self.fill, in: place.root)
        try succeed("touch mirror/full/mirrored/f; chmod 666 mirror/full/mirrored/f", in: place.root)
        let write = "dd if=/dev/zero of=mirror/full/mirrored/f bs=64k count=4 conv=notrunc 2> dd && exit 9; exit 3"
        let before = place.mount.statistics.registrations
        let user = "setpriv --reuid 65533 --regid 65533 --clear-groups "
        for (round, who) in ["", user, "", user].enumerated() {
            try succeed("truncate -s 0 mirror/full/mirrored/f; sync -f source/full", in: place.root)
            let outcome = try shell(who + write, in: place.root)
            #expect(outcome.status == (who.isEmpty ? 9 : 3), "\(round) \(outcome.output)")
        }
        #expect(place.mount.statistics.registrations >= before + 3)
        #expect((place.requests(.read), place.requests(.write)) == (0, 0))
    }
}
