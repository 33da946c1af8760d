// SPDX-License-Identifier: MIT

import FUSE
import FUSESimulation
import Foundation
import SystemPackage
import Testing

@testable import PassthroughFS

/// Inodes without handles: each takes a descriptor of the server for as long as the kernel knows it, so near the limit the
/// kernel is asked to forget some.
@Suite(.enabled(if: geteuid() == 0, "an overlayfs takes root"), .timeLimit(.minutes(5))) struct ForgettingTests {
    /// The last minor without the notification that forgets nodes by number, and the first with it.
    @Test(arguments: [44, 45] as [UInt32]) func nearTheLimit(_ minor: UInt32) throws {
        let place = FileManager.default.temporaryDirectory.path + "/forgetting-" + UUID().uuidString
        for name in ["lower", "upper", "work", "merged"] {
            try FileManager.default.createDirectory(atPath: "\(place)/\(name)", withIntermediateDirectories: true)
        }
        defer { try? FileManager.default.removeItem(atPath: place) }
        for index in 0..<200 { try Data("\(index)".utf8).write(to: URL(fileURLWithPath: "\(place)/lower/file-\(index)")) }
        // The temporary directory may be an overlayfs itself, which takes no other one's changes: so nothing is changed.
        try run("mount", "-t", "overlay", "-o", "ro,lowerdir=\(place)/lower:\(place)/upper", "overlay", "\(place)/merged")
        defer { try? run("umount", "-l", "\(place)/merged") }

        let mirror = try PassthroughFS(source: FilePath("\(place)/merged"))
        guard case .unavailable = mirror.handleSupport else {
            Issue.record("an overlayfs has handles that last")
            return
        }
        var kernel = KernelOptions()
        kernel.minor = minor
        let simulation = try Simulation(mirror, kernel: kernel, session: .quiet)
        mirror.inodes.bareLimit = 40
        let root = try simulation.makeProcess()
        for index in 0..<200 { #expect(try root.text(of: "/file-\(index)") == "\(index)") }
        // The session goes on when the kernel asks it something, and hears then of what is forgotten.
        while mirror.inodes.bareCount > 40 {
            usleep(1000)
            _ = try root.stat("/file-0")
        }
        // What was forgotten is looked up again.
        for index in 0..<200 { #expect(try root.text(of: "/file-\(index)") == "\(index)") }
        #expect(simulation.end() == Leftover())
        #expect(mirror.inodes.bareCount == 0)
    }

    private func run(_ command: String...) throws {
        let process = try Process.run(URL(fileURLWithPath: "/usr/bin/env"), arguments: command)
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "\(command)")
    }
}
