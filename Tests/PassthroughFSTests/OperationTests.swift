// SPDX-License-Identifier: MIT

import CLinux
@testable import FUSE
import Foundation
import Glibc
@testable import PassthroughFS
import SystemPackage
import Testing

private let isRoot = geteuid() == 0
private let user = Request(
    id: RequestID(rawValue: 4), caller: Caller(user: UserID(rawValue: 1234), group: GroupID(rawValue: 2345)))

@Suite struct SourceTests {
    @Test func errorsNameTheSourceTheCauseAndTheRemedy() throws {
        let mirror = try Mirror()
        try mirror.write("file")
        func description(_ path: String) -> String? {
            do throws(SourceError) {
                _ = try PassthroughFS(source: FilePath(path))
                return nil
            } catch { return error.description }
        }
        let file = mirror.path("file"), missing = mirror.path("missing")
        #expect(description(file) == "\(file): not a directory (source must be one)")
        #expect(description(missing) == "\(missing): no such directory (create it, or name one that exists)")
        #expect(
            SourceError(source: SourceError.processes, cause: .noSuchFileOrDirectory).description == "/proc: not mounted (mount -t proc proc /proc)")
        #expect(
            SourceError(source: "/srv/data", cause: .permissionDenied).description
                == "/srv/data: permission denied (run as root, or as a user who may search it)")
    }

    @Test func anOpenDirectoryIsASourceToo() throws {
        let mirror = try Mirror()
        try mirror.write("file", "abc")
        let directory = FileDescriptor(rawValue: unsafe open(mirror.source, O_RDONLY | O_DIRECTORY))
        let fs = try PassthroughFS(source: directory)
        #expect(isOpen(directory))
        close(directory.rawValue)
        let entry = try withName("file") { name throws(Errno) in try fs.lookup(name, in: .root, for: Mirror.root) }
        #expect(entry.attributes.size == 3)
        fs.stop()
    }
}

@Suite struct NameTests {
    @Test func aLookupShowsWhatTheSourceShows() throws {
        let mirror = try Mirror()
        try mirror.write("file", "hello")
        let entry = try mirror.lookup("file")
        let status = mirror.status("file")
        #expect(entry.attributes == Attributes(status))
        #expect(entry.attributes.size == 5)
        #expect(try mirror.fs.getattr(entry.node, handle: nil, for: Mirror.root).attributes == Attributes(status))
        #expect(try mirror.lookup("file").node == entry.node)
    }

    @Test func whatIsMissingIsRememberedExceptWithoutCache() throws {
        for cache in PassthroughOptions.Cache.allCases {
            let mirror = try Mirror(PassthroughOptions(cache: cache))
            if cache == .none {
                #expect(throws: Errno.noSuchFileOrDirectory) { _ = try mirror.lookup("missing") }
            } else {
                #expect(try mirror.lookup("missing") == .absent(for: cache == .auto ? .seconds(1) : .forever))
            }
        }
    }

    @Test func aSymbolicLinkIsNeverFollowed() throws {
        let mirror = try Mirror()
        mirror.symlink("link", to: "/etc/passwd")
        let link = try mirror.lookup("link")
        #expect(link.attributes.mode.type == .symbolicLink)
        let target = try filled(4096) { output throws(Errno) in try mirror.fs.readlink(link.node, into: &output, for: Mirror.root) }
        #expect(target == "/etc/passwd")
        #expect(throws: Errno.tooManySymbolicLinkLevels) { _ = try mirror.open("link", flags: O_RDONLY) }
        #expect(throws: Errno.notDirectory) { _ = try mirror.lookup("x", in: link.node) }
        // A hard link of it is one of the link itself.
        let hard = try withName("hard") { name throws(Errno) in
            try mirror.fs.link(link.node, to: name, in: .root, for: Mirror.root)
        }
        #expect(hard.node == link.node)
        #expect(hard.attributes.linkCount == 2)
        #expect(mirror.status("hard").st_ino == mirror.status("link").st_ino)
        #expect(mirror.fs.inodes.lookups(of: link.node) == 3)
    }

