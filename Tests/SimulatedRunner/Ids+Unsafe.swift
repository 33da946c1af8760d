// SPDX-License-Identifier: MIT

import ConformanceCalls
import FUSE
import FUSESimulation
import Foundation
import Logging
import PassthroughFS
import SystemPackage

/// `simulated ids COUNT DIRECTORY`: a mirror of so many files, in a simulated kernel that lets the server choose ids. Each file
/// is opened and closed once, and stays registered; then once more. Says what that took, a line each, and fails where an inode's
/// id is not its slot, a registration was made twice, or a node was looked up.
///
/// The kernel holds the files by their handles: it takes root, and no more descriptors than usual.
enum Ids {
    static func run(_ arguments: some Collection<String>) -> Bool {
        guard arguments.count == 2, let count = arguments.first.flatMap({ Int($0) }), let directory = arguments.dropFirst().first else {
            Main.usage()
        }
        do {
            let folders = try make(count, in: directory)
            return try open(count, in: folders, of: directory)
        } catch {
            Sys.print("ids: \(error)")
            return false
        }
    }

    /// The folders' names, of a thousand files each.
    private static func make(_ count: Int, in directory: String) throws -> [String] {
        try (0..<(count + 999) / 1000).map { number in
            let folder = "d\(number)"
            try FileManager.default.createDirectory(atPath: directory + "/" + folder, withIntermediateDirectories: true)
            for file in 0..<min(1000, count - number * 1000) {
                // Safe, here and below: the path is lent for the call.
                let descriptor = try unsafe FileDescriptor.open(
                    directory + "/\(folder)/f\(file)", .writeOnly, options: [.create, .exclusiveCreate], permissions: [.ownerReadWrite])
                try descriptor.close()
            }
            return folder
        }
    }

    private static func open(_ count: Int, in folders: [String], of directory: String) throws -> Bool {
        PassthroughFS.prepareProcess()
        let logger = Logger(label: "simulated") { _ in SwiftLogNoOpLogHandler() }
        var options = KernelOptions()
        options.backings = .takesServerIDs
        options.backingMount = try unsafe FileDescriptor.open(directory, .readOnly)
        var sessionOptions = SessionOptions(logger: logger)
        sessionOptions.passthrough = .require
        let mirror = try PassthroughFS(
            source: FilePath(directory), options: PassthroughOptions(keptBackings: count + 1, keptFor: nil), logger: logger)
        let simulation = try Simulation(mirror, kernel: options, session: sessionOptions)
        let user = try simulation.makeProcess()
        let census = { simulation.session.connection.backings.census }

        var failures = 0
        var lines: [(String, String)] = []
        func check(_ what: String, _ value: Int, _ wanted: Int) {
            lines.append((what, "\(value)"))
            if value != wanted {
                failures += 1
                lines.append(("  but there should be", "\(wanted)"))
            }
        }
        func openAll() throws -> Duration {
            try ContinuousClock().measure {
                for (number, folder) in folders.enumerated() {
                    try user.chdir("/" + folder)
                    for file in 0..<min(1000, count - number * 1000) { try user.close(user.open("f\(file)", O_RDONLY)) }
                }
            }
        }
        let first = try openAll()
        check("inodes that the kernel knows", simulation.kernel.lookupCounts.count - folders.count, count)
        check("ids that are live", simulation.kernel.backings.count, count)
        check("registrations", Int(census().registrations), count)
        // The slot of each, and behind it the very file.
        var right = 0
        for (number, folder) in folders.enumerated() {
            for file in 0..<min(1000, count - number * 1000) {
                let inode = try user.stat("/\(folder)/f\(file)").inode
                let slot = UInt32(truncatingIfNeeded: try user.node("/\(folder)/f\(file)").rawValue)
                if simulation.kernel.backings.backing(slot)?.withPayload({ UInt64($0.inode.rawValue) == inode }) == true { right += 1 }
            }
        }
        check("ids that are their inodes' slots", right, count)
        let second = try openAll()
        check("registrations when all are opened again", Int(census().registrations) - count, 0)
        check("requests to read", simulation.kernel.requestCount(.read), 0)
        lines.append(("nodes are found by", census().looksUpNodes ? "a dictionary" : "their numbers: there is no dictionary"))
        if census().looksUpNodes { failures += 1 }
        check("ids that the session allocated", census().allocated, 0)
        let each = { (time: Duration) in String(format: "%.1f µs", Double(time.components.attoseconds) / 1e12 / Double(count) + Double(time.components.seconds) * 1e6 / Double(count)) }
        lines.append(("an open and close, simulation and all", "\(each(first)), then \(each(second))"))
        let left = simulation.end()
        if left.lookups != [:] || left.openFiles != 0 || simulation.fileSystem.inodeCount != 0 {
            failures += 1
            lines.append(("left at the end", "\(left.lookups.count) lookups, \(left.openFiles) files"))
        }
        check("registered after the end", census().registered, 0)
        for line in lines { Sys.print(line.0 + String(repeating: " ", count: max(1, 42 - line.0.count)) + line.1) }
        return failures == 0
    }
}
