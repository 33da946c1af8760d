// SPDX-License-Identifier: MIT

import FUSE
import FUSESimulation
import Foundation
import Logging
import PassthroughFS
import SystemPackage
import Testing

@testable import MemoryFS

extension SessionOptions {
    /// Says nothing.
    static var quiet: SessionOptions { SessionOptions(logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }) }
}

extension SimulatedProcess {
    func write(_ text: String, to path: String, _ flags: Int32 = O_WRONLY | O_CREAT | O_TRUNC) throws {
        let file = try open(path, flags)
        #expect(try write(file, Array(text.utf8)) == text.utf8.count)
        try close(file)
    }

    func text(of path: String) throws -> String {
        let file = try open(path, O_RDONLY)
        defer { try? close(file) }
        return String(decoding: try read(file, 1 << 20), as: UTF8.self)
    }
}

/// A directory of the machine's, which goes with this.
final class TemporaryDirectory {
    let path = FileManager.default.temporaryDirectory.path + "/simulation-" + UUID().uuidString

    init() throws {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        _ = unsafe Glibc.chmod(path, 0o777)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// A mirror in a simulated kernel.
final class SimulatedMirror {
    let source: TemporaryDirectory
    let simulation: Simulation<PassthroughFS>

    init(_ backings: BackingKernel, cache: PassthroughOptions.Cache = .auto, serving: Serving = .stepped) throws {
        PassthroughFS.prepareProcess()
        source = try TemporaryDirectory()
        let mirror = try PassthroughFS(
            source: FilePath(source.path), options: PassthroughOptions(cache: cache),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
        var options = KernelOptions()
        options.backings = backings
        simulation = try Simulation(mirror, kernel: options, session: .quiet, serving: serving)
    }
}

/// How many descriptors this process has.
func openDescriptors() throws -> Int { try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count }
