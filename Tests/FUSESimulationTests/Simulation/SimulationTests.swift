// SPDX-License-Identifier: MIT

import FUSE
import FUSESimulation
import FUSEWire
import Foundation
import PassthroughFS
import SystemPackage
import Testing

@testable import MemoryFS

@Suite struct SimulationTests {
    @Test func aWholeLifeInMemory() throws {
        let memory = MemoryFS()
        let simulation = try Simulation(memory, session: .quiet)
        let root = try simulation.makeProcess()
        try root.mkdir("/folder", 0o777)
        try root.chmod("/folder", 0o777)
        let user = try simulation.makeProcess(user: 1000, group: 1000)
        try user.write("some text", to: "/folder/file")
        #expect(try user.text(of: "/folder/file") == "some text")
        #expect(try user.stat("/folder/file").owner.rawValue == 1000)
        #expect(try user.stat("/folder/file").mode.permissions.rawValue == 0o644)
        #expect(throws: Errno.permissionDenied) { try user.symlink("folder/file", "/link") }
        try root.unlink("/folder/file")
        try root.rmdir("/folder")
        #expect(simulation.end() == Leftover())
        #expect(memory.nodeCount == 1)
    }

    @Test func namesAndLinks() throws {
        let memory = MemoryFS()
        let simulation = try Simulation(memory, session: .quiet)
        let root = try simulation.makeProcess()
        try root.write("text", to: "/a")
        try root.symlink("a", "/link")
        #expect(try root.readlink("/link") == "a")
        #expect(try root.text(of: "/link") == "text")
        try root.link("/a", "/b")
        #expect(try root.stat("/a").linkCount == 2)
        try root.mkdir("/d")
        try root.rename("/b", "/d/c")
        #expect(try root.list("/d").map(\.name) == ["c"])
        #expect(throws: Errno.directoryNotEmpty) { try root.rmdir("/d") }
        #expect(throws: Errno.noSuchFileOrDirectory) { try root.stat("/b") }
        try root.rename("/a", "/d", [.exchange])
        #expect(try root.text(of: "/d") == "text")
        #expect(try root.text(of: "/a/c") == "text")
        #expect(throws: Errno.invalidArgument) { try root.rename("/a", "/a/below") }
        try root.symlink("loop", "/loop")
        #expect(throws: Errno.tooManySymbolicLinkLevels) { try root.text(of: "/loop") }
        for path in ["/loop", "/link", "/d", "/a/c"] { try root.unlink(path) }
        try root.rmdir("/a")
        #expect(simulation.end() == Leftover())
        #expect(memory.nodeCount == 1)
    }

    /// It is asked for READDIRPLUS alone, and has `readdir` alone.
    @Test func aFilesystemThatNamesWhatItHas() throws {
        struct NamingFS: FileSystem {
            var capabilities: Capabilities { .doReaddirplus }
            func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry { throw .noSuchFileOrDirectory }
            func getattr(_ node: NodeID, handle: FUSE.FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
                AttributesReply(.directory(inode: 1))
            }
            func readdir(_ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryWriter, for request: Request) throws(Errno) {
                for number in offset.rawValue..<1000 {
                    let next = DirectoryOffset(rawValue: number + 1)
                    guard entries.add("\(number)", inode: number + 2, type: .regular, next: next) else { return }
                }
            }
        }
        let simulation = try Simulation(NamingFS(), session: .quiet)
        #expect(try simulation.makeProcess().list("/").map(\.name) == (0..<1000).map { "\($0)" })
        #expect(simulation.kernel.requestCount(.readdir) == 0)
        #expect(simulation.end() == Leftover())
    }

    @Test func whoMayDoWhat() throws {
        let simulation = try Simulation(MemoryFS(), session: .quiet)
        let root = try simulation.makeProcess()
        try root.chmod("/", 0o1777)
        let one = try simulation.makeProcess(user: 1, group: 1, groups: [50])
        let two = try simulation.makeProcess(user: 2, group: 2, groups: [50])
        try one.write("secret", to: "/f")
        try one.chmod("/f", 0o640)
        #expect(throws: Errno.permissionDenied) { try two.text(of: "/f") }
        try one.chown("/f", user: nil, group: 50)
        #expect(try two.text(of: "/f") == "secret")
        #expect(throws: Errno.permissionDenied) { try two.open("/f", O_WRONLY) }
        #expect(throws: Errno.notPermitted) { try two.chmod("/f", 0o666) }
        #expect(throws: Errno.notPermitted) { try two.unlink("/f") }
        #expect(throws: Errno.notPermitted) { try two.chown("/f", user: 2, group: nil) }
        try root.unlink("/f")
        #expect(simulation.end() == Leftover())
    }

