// SPDX-License-Identifier: MIT

import Dispatch
@testable import FUSE
import Foundation
import Glibc
@testable import PassthroughFS
import Synchronization
import SystemPackage
import Testing

private let isRoot = geteuid() == 0

/// A mirror that may have hardly any descriptors open.
func smallMirror(_ options: PassthroughOptions = PassthroughOptions()) throws -> Mirror {
    let mirror = try Mirror(options)
    mirror.fs.inodes.descriptorLimit = 4
    mirror.fs.openFiles.descriptorLimit = 4
    return mirror
}

extension Mirror {
    func evictAll() {
        // At first what was used is only marked.
        while fs.inodes.evict(1000) + fs.openFiles.evict(1000) > 0 {}
    }
}

/// Inodes and open files without descriptors.
@Suite(.enabled(if: isRoot, "opening by handle needs CAP_DAC_READ_SEARCH")) struct DescriptorTests {
    @Test func aRecordIsTwoCacheLines() {
        #expect(MemoryLayout<InodeRecord>.stride == 128)
        #expect(MemoryLayout<OpenFileRecord>.stride == 64)
        // A block is a page, so that it can be given back.
        #expect(MemoryLayout<InodeRecord>.stride * SlotStripe.slotsPerBlock == 4096)
    }

    @Test func moreInodesThanDescriptors() throws {
        let mirror = try smallMirror()
        #expect(mirror.fs.handleSupport == .available)
        for index in 0..<300 { try mirror.write("file-\(index)", String(repeating: "x", count: index)) }
        let nodes = try (0..<300).map { try mirror.lookup("file-\($0)").node }
        #expect(nodes.count { mirror.fs.inodes.isOpen($0) } <= 4)
        for (index, node) in nodes.enumerated() {
            #expect(try mirror.fs.getattr(node, handle: nil, for: Mirror.root).attributes.size == UInt64(index))
            #expect(try mirror.lookup("file-\(index)").node == node)
        }
        #expect(nodes.count { mirror.fs.inodes.isOpen($0) } <= 4)
    }

    @Test func moreOpenFilesThanDescriptors() throws {
        let mirror = try smallMirror()
        for index in 0..<100 { try mirror.write("file-\(index)", "abc") }
        let files = try (0..<100).map { try mirror.open("file-\($0)", flags: O_RDWR | O_TRUNC) }
        for (index, file) in files.enumerated() { #expect(try mirror.write(file, "text \(index)") > 0) }
        // Truncated when it was opened, and not again when its descriptor was.
        for (index, file) in files.enumerated() {
            #expect(try mirror.read(file) == "text \(index)")
            try mirror.fs.fsync(file, dataOnly: false, for: Mirror.root)
            try mirror.fs.flush(file, owner: LockOwner(rawValue: 1), for: Mirror.root)
        }
        // Renamed, replaced, without any permission.
        mirror.chmod("file-0", 0)
        #expect(unsafe rename(mirror.path("file-1"), mirror.path("elsewhere")) == 0)
        try withName("file-2") { name throws(Errno) in
            try withName("file-3") { (target) throws(Errno) in try mirror.fs.rename(name, in: .root, to: target, in: .root, flags: [], for: Mirror.root) }
        }
        mirror.evictAll()
        for index in 0..<4 { #expect(try mirror.read(files[index]) == "text \(index)") }
        for file in files { mirror.fs.release(file, for: Mirror.root) }
        #expect(throws: Errno.badFileDescriptor) { _ = try mirror.read(files[0]) }
    }

    @Test func moreOpenDirectoriesThanDescriptors() throws {
        let mirror = try smallMirror()
        for index in 0..<200 { try mirror.write("entry-\(index)") }
        let directories = try (0..<20).map { _ in
            OpenFile(node: .root, handle: try mirror.fs.opendir(.root, OpenRequest(flags: O_RDONLY), for: Mirror.root).handle)
        }
        var places = [UInt64](repeating: 0, count: directories.count)
        var names = [[String]](repeating: [], count: directories.count)
        var isReading = true
        while isReading {
            isReading = false
            for (index, directory) in directories.enumerated() {
                let entries = try mirror.readdir(directory, from: places[index], count: 1000)
                guard let last = entries.last else { continue }
                isReading = true
                places[index] = last.next
                names[index] += entries.map(\.name)
            }
        }
        let expected = Set((0..<200).map { "entry-\($0)" } + [".", ".."])
        for names in names {
            #expect(names.count == 202)
            #expect(Set(names) == expected)
        }
    }

    @Test func anUnlinkedFileLivesUntilItIsForgotten() throws {
        let mirror = try smallMirror()
        try mirror.write("file", "text")
        try mirror.write("other", "other")
        mirror.mkdir("directory")
        let file = try mirror.open("file")
        let other = try mirror.open("other")
        let directory = try mirror.lookup("directory").node
        try withName("file") { name throws(Errno) in try mirror.fs.unlink(name, in: .root, for: Mirror.root) }
        try withName("directory") { name throws(Errno) in try mirror.fs.rmdir(name, in: .root, for: Mirror.root) }
        try mirror.write("new", "new")
        try withName("new") { name throws(Errno) in
            try withName("other") { (target) throws(Errno) in try mirror.fs.rename(name, in: .root, to: target, in: .root, flags: [], for: Mirror.root) }
        }
        mirror.evictAll()
        #expect(try mirror.read(file) == "text")
        #expect(try mirror.write(file, at: 4, " more") == 5)
        #expect(try mirror.read(other) == "other")
        #expect(try mirror.fs.getattr(file.node, handle: nil, for: Mirror.root).attributes.linkCount == 0)
        #expect(try mirror.fs.getattr(directory, handle: nil, for: Mirror.root).attributes.mode.type == .directory)
        mirror.fs.release(file, for: Mirror.root)
        mirror.fs.forget(file.node, lookups: .max)
        #expect(throws: Errno.staleNFSFileHandle) { _ = try mirror.fs.getattr(file.node, handle: nil, for: Mirror.root) }
    }

    @Test func aRemovalThatFailsKeepsNothing() throws {
        let mirror = try smallMirror()
        mirror.mkdir("directory")
        let directory = try mirror.lookup("directory").node
        try mirror.write("directory/file")
        #expect(throws: Errno.directoryNotEmpty) {
            try withName("directory") { name throws(Errno) in try mirror.fs.rmdir(name, in: .root, for: Mirror.root) }
        }
        mirror.evictAll()
        #expect(!mirror.fs.inodes.isOpen(directory))
    }

    @Test func whatIsKeptHasALimit() throws {
        let mirror = try smallMirror()
        mirror.fs.inodes.keptLimit = 2
        for round in 0..<2 {
            let nodes = try (0..<5).map { index in
                mirror.mkfifo("fifo-\(index)")
                return try mirror.lookup("fifo-\(index)").node
            }
            for index in 0..<5 {
                try withName("fifo-\(index)") { name throws(Errno) in try mirror.fs.unlink(name, in: .root, for: Mirror.root) }
            }
            mirror.evictAll()
            #expect(nodes.count { mirror.fs.inodes.isOpen($0) } == 2, "round \(round): what was forgotten makes room")
            for node in nodes { mirror.fs.forget(node, lookups: .max) }
        }
    }

    @Test func whatIsKeptTakesFromTheOthersAndGivesBack() throws {
        let mirror = try smallMirror()
        mirror.fs.inodes.keptLimit = 2
        mirror.fs.inodes.descriptorLimit = 40
        for round in 0..<2 {
            for index in 0..<60 {
                try mirror.write("stays-\(index)")
                mirror.mkfifo("goes-\(index)")
            }
            let stay = try (0..<60).map { try mirror.lookup("stays-\($0)").node }
            #expect(stay.count { mirror.fs.inodes.isOpen($0) } == 40)
            let go = try (0..<60).map { try mirror.lookup("goes-\($0)").node }
            for index in 0..<60 {
                try withName("goes-\(index)") { name throws(Errno) in try mirror.fs.unlink(name, in: .root, for: Mirror.root) }
            }
            let all = (stay + go).count { mirror.fs.inodes.isOpen($0) }
            #expect(all <= 42 + 8, "round \(round)")
            mirror.evictAll()
            #expect(go.count { mirror.fs.inodes.isOpen($0) } == 34, "round \(round)")
            for node in stay + go { mirror.fs.forget(node, lookups: .max) }
        }
    }

    /// Without a name, and with next to no descriptors: files that are open, and have nobody else who holds them.
    @Test func moreUnlinkedFilesThanDescriptors() throws {
        let mirror = try smallMirror(PassthroughOptions(passthrough: false))
        let inodes = mirror.fs.inodes
        inodes.keptLimit = 2
        for index in 0..<100 { try mirror.write("file-\(index)", "text \(index)") }
        let files = try (0..<100).map { try mirror.open("file-\($0)", flags: O_RDWR) }
        for index in 0..<100 {
            try withName("file-\(index)") { name throws(Errno) in try mirror.fs.unlink(name, in: .root, for: Mirror.root) }
        }
        mirror.evictAll()
        #expect(files.count { inodes.isOpen($0.node) } == 2)
        #expect(inodes.anchorCount == 98)
        for (index, file) in files.enumerated() {
            #expect(try mirror.read(file) == "text \(index)")
            #expect(try mirror.write(file, at: 0, "TEXT") == 4)
            mirror.evictAll()
            #expect(try mirror.read(file) == "TEXT \(index)")
        }
        for file in files {
            mirror.fs.release(file, for: Mirror.root)
            mirror.fs.forget(file.node, lookups: .max)
        }
        #expect(inodes.anchorCount == 0)
        #expect(throws: Errno.staleNFSFileHandle) { _ = try mirror.fs.getattr(files[7].node, handle: nil, for: Mirror.root) }
    }

    @Test func aFileThatGetsANameIsHeldNoLonger() throws {
        let mirror = try smallMirror(PassthroughOptions(passthrough: false))
        mirror.fs.inodes.keptLimit = 0
        let new = NewFile(mode: FileMode(rawValue: S_IFREG | 0o600))
        let created = try mirror.fs.tmpfile(in: .root, new, OpenRequest(flags: O_RDWR), for: Mirror.root)
        let file = OpenFile(node: created.entry.node, handle: created.opened.handle)
        #expect(try mirror.write(file, "text") == 4)
        #expect(mirror.fs.inodes.anchorCount == 1)
        mirror.evictAll()
        _ = try withName("name") { name throws(Errno) in try mirror.fs.link(file.node, to: name, in: .root, for: Mirror.root) }
        #expect(mirror.fs.inodes.anchorCount == 0)
        mirror.evictAll()
        #expect(try mirror.read(file) == "text")
        #expect(try mirror.text("name") == "text")
    }

    /// What cannot be mapped, or not any more, keeps its descriptor as long as there are some.
    @Test func whereNothingCanBeMappedDescriptorsAreKept() throws {
        let mirror = try smallMirror(PassthroughOptions(passthrough: false))
        let inodes = mirror.fs.inodes
        (inodes.keptLimit, inodes.anchorLimit, inodes.descriptorLimit) = (2, 3, 12)
        let nodes = try (0..<12).map { index in
            try mirror.write("file-\(index)")
            return try mirror.lookup("file-\(index)").node
        }
        for index in 0..<12 {
            try withName("file-\(index)") { name throws(Errno) in try mirror.fs.unlink(name, in: .root, for: Mirror.root) }
        }
        mirror.evictAll()
        #expect(inodes.anchorCount == 3)
        #expect(nodes.count { inodes.isOpen($0) } == 2 + 4)
        for node in nodes { mirror.fs.forget(node, lookups: .max) }
        #expect(inodes.anchorCount == 0)
    }

    @Test func whatOthersRemovedIsStaleAndItsNumberAnothers() throws {
        let mirror = try smallMirror()
        // Numbers of removed files are given out again soon: some of the new ones have old numbers.
        var old: [UInt64: NodeID] = [:]
        for index in 0..<20 {
            try mirror.write("old-\(index)")
            let entry = try mirror.lookup("old-\(index)")
            old[entry.attributes.inode] = entry.node
        }
        mirror.evictAll()
        for index in 0..<20 { #expect(unsafe unlink(mirror.path("old-\(index)")) == 0) }
        for index in 0..<20 {
            try mirror.write("new-\(index)")
            let entry = try mirror.lookup("new-\(index)")
            if let known = old[entry.attributes.inode] { #expect(known != entry.node) }
        }
        for node in old.values {
            #expect(throws: Errno.staleNFSFileHandle) { _ = try mirror.fs.getattr(node, handle: nil, for: Mirror.root) }
        }
    }

    @Test func aDescriptorInUseIsNotEvicted() throws {
        let mirror = try smallMirror()
        try mirror.write("file", "text")
        let file = try mirror.open("file")
        let inode = try mirror.fs.inodes.pin(file.node)
        let open = try mirror.fs.openFiles.pin(file.handle, .file)
        mirror.evictAll()
        #expect(fstatInode(inode.descriptor) == mirror.status("file").st_ino)
        #expect(fstatInode(open.descriptor) == mirror.status("file").st_ino)
    }

    /// The test for descriptors that were closed, or recycled, under their users.
    @Test func noThreadSeesAnothersDescriptor() throws {
        let mirror = try smallMirror()
        var files: [(OpenFile, UInt64)] = []
        for index in 0..<12 {
            try mirror.write("file-\(index)", "\(index)")
            files.append((try mirror.open("file-\(index)"), UInt64(mirror.status("file-\(index)").st_ino)))
        }
        let (known, fs) = (files, mirror.fs)
        let wrong = Atomic<Int>(0)
        DispatchQueue.concurrentPerform(iterations: 4) { thread in
            var random = UInt64(thread + 1)
            for _ in 0..<5000 {
                random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                let (file, inode) = known[Int(random >> 33) % known.count]
                do {
                    let pinned = try fs.inodes.pin(file.node)
                    let open = try fs.openFiles.pin(file.handle, .file)
                    let other = try fs.inodes.pin(known[Int(random >> 40) % known.count].0.node)
                    if fstatInode(pinned.descriptor) != inode { wrong.add(1, ordering: .relaxed) }
                    if fstatInode(open.descriptor) != inode { wrong.add(1, ordering: .relaxed) }
                    if fstatInode(other.descriptor) == 0 { wrong.add(1, ordering: .relaxed) }
                } catch { wrong.add(1, ordering: .relaxed) }
                if random >> 60 == 0 { _ = fs.inodes.evict(8) + fs.openFiles.evict(8) }
            }
        }
        #expect(wrong.load(ordering: .relaxed) == 0)
    }

    @Test func memoryOfForgottenInodesIsUsedAgainAndItsNodesStayStale() throws {
        let mirror = try smallMirror(PassthroughOptions(remembered: 0))
        for index in 0..<3000 { mirror.mkfifo("fifo-\(index)") }
        var before: [NodeID] = []
        for _ in 0..<2 {
            let nodes = try (0..<3000).map { try mirror.lookup("fifo-\($0)").node }
            #expect(Set(nodes).isDisjoint(with: before))
            for node in nodes { mirror.fs.forget(node, lookups: 1) }
            for node in nodes {
                #expect(throws: Errno.staleNFSFileHandle) { _ = try mirror.fs.getattr(node, handle: nil, for: Mirror.root) }
            }
            before = nodes
        }
        #expect(mirror.fs.inodes.count == 0)
    }
}

@Suite struct DescriptorLimitTests {
    @Test func theBudgetLeavesRoomForTheRest() {
        for limit in [64, 256, 1024, 20_000, 1_048_576, .max] {
            let budget = DescriptorBudget(limit: limit, open: 20)
            #expect(budget.inodes >= 4 && budget.openFiles >= 4)
            #expect(budget.inodes + budget.openFiles + budget.nameless <= max(16, limit - 20 - 32))
            #expect(budget.inodes <= ClockRing.greatest && budget.openFiles <= ClockRing.greatest)
        }
    }

    @Test func runningOutIsRelievedWhileThereIsSomethingToEvict() throws {
        let relief = DescriptorRelief()
        let left = Mutex(3)
        relief.add(relief) { _ in left.withLock { left in defer { left = max(0, left - 1) }; return left > 0 ? 1 : 0 } }
        var calls = 0
        let outcome = try relief.relieving { () throws(Errno) in
            calls += 1
            if calls < 3 { throw .tooManyOpenFiles }
            return calls
        }
        #expect(outcome == 3)
        #expect(throws: Errno.tooManyOpenFiles) { try relief.relieving { () throws(Errno) in throw .tooManyOpenFiles } }
        #expect(throws: Errno.ioError) { try relief.relieving { () throws(Errno) in throw .ioError } }
    }

    @Test func aSourceWithoutHandlesKeepsDescriptors() throws {
        let fs = try PassthroughFS(source: "/proc/sys")
        defer { fs.stop() }
        guard case .unavailable(let reason, let remedy) = fs.handleSupport else {
            Issue.record("proc has handles")
            return
        }
        #expect(reason == "its filesystem has no handles that last")
        #expect(remedy.contains("ulimit -n"))
        let node = try withName("kernel") { name throws(Errno) in try fs.lookup(name, in: .root, for: Mirror.root) }.node
        #expect(fs.inodes.evict(1000) == 0)
        #expect(fs.inodes.isOpen(node))
        #expect(try fs.getattr(node, handle: nil, for: Mirror.root).attributes.mode.type == .directory)
    }

    @Test func numbersOfOtherDevicesAreTheirOwn() throws {
        let (one, other) = (try SystemCall.open("/proc"), try SystemCall.open("/"))
        defer { for file in [one, other] { SystemCall.close(file) } }
        let devices = try SourceDevices(source: 7, traits: [])
        devices.learn(9, from: one)
        devices.learn(8, from: other)
        // The same filesystem once more, as a copy of a disk is.
        devices.learn(10, from: other)
        #expect(devices.shown(2, on: 7) == 2)
        #expect(devices.shown(.max, on: 7) == .max)
        let inodes: [UInt64] = [1, 2, 3, 1 << 32, 1 << 50, 1 << 61, 1 << 62 - 1]
        let shown = [8, 9, 10].flatMap { device in inodes.map { devices.shown($0, on: device) } }
        #expect(Set(shown).count == shown.count)
        #expect(shown.allSatisfy { $0 >> 62 == 1 })
        // Whichever is seen first.
        let again = try SourceDevices(source: 7, traits: [])
        again.learn(8, from: other)
        again.learn(9, from: one)
        for inode in inodes { for device: UInt64 in [8, 9] { #expect(again.shown(inode, on: device) == devices.shown(inode, on: device)) } }
        #expect(devices.traits(of: 9) == .isGenerated)
        #expect(devices.traits(of: 7) == [])
        #expect(devices.traits(of: 11) == [])
    }
}

func fstatInode(_ descriptor: FileDescriptor) -> UInt64 {
    var status = stat()
    return unsafe fstat(descriptor.rawValue, &status) == 0 ? UInt64(status.st_ino) : 0
}
