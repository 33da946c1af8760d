// SPDX-License-Identifier: MIT

import CLinux
@testable import FUSE
import Foundation
import Glibc
@testable import PassthroughFS
import SystemPackage
import Testing

private let isRoot = geteuid() == 0

@Suite struct AttributeTests {
    func change(_ mirror: Mirror, _ name: String, _ change: (inout AttributeChanges) -> Void) throws -> Attributes {
        var changes = AttributeChanges()
        change(&changes)
        return try mirror.fs.setattr(mirror.lookup(name).node, changes, handle: nil, for: Mirror.root).attributes
    }

    @Test func changesAreMadeAndShown() throws {
        let mirror = try Mirror()
        try mirror.write("file", "hello")
        let attributes = try change(mirror, "file") {
            $0.mode = FilePermissions(rawValue: 0o4711)
            $0.size = 2
            $0.accessed = .at(Timestamp(seconds: 100, nanoseconds: 7))
            $0.modified = .at(Timestamp(seconds: -5, nanoseconds: 9))
        }
        #expect(attributes == Attributes(mirror.status("file")))
        #expect(attributes.mode.permissions.rawValue == 0o4711)
        #expect(attributes.size == 2)
        #expect(attributes.accessed == Timestamp(seconds: 100, nanoseconds: 7))
        #expect(attributes.modified == Timestamp(seconds: -5, nanoseconds: 9))
        // One time alone leaves the other.
        let now = try change(mirror, "file") { $0.modified = .now }
        #expect(now.accessed == attributes.accessed)
        #expect(now.modified.seconds > 1_000_000_000)
        #expect(throws: Errno.invalidArgument) { _ = try change(mirror, "file") { $0.size = .max } }
        #expect(throws: Errno.isDirectory) {
            var changes = AttributeChanges()
            changes.size = 0
            _ = try mirror.fs.setattr(.root, changes, handle: nil, for: Mirror.root)
        }
    }

    @Test(.enabled(if: isRoot, "changing owners needs root"))
    func aSymbolicLinksOwnAttributesChange() throws {
        let mirror = try Mirror()
        try mirror.write("target")
        mirror.symlink("link", to: "target")
        let attributes = try change(mirror, "link") {
            $0.owner = UserID(rawValue: 77)
            $0.modified = .at(Timestamp(seconds: 100))
        }
        #expect(attributes.owner.rawValue == 77)
        #expect(attributes.modified.seconds == 100)
        #expect(mirror.status("target").st_uid == 0)
        #expect(mirror.status("target").st_mtim.tv_sec != 100)
    }

    @Test func privilegesGoWhenToldAndOnlyThose() throws {
        let mirror = try Mirror()
        // Set-group-id without execution for the group is no privilege.
        for (before, after): (UInt32, UInt32) in [(0o6775, 0o775), (0o6745, 0o2745), (0o2644, 0o2644), (0o4600, 0o600)] {
            try mirror.write("file")
            mirror.chmod("file", before)
            #expect(try change(mirror, "file") { $0.killPrivileges = true }.mode.permissions.rawValue == after)
        }
        mirror.mkdir("directory")
        mirror.chmod("directory", 0o2775)
        #expect(try change(mirror, "directory") { $0.killPrivileges = true }.mode.permissions.rawValue == 0o2775)
        mirror.chmod("file", 0o4755)
        let file = try mirror.open("file")
        _ = try mirror.write(file, "x")
        #expect(mirror.status("file").st_mode & 0o7777 == (isRoot ? 0o4755 : 0o755))
        _ = try mirror.write(file, "x", .killPrivileges)
        #expect(mirror.status("file").st_mode & 0o7777 == 0o755)
    }

    /// Natively a store through a mapping leaves them, and its being written back is no event of its own.
    @Test(.enabled(if: isRoot, "setting capabilities needs root"))
    func whatIsWrittenBackLeavesCapabilities() throws {
        let mirror = try Mirror(PassthroughOptions(passthrough: false))
        let capability: [UInt8] = [1, 0, 0, 2, 0, 0x20, 0, 0] + [UInt8](repeating: 0, count: 12)
        try mirror.write("file", String(repeating: "a", count: 10_000))
        let (reader, writer) = (try mirror.open("file", flags: O_RDWR), try mirror.open("file", flags: O_WRONLY))
        #expect(unsafe clinux_setxattr(mirror.path("file"), "security.capability", capability, capability.count, 0) == 0)
        // The kernel takes any file that is open for writing.
        for file in [reader, writer] {
            #expect(try mirror.write(file, at: 4090, "across two pages", .fromCache) == 16)
            #expect(mirror.xattrSize("security.capability", of: "file") == 20)
        }
        #expect(try mirror.read(reader, at: 4088, count: 20) == "aaacross two pagesaa")
        // Cut short by others meanwhile: as without capabilities, it grows again.
        #expect(unsafe truncate(mirror.path("file"), 3) == 0)
        #expect(try mirror.write(writer, at: 8192, "behind", .fromCache) == 6)
        #expect(mirror.status("file").st_size == 8198)
        #expect(unsafe clinux_setxattr(mirror.path("file"), "security.capability", capability, capability.count, 0) == 0)
        #expect(try mirror.write(writer, at: 0, "a write") == 7)
        #expect(mirror.xattrSize("security.capability", of: "file") < 0)
    }

    @Test func theCallOfAnotherThreadIsSeen() throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/bin/sleep")
        process.arguments = ["60"]
        try process.run()
        defer {
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
        // nanosleep and clock_nanosleep; fchown and fchownat.
        #if arch(x86_64)
            let (sleeping, owning) = ([35, 230], [93, 260])
        #else
            let (sleeping, owning) = ([101, 115], [55, 54])
        #endif
        // While it starts, it is in other calls.
        var call = SystemCall.current(of: process.processIdentifier)
        for _ in 0..<30_000 where !sleeping.contains(call ?? -1) {
            usleep(2000)
            call = SystemCall.current(of: process.processIdentifier)
        }
        #expect(call.map { sleeping.contains($0) } == true)
        #expect(call.map { SystemCall.changesOwner($0) } == false)
        for number in owning { #expect(SystemCall.changesOwner(number) == true) }
        #expect(SystemCall.changesOwner(16) == nil)
        #expect(SystemCall.current(of: 0) == nil)
        #expect(SystemCall.current(of: .max) == nil)
    }

    @Test func xattrsAreTheFilesOwn() throws {
        let mirror = try Mirror()
        try mirror.write("file")
        let node = try mirror.lookup("file").node
        func set(_ name: String, _ value: String, _ node: NodeID, _ options: XattrOptions = []) throws(Errno) {
            try withName(name) { name throws(Errno) in
                try unsafe mirror.fs.setxattr(name, of: node, to: value.utf8.span.bytes, options, for: Mirror.root)
            }
        }
        func get(_ name: String, _ node: NodeID, room: Int = 64) throws(Errno) -> (String, Int) {
            var size = 0
            let value = try filled(room) { output throws(Errno) in
                size = try withName(name) { name throws(Errno) in
                    try mirror.fs.getxattr(name, of: node, into: &output, for: Mirror.root)
                }
            }
            return (value, size)
        }
        try set("user.a", "value", node)
        #expect(try get("user.a", node) == ("value", 5))
        #expect(try get("user.a", node, room: 0) == ("", 5))
        #expect(throws: Errno.outOfRange) { _ = try get("user.a", node, room: 2) }
        #expect(throws: Errno.noData) { _ = try get("user.b", node) }
        #expect(throws: Errno.fileExists) { try set("user.a", "x", node, .create) }
        #expect(throws: Errno.noData) { try set("user.b", "x", node, .replace) }
        try set("user.empty", "", node)
        #expect(try get("user.empty", node) == ("", 0))
        let names = try filled(256) { output throws(Errno) in _ = try mirror.fs.listxattr(node, into: &output, for: Mirror.root) }
        #expect(Set(names.split(separator: "\0")) == ["user.a", "user.empty"])
        try withName("user.a") { name throws(Errno) in try mirror.fs.removexattr(name, of: node, for: Mirror.root) }
        #expect(throws: Errno.noData) { _ = try get("user.a", node) }

        // On a symbolic link and a fifo: as lsetxattr has it, never the target's.
        mirror.symlink("link", to: "file")
        mirror.mkfifo("fifo")
        for name in ["link", "fifo"] {
            let node = try mirror.lookup(name).node
            #expect(throws: Errno.notPermitted) { try set("user.a", "x", node) }
            if isRoot {
                try set("trusted.a", "own", node)
                #expect(try get("trusted.a", node) == ("own", 3))
            }
        }
        #expect(mirror.xattrSize("trusted.a", of: "file") == -1)
        if isRoot { #expect(mirror.xattrSize("trusted.a", of: "fifo") == 3) }
    }

    @Test func accessIsAskedAsTheCaller() throws {
        let mirror = try Mirror()
        try mirror.write("file")
        mirror.chmod("file", 0o600)
        let node = try mirror.lookup("file").node
        try mirror.fs.access(node, [.read, .write], for: Mirror.root)
        if isRoot {
            let user = Request(id: RequestID(rawValue: 4), caller: Caller(user: UserID(rawValue: 9), group: GroupID(rawValue: 9)))
            #expect(throws: Errno.permissionDenied) { try mirror.fs.access(node, .read, for: user) }
            try mirror.fs.access(node, [], for: user)
        }
    }

    @Test func statfsShowsTheSource() throws {
        let mirror = try Mirror()
        let shown = try mirror.fs.statfs(.root, for: Mirror.root)
        var source = statvfs()
        #expect(unsafe statvfs(mirror.source, &source) == 0)
        #expect(shown.blocks == UInt64(source.f_blocks))
        #expect(shown.fragmentSize == UInt32(source.f_frsize))
        #expect(shown.maximumNameLength == UInt32(source.f_namemax))
    }

    @Test func afterTheEndEverythingIsStale() throws {
        let mirror = try Mirror()
        try mirror.write("file")
        let file = try mirror.open("file")
        mirror.fs.stop()
        #expect(throws: Errno.badFileDescriptor) { _ = try mirror.read(file) }
        #expect(throws: Errno.staleNFSFileHandle) { _ = try mirror.fs.getattr(file.node, handle: nil, for: Mirror.root) }
        #expect(throws: Errno.staleNFSFileHandle) { _ = try mirror.lookup("file") }
    }
}

@Suite struct DirectoryTests {
    private func mirror(of count: Int) throws -> (Mirror, OpenFile) {
        let mirror = try Mirror()
        for index in 0..<count { try mirror.write("entry-\(index)") }
        let handle = try mirror.fs.opendir(.root, OpenRequest(flags: O_RDONLY), for: Mirror.root).handle
        return (mirror, OpenFile(node: .root, handle: handle))
    }

    private func all(_ read: (UInt64) throws -> [Listed]) throws -> [Listed] {
        var listed: [Listed] = []
        while true {
            let more = try read(listed.last?.next ?? 0)
            if more.isEmpty { return listed }
            listed += more
        }
    }

    @Test(arguments: [300, 1000, 4096, 65536]) func everyEntryComesOnceAtAnyReplySize(size: Int) throws {
        let (mirror, directory) = try mirror(of: 500)
        let expected = Set((0..<500).map { "entry-\($0)" } + [".", ".."])
        let plain = try all { try mirror.readdir(directory, from: $0, count: size) }
        #expect(plain.count == 502)
        #expect(Set(plain.map(\.name)) == expected)
        // From anywhere, in any order: what follows an entry always does.
        for index in [400, 3, 250] {
            #expect(try mirror.readdir(directory, from: plain[index].next, count: size).first == plain[index + 1])
        }
        let plus = try all { try mirror.readdirplus(directory, from: $0, count: size) }
        #expect(plus.map(\.name) == plain.map(\.name))
        for entry in plus {
            let isDots = entry.name == "." || entry.name == ".."
            #expect((entry.node == 0) == isDots)
            // Each reply counts one lookup, and what had no room none.
            if !isDots { #expect(mirror.fs.inodes.lookups(of: NodeID(rawValue: entry.node)) == 1) }
        }
        #expect(mirror.fs.inodes.count == 500)
        mirror.fs.releasedir(directory, for: Mirror.root)
        #expect(throws: Errno.badFileDescriptor) { _ = try mirror.readdir(directory, from: 0, count: 4096) }
    }

    @Test func aListingFromTheStartIsFresh() throws {
        let (mirror, directory) = try mirror(of: 1)
        #expect(try all { try mirror.readdir(directory, from: $0, count: 4096) }.count == 3)
        try mirror.write("another")
        #expect(try all { try mirror.readdir(directory, from: $0, count: 4096) }.count == 4)
        try mirror.fs.fsyncdir(directory, dataOnly: false, for: Mirror.root)
    }

    @Test func aPositionInUseByAnotherThreadIsNoObstacle() throws {
        let (mirror, directory) = try mirror(of: 50)
        let open = try mirror.fs.openFiles.pin(directory.handle, .directory)
        let position = mirror.fs.openFiles.takePosition(of: open)
        #expect(try all { try mirror.readdir(directory, from: $0, count: 1000) }.count == 52)
        mirror.fs.openFiles.returnPosition(try #require(position), of: open)
    }

    @Test func aWrongPlaceIsAnErrorAndNoTrap() throws {
        let (mirror, directory) = try mirror(of: 3)
        #expect(throws: Errno.invalidArgument) { _ = try mirror.readdir(directory, from: .max, count: 4096) }
        #expect(throws: Errno.notDirectory) {
            _ = try mirror.fs.opendir(mirror.lookup("entry-0").node, OpenRequest(flags: O_RDONLY), for: Mirror.root)
        }
    }
}