    @Test(arguments: [BackingKernel.allocatesIDs, .takesServerIDs])
    func dataThatTheServerNeverSees(_ kernel: BackingKernel) throws {
        let mirror = try SimulatedMirror(kernel)
        let simulation = mirror.simulation
        #expect(simulation.session.connection.passthrough == .available)
        let user = try simulation.makeProcess()
        try user.write("through the kernel", to: "/f")
        #expect(try user.text(of: "/f") == "through the kernel")
        #expect(try String(contentsOfFile: mirror.source.path + "/f", encoding: .utf8) == "through the kernel")
        #expect(simulation.kernel.requestCount(.read) == 0)
        #expect(simulation.kernel.requestCount(.write) == 0)
        #expect(try user.stat("/f").size == 18)
        let left = simulation.end()
        #expect(left.lookups == [:])
        #expect(left.openFiles == 0)
        #expect(simulation.fileSystem.inodeCount == 0)
    }

    @Test func withThreadsAndManyCallers() throws {
        let mirror = try SimulatedMirror(.allocatesIDs, serving: .threads(ThreadLimits(initial: 2, maximum: 8)))
        let simulation = mirror.simulation
        let threads = (0..<4).map { index in
            let thread = Thread {
                do {
                    let user = try simulation.makeProcess()
                    try user.mkdir("/\(index)")
                    for round in 0..<50 {
                        try user.write("\(round)", to: "/\(index)/f\(round % 5)")
                        #expect(try user.text(of: "/\(index)/f\(round % 5)") == "\(round)")
                        if round % 7 == 0 { try user.unlink("/\(index)/f\(round % 5)") }
                        if round % 11 == 0 { simulation.kernel.dropCaches() }
                    }
                } catch {
                    Issue.record("\(error)")
                }
            }
            thread.start()
            return thread
        }
        while threads.contains(where: { !$0.isFinished }) { usleep(1000) }
        let left = simulation.end()
        #expect(left.lookups == [:])
        #expect(simulation.fileSystem.inodeCount == 0)
    }

    @Test func whatIsRememberedAndForHowLong() throws {
        let mirror = try SimulatedMirror(.allocatesIDs)
        let kernel = mirror.simulation.kernel
        let user = try mirror.simulation.makeProcess()
        #expect(throws: Errno.noSuchFileOrDirectory) { try user.stat("/f") }
        try Data("1".utf8).write(to: URL(fileURLWithPath: mirror.source.path + "/f"))
        kernel.advance(milliseconds: 1500)
        #expect(try user.stat("/f").size == 1)
        let lookups = kernel.requestCount(.lookup)
        try Data("123".utf8).write(to: URL(fileURLWithPath: mirror.source.path + "/f"))
        #expect(try user.stat("/f").size == 1, "for a second")
        #expect(kernel.requestCount(.lookup) == lookups)
        kernel.advance(milliseconds: 1500)
        #expect(try user.stat("/f").size == 3)
        mirror.simulation.end()
    }

    /// Nothing of it holds the rest: neither the kernel what serves it, nor the session its filesystem's connection.
    @Test(arguments: [false, true]) func itGoesWithItsLastUser(hasThreads: Bool) throws {
        weak var kernel: SimulatedKernel?
        weak var session: Session<PassthroughFS>?
        do {
            let mirror = try SimulatedMirror(.allocatesIDs, serving: hasThreads ? .threads(ThreadLimits(initial: 1, maximum: 2)) : .stepped)
            kernel = mirror.simulation.kernel
            session = mirror.simulation.session
            try mirror.simulation.makeProcess().mkdir("d", 0o755)
            mirror.simulation.end()
        }
        // A thread is some moments in ending.
        for _ in 0..<6000 where kernel != nil || session != nil { usleep(10_000) }
        #expect(kernel == nil)
        #expect(session == nil)
    }
}