    @Test(.enabled(if: isRoot, "making files as another user needs root"))
    func whatAUserMakesIsTheUsers() throws {
        let mirror = try Mirror()
        _ = try mirror.create("file", as: user)
        try withName("directory") { name throws(Errno) in
            _ = try mirror.fs.mkdir(name, in: .root, NewFile(mode: FileMode(rawValue: S_IFDIR | 0o755)), for: user)
        }
        try withName("fifo") { name throws(Errno) in
            _ = try mirror.fs.mknod(name, in: .root, NewFile(mode: FileMode(rawValue: S_IFIFO | 0o600)), for: user)
        }
        try withName("link") { name throws(Errno) in
            try withName("anywhere") { target throws(Errno) in
                _ = try mirror.fs.symlink(name, in: .root, target: target, for: user)
            }
        }
        for name in ["file", "directory", "fifo", "link"] {
            #expect(mirror.status(name).st_uid == 1234, "\(name)")
            #expect(mirror.status(name).st_gid == 2345, "\(name)")
        }
        // On failure too, the thread is the daemon's again.
        #expect(throws: Errno.fileExists) { _ = try mirror.create("file", flags: O_RDWR | O_EXCL, as: user) }
        _ = try mirror.create("mine")
        #expect(mirror.status("mine").st_uid == 0)
        #expect(mirror.status("mine").st_gid == getegid())
        mirror.chmod("directory", 0o700)
        #expect(try mirror.lookup("missing", in: mirror.lookup("directory").node).node == 0)
    }

    @Test(.enabled(if: isRoot, "making files as another user needs root"))
    func theSupplementaryGroupThatTheKernelToldIsUsedAndGivenBack() throws {
        let mirror = try Mirror()
        mirror.chown("", 0, 777)
        mirror.chmod("", 0o2770)
        let member = Request(
            id: RequestID(rawValue: 6),
            caller: Caller(user: UserID(rawValue: 1234), group: GroupID(rawValue: 2345), supplementaryGroup: GroupID(rawValue: 777)))
        _ = try mirror.create("file", as: member)
        #expect(mirror.status("file").st_uid == 1234)
        #expect(mirror.status("file").st_gid == 777)
        // The kernel has let this one through, by a group that it does not tell: it is made all the same, and is the caller's.
        _ = try mirror.create("other", as: user)
        #expect(mirror.status("other").st_uid == 1234)
        #expect(mirror.status("other").st_gid == 777)
        // An id that is none must not create as root.
        let nobody = Request(id: RequestID(rawValue: 8), caller: Caller(user: UserID(rawValue: .max), group: GroupID(rawValue: 5)))
        #expect(throws: Errno.notPermitted) { _ = try mirror.create("another", as: nobody) }
        _ = try mirror.create("mine")
        #expect(mirror.status("mine").st_uid == 0)
    }

    @Test func renamingTakesAllFlagsAndRemovingWorks() throws {
        let mirror = try Mirror()
        try mirror.write("a", "A")
        try mirror.write("b", "B")
        func rename(_ from: String, _ to: String, _ flags: RenameFlags) throws(Errno) {
            try withName(from) { from throws(Errno) in
                try withName(to) { to throws(Errno) in
                    try mirror.fs.rename(from, in: .root, to: to, in: .root, flags: flags, for: Mirror.root)
                }
            }
        }
        #expect(throws: Errno.fileExists) { try rename("a", "b", .noReplace) }
        try rename("a", "b", .exchange)
        #expect(try mirror.text("a") == "B")
        #expect(throws: Errno.invalidArgument) { try rename("a", "b", RenameFlags(rawValue: 1 << 20)) }
        try rename("a", "b", [])
        #expect(try mirror.text("b") == "B")
        try withName("b") { name throws(Errno) in
            try mirror.fs.unlink(name, in: .root, for: Mirror.root)
        }
        #expect(throws: Errno.noSuchFileOrDirectory) {
            try withName("b") { name throws(Errno) in try mirror.fs.rmdir(name, in: .root, for: Mirror.root) }
        }
    }
}

