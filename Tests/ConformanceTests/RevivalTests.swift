// SPDX-License-Identifier: MIT

import Foundation
import MountSupport
import PassthroughFS
import Testing

/// File handles of the mount, opened after the kernel has forgotten the inodes.
@Suite(.serialized, .enabled(if: Machine.mountsAreDue, "mounting takes root and /dev/fuse"), .timeLimit(.minutes(5)))
struct RevivalTests {
    @Test(arguments: PassthroughOptions.Cache.allCases)
    func `handles outlive what the kernel remembers`(_ cache: PassthroughOptions.Cache) throws {
        let place = try MirrorMount(cache: cache)
        defer { place.end() }
        try succeed("mkdir -p a/b/c; printf text > a/b/c/file; printf gone > a/gone; mkdir a/moved out", in: place.source)
        let names = ["a/b/c/file", "a/b/c", "a/gone", "a/moved"]
        let handles = try names.map { try run("--handle", "mirror/\($0)", in: place).output.trimmingCharacters(in: .newlines) }
        try forgetAll(place)
        // Natively: one is removed, one leaves the source.
        try succeed("rm source/a/gone; mv source/a/moved native/moved", in: place.root)

        let path = place.mirror + "/a/b/c"
        #expect(try run("--open-handle", "mirror", handles[1], in: place) == ShellResult(status: 0, output: path + "\n"))
        #expect(try run("--open-handle", "mirror", handles[0], in: place).output.hasSuffix(": text\n"))
        #expect(try run("--open-handle", "mirror", handles[2], in: place).output == "error \(ESTALE)\n")
        #expect(try run("--open-handle", "mirror", handles[3], in: place).output == "error \(ESTALE)\n")

        // By its handle and by its name it is one inode, and the handle is the same as ever.
        #expect(try run("--handle", "mirror/a/b/c/file", in: place).output.contains(handles[0]))
        try forgetAll(place)
        #expect(try run("--handle", "mirror/a/b/c/file", in: place).output.contains(handles[0]))
    }

    /// Has the kernel forget every inode of the mount: a remount drops what it knows of names.
    private func forgetAll(_ place: MirrorMount) throws {
        for _ in 0..<300 where place.mount.session.fileSystem.inodeCount > 0 { try succeed("mount -i -o remount,rw mirror; sleep 0.1", in: place.root) }
        #expect(place.mount.session.fileSystem.inodeCount == 0)
    }

    private func run(_ arguments: String..., in place: MirrorMount) throws -> ShellResult {
        let line = arguments.map { "'\($0)'" }.joined(separator: " ")
        return try shell("exec \"$PROGRAM\" \(line)", in: place.root, environment: ["PROGRAM": builtProgram("conformance")])
    }
}
