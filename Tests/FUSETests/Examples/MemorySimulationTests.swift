// SPDX-License-Identifier: MIT

import FUSE
import FUSESimulation
import Glibc
import SystemPackage
import Testing

@testable import MemoryFS

/// A filesystem author's own tests: `MemoryFS` in a simulated kernel. They take no root and no `/dev/fuse`, and are over in
/// milliseconds.
@Suite struct MemorySimulationTests {
    private let simulation: Simulation<MemoryFS>
    private let root: SimulatedProcess

    init() throws {
        simulation = try Simulation(MemoryFS(), session: SessionOptions(logger: .silent))
        root = try simulation.makeProcess()
        try root.chmod("/", 0o777)
    }

    private func write(_ text: String, to path: String, as process: SimulatedProcess) throws {
        let file = try process.open(path, O_WRONLY | O_CREAT | O_TRUNC)
        _ = try process.write(file, Array(text.utf8))
        try process.close(file)
    }

    private func text(of path: String, as process: SimulatedProcess) throws -> String {
        let file = try process.open(path, O_RDONLY)
        defer { try? process.close(file) }
        return String(decoding: try process.read(file, 1 << 16), as: UTF8.self)
    }

    @Test func `what one writes, others read if they may`() throws {
        let one = try simulation.makeProcess(user: 1000, group: 1000)
        let other = try simulation.makeProcess(user: 2000, group: 2000)
        one.umask(0o027)
        try write("for all", to: "/public", as: root)
        try write("for me", to: "/private", as: one)
        #expect(try text(of: "/public", as: other) == "for all")
        #expect(try text(of: "/private", as: one) == "for me")
        #expect(throws: Errno.permissionDenied) { try text(of: "/private", as: other) }
        #expect(try one.stat("/private").mode.permissions.rawValue == 0o640)
    }

    @Test func `a file that is removed lives until it is closed`() throws {
        try write("still there", to: "/file", as: root)
        let file = try root.open("/file", O_RDONLY)
        try root.unlink("/file")
        #expect(throws: Errno.noSuchFileOrDirectory) { try root.stat("/file") }
        #expect(String(decoding: try root.read(file, 100), as: UTF8.self) == "still there")
        #expect(simulation.fileSystem.nodeCount == 2)
        try root.close(file)
        #expect(simulation.fileSystem.nodeCount == 1)
    }

    @Test func `what the kernel remembers it does not ask for again`() throws {
        try write("some text", to: "/file", as: root)
        _ = try text(of: "/file", as: root)
        let reads = simulation.kernel.requestCount(.read)
        for _ in 0..<10 { #expect(try text(of: "/file", as: root) == "some text") }
        #expect(simulation.kernel.requestCount(.read) == reads)
    }

    @Test func `nothing is left behind, whatever reply is lost`() throws {
        for lost in 0..<30 {
            let simulation = try Simulation(MemoryFS(), session: SessionOptions(logger: .silent))
            let process = try simulation.makeProcess()
            simulation.kernel.setFaults { number, _ in number == lost ? .noSuchFileOrDirectory : nil }
            try? process.mkdir("/d")
            try? write("text", to: "/d/f", as: process)
            try? process.rename("/d/f", "/g")
            simulation.kernel.setFaults(nil)
            simulation.kernel.dropCaches()
            for path in ["/d/f", "/g"] { try? process.unlink(path) }
            try? process.rmdir("/d")
            #expect(simulation.end() == Leftover())
            #expect(simulation.fileSystem.nodeCount == 1, "reply \(lost) was lost")
        }
    }
}