@Suite struct OpenTests {
    @Test func dataGoThroughTheDaemonAtAnyOffset() throws {
        let mirror = try Mirror(PassthroughOptions(passthrough: false))
        let created = try mirror.create("file")
        let file = OpenFile(node: created.entry.node, handle: created.opened.handle)
        #expect(try mirror.write(file, "hello") == 5)
        #expect(try mirror.write(file, at: 10, "world") == 5)
        #expect(try mirror.read(file) == "hello\0\0\0\0\0world")
        #expect(try mirror.read(file, at: 12) == "rld")
        #expect(try mirror.read(file, at: 100) == "")
        #expect(throws: Errno.invalidArgument) { _ = try mirror.read(file, at: .max) }
        #expect(throws: Errno.invalidArgument) { _ = try mirror.write(file, at: 1 << 63, "x") }
        try mirror.fs.fallocate(file, mode: 0, offset: 0, length: 4096, for: Mirror.root)
        #expect(mirror.status("file").st_size == 4096)
        try mirror.fs.flush(file, owner: LockOwner(rawValue: 1), for: Mirror.root)
        try mirror.fs.fsync(file, dataOnly: true, for: Mirror.root)
        #expect(try mirror.fs.lseek(file, offset: 0, whence: 4, for: Mirror.root) <= 4096)
        #expect(throws: Errno.invalidArgument) { _ = try mirror.fs.lseek(file, offset: 0, whence: 0, for: Mirror.root) }
        let copy = try mirror.create("copy")
        let target = OpenFile(node: copy.entry.node, handle: copy.opened.handle)
        #expect(
            try mirror.fs.copyFileRange(from: file, at: 10, to: target, at: 0, length: 5, flags: 0, for: Mirror.root) == 5)
        #expect(try mirror.text("copy") == "world")
        mirror.fs.release(file, for: Mirror.root)
        #expect(throws: Errno.badFileDescriptor) { _ = try mirror.read(file) }
    }

    @Test func howAnOpenGoesFollowsFromTheOptions() throws {
        for cache in PassthroughOptions.Cache.allCases {
            for passthrough in [true, false] {
                let mirror = try Mirror(PassthroughOptions(cache: cache, passthrough: passthrough))
                try mirror.write("file")
                let node = try mirror.lookup("file").node
                let opened = try mirror.fs.open(node, OpenRequest(flags: O_RDWR), for: Mirror.root)
                switch opened.io.mode {
                case .passthrough:
                    #expect(passthrough)
                    let named = opened.io.descriptor
                    let descriptor = try #require(named)
                    // For the name alone: a writable one, kept by the kernel, would be in others' way.
                    #expect(fcntl(descriptor.rawValue, F_GETFL) & 0o10000000 != 0)
                case .cached: #expect(!passthrough && cache == .auto)
                case .keepingCache: #expect(!passthrough && cache == .always)
                case .direct: #expect(!passthrough && cache == .none)
                case .passthroughDirect: Issue.record("it does not append")
                }
            }
        }
    }

    @Test(arguments: PassthroughOptions.Appends.allCases)
    func whoAppendsFollowsFromTheOptions(_ appends: PassthroughOptions.Appends) throws {
        let mirror = try Mirror(PassthroughOptions(appends: appends))
        try mirror.write("file")
        let node = try mirror.lookup("file").node
        for flags in [O_RDONLY, O_WRONLY, O_RDWR] {
            let opened = try mirror.fs.open(node, OpenRequest(flags: flags | O_APPEND), for: Mirror.root)
            switch opened.io.mode {
            case .passthroughDirect: #expect(appends == .daemon)
            case .passthrough: #expect(appends == .kernel || flags == O_RDONLY)
            default: Issue.record("\(opened.io.mode)")
            }
        }
    }

    /// Where set-group-id means something else, and its holder's writes leave it, the kernel's own would take it. Of a new file that is
    /// known without another look, and of one that was truncated as well.
    @Test(.enabled(if: isRoot, "acting as others needs root"))
    func whatTheKernelsWritesWouldTake() throws {
        for (mode, expected) in [(0o644, .passthrough), (0o2644, .passthroughDirect), (0o4755, .passthrough)] as [(UInt32, Opened.IO.Mode)] {
            let mirror = try Mirror()
            let new = NewFile(mode: FileMode(rawValue: S_IFREG | mode))
            let made = try withName("new") { name throws(Errno) in
                try mirror.fs.create(name, in: .root, new, OpenRequest(flags: O_WRONLY), for: user)
            }
            #expect(mirror.status("new").st_mode & 0o7777 == mode)
            let mode = made.opened.io.mode
            #expect(mode == expected)
            let opened = try mirror.fs.open(
                made.entry.node, OpenRequest(flags: O_WRONLY | O_TRUNC, killPrivileges: true), for: user)
            let truncated = opened.io.mode
            #expect(truncated == expected)
        }
    }

    /// What a descriptor is opened with and served without.
    @Test func flagsThatServingTakesOff() throws {
        let mirror = try Mirror()
        let unwanted = O_APPEND | Int32(CLINUX_O_DIRECT)
        for more in [0, O_NONBLOCK, Int32(CLINUX_O_NOATIME), O_SYNC, O_NONBLOCK | O_DSYNC] {
            try mirror.write("file")
            let plain = try mirror.open("file", flags: O_RDWR | more)
            let file = try mirror.open("file", flags: O_RDWR | O_APPEND | more)
            let flags = try [plain, file].map { file in
                let open = try mirror.fs.openFiles.pin(file.handle, .file)
                return fcntl(open.descriptor.rawValue, F_GETFL)
            }
            #expect(flags[0] == flags[1] && flags[0] & unwanted == 0 && flags[0] & more == more)
        }
    }

    @Test func appendedWritesStayWhereTheKernelPutsThem() throws {
        let mirror = try Mirror()
        try mirror.write("file", "abc")
        let file = try mirror.open("file", flags: O_WRONLY | O_APPEND)
        #expect(try mirror.write(file, at: 1, "X") == 1)
        #expect(try mirror.text("file") == "aXc")
    }

    @Test func theSourcesErrnoReachesTheUser() throws {
        let mirror = try Mirror()
        // Not by this process: a program that another test is just starting would have the copy open for writing, too.
        let copying = try Process.run(URL(fileURLWithPath: "/bin/cp"), arguments: ["/bin/sleep", mirror.path("program")])
        copying.waitUntilExit()
        let process = Process()
        process.executableURL = URL(fileURLWithPath: mirror.path("program"))
        process.arguments = ["60"]
        try process.run()
        defer {
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
        #expect(throws: Errno.textFileBusy) { _ = try mirror.open("program", flags: O_WRONLY) }
        _ = try mirror.open("program", flags: O_RDONLY)
    }

    @Test func openingTruncatesAndTakesPrivileges() throws {
        let mirror = try Mirror()
        try mirror.write("file", "abc")
        mirror.chmod("file", 0o6775)
        let node = try mirror.lookup("file").node
        _ = try mirror.fs.open(node, OpenRequest(flags: O_WRONLY | O_TRUNC, killPrivileges: true), for: Mirror.root)
        #expect(mirror.status("file").st_size == 0)
        #expect(mirror.status("file").st_mode & 0o7777 == 0o775)
    }

    @Test func whatIsThereIsNotCreatedOver() throws {
        let mirror = try Mirror()
        try mirror.write("file", "abc")
        #expect(throws: Errno.fileExists) { _ = try mirror.create("file", flags: O_RDWR | O_EXCL) }
        // Stale: the kernel looks it up again, and asks whether the caller may open it.
        #expect(throws: Errno.staleNFSFileHandle) { _ = try mirror.create("file", flags: O_RDWR | O_TRUNC) }
        #expect(try mirror.text("file") == "abc")
    }

    @Test func fifosAndDirectoriesAreNotOpened() throws {
        let mirror = try Mirror()
        mirror.mkfifo("fifo")
        #expect(throws: Errno.noSuchAddressOrDevice) { _ = try mirror.open("fifo", flags: O_RDONLY) }
        #expect(throws: Errno.isDirectory) { _ = try mirror.fs.open(.root, OpenRequest(flags: O_RDONLY), for: Mirror.root) }
    }

    @Test func anUnnamedFileCanBeGivenAName() throws {
        let mirror = try Mirror()
        let created = try mirror.fs.tmpfile(
            in: .root, NewFile(mode: FileMode(rawValue: S_IFREG | 0o600)), OpenRequest(flags: O_RDWR), for: Mirror.root)
        let file = OpenFile(node: created.entry.node, handle: created.opened.handle)
        _ = try mirror.write(file, "text")
        #expect(created.entry.attributes.linkCount == 0)
        let entry = try withName("name") { name throws(Errno) in
            try mirror.fs.link(created.entry.node, to: name, in: .root, for: Mirror.root)
        }
        #expect(entry.node == created.entry.node)
        #expect(try mirror.text("name") == "text")
    }

    /// The kernel takes set-user-id by itself where nobody says that it would.
    @Test func idMappingIsAskedForWhereWanted() throws {
        let (plain, mapped) = (try Mirror().fs, try Mirror(PassthroughOptions(idMapped: true)).fs)
        #expect(plain.requiredCapabilities == [])
        #expect(mapped.requiredCapabilities == [.allowIdmap])
        #expect(plain.capabilities.symmetricDifference(mapped.capabilities) == [.allowIdmap, .handleKillprivV2, .atomicOTrunc])
        #expect(mapped.capabilities.isSuperset(of: [.allowIdmap, .posixACL]))
    }

    @Test func securityContextsAreAskedForWhereWanted() throws {
        #expect(try !Mirror().fs.capabilities.contains(.securityCtx))
        #expect(try Mirror(PassthroughOptions(securityContexts: true)).fs.capabilities.contains(.securityCtx))
    }
}

