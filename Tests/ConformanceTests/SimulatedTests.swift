// SPDX-License-Identifier: MIT

import Foundation
import MountSupport
import Testing

/// The conformance cases on a mirror in a simulated kernel, of either kind: what is seen must be what the native filesystem
/// shows.
@Suite(.serialized, .enabled(if: Machine.mountsAreDue, "the cases need several users: root"), .timeLimit(.minutes(10)))
struct SimulatedTests {
    /// What a case comes to sooner or later that a simulated kernel has no part of. What it has seen until then is compared;
    /// and it must come to it, so that none is left out without a reason.
    static let lacks: [String: String] = [
        "device nodes": "special files",
        "exec: programs, and writing to them": "programs",
        "exec: set-user-id takes effect": "programs",
        "fallocate: modes": "special files",
        "fifos": "special files",
        "fsync, fdatasync, syncfs": "special files",
        "handles": "handles",
        "ioctl": "ioctls",
        "large files": "maps",
        "large files: the limit of the process": "limits",
        "open: appending a lot": "maps",
        "open: one write that appends": "flags of a single write",
        "privileges: CAP_FSETID is what counts": "capabilities",
        "privileges: those of a user namespace count for nothing": "user namespaces",
        "mmap: outlives the descriptor and the name": "maps",
        "mmap: private mappings are one's own": "maps",
        "mmap: shared mappings and calls see each other": "maps",
        "mmap: what is refused, and where it ends": "maps",
        "privileges: mapped store": "maps",
        "reflinks are made or refused as by the filesystem": "ioctls",
        "shown at once: attribute flags": "ioctls",
        "shown at once: stores through a mapping": "maps",
        "sockets": "sockets",
        "times: what changes which": "maps",
        "unlinked: a file that is open goes on": "maps",
    ]

    /// What is otherwise than natively, and why: it must be.
    static let differences = [
        "open: O_APPEND that is taken off": "the kernel keeps the backing file as it was opened",
        "privileges: chown of nothing while it is open for writing":
            "the mirror looks in /proc for the call that its caller is in, where no simulated process is",
    ]

    /// What depends on when a release is served, for the same reason: a file that is open for writing is then taken to be
    /// written, and the one who has closed it need not wait for that.
    static let undecided: Set = ["privileges: chown of nothing"]

    /// As Scripts/million-ids does it with a million: every inode's id is its slot, and nothing is looked up.
    @Test func `ids of many inodes`() throws {
        let directory = FileManager.default.temporaryDirectory.path + "/simulated-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let result = try shell("exec \"$PROGRAM\" ids 3000 .", in: directory, environment: ["PROGRAM": builtProgram("simulated")])
        #expect(result.status == 0, "\(result.output)")
        #expect(result.output.contains("ids that are live                         3000\n"), "\(result.output)")
        #expect(result.output.contains("nodes are found by                        their numbers: there is no dictionary\n"))
    }

    @Test(arguments: ["kernel", "server"]) func `as natively`(_ kernel: String) throws {
        let native = try NativeReports.get()
        let directory = FileManager.default.temporaryDirectory.path + "/simulated-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        let simulated = try Report.run(inSimulated: kernel, in: directory)
        #expect(simulated.map(\.key) == native.map(\.key), "the same cases ran")
        var compared = 0
        for (report, wanted) in zip(simulated, native) {
            #expect(report.lack?.what == Self.lacks[report.name], "\(report.name), as \(report.user)")
            let differences = report.differences(from: wanted)
            if let reason = Self.differences[report.name] {
                #expect(!differences.isEmpty, "\(report.name), as \(report.user), no longer differs (\(reason))")
            } else if !Self.undecided.contains(report.name) {
                #expect(differences.isEmpty, "\(report.name), as \(report.user)")
                #expect(report.isRight, "\(report.name), as \(report.user): \(report.wrong)")
                compared += report.compared(with: report).count
            }
        }
        // Nothing is passed over by mistake.
        #expect(compared > 6000)
        print("in a simulated kernel (\(kernel)): \(compared) of \(native.reduce(0) { $0 + $1.seen.count }) things seen are compared")
    }
}