@Suite struct SynchronousWriteTests {
    /// By a file that takes no such words, so that one sees that they are passed on. Linux's `procfs` has no `write_iter`.
    @Test func theSourceIsToldOfIt() throws {
        let fs = try PassthroughFS(source: FilePath("/proc/\(getpid())"))
        defer { fs.stop() }
        let node = try withName("coredump_filter") { name throws(Errno) in try fs.lookup(name, in: .root, for: Mirror.root).node }
        func write(_ options: WriteOptions, openedWith flags: Int32 = 0) throws(Errno) {
            let file = OpenFile(node: node, handle: try fs.open(node, OpenRequest(flags: O_RDWR | flags), for: Mirror.root).handle)
            defer { fs.release(file, for: Mirror.root) }
            let value = try filled(64) { output throws(Errno) in try fs.read(file, at: 0, into: &output, for: Mirror.root) }
            // As it is.
            let bytes = Array("0x\(value)".utf8)
            #expect(try unsafe fs.write(file, at: 0, bytes.span.bytes, options, for: Mirror.root) == bytes.count)
        }
        #expect(throws: Never.self) { try write([]) }
        #expect(throws: Errno.notSupportedOnSocket) { try write([.dataSync]) }
        #expect(throws: Errno.notSupportedOnSocket) { try write([.dataSync, .sync]) }
        #expect(throws: Errno.notSupportedOnSocket) { try write([.dataSync, .append]) }
        // What the descriptor does anyway needs no word.
        #expect(throws: Never.self) { try write([.dataSync], openedWith: O_DSYNC) }
        #expect(throws: Errno.notSupportedOnSocket) { try write([.dataSync, .sync], openedWith: O_DSYNC) }
        #expect(throws: Never.self) { try write([.dataSync, .sync], openedWith: O_SYNC) }
    }
}
