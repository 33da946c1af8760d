// SPDX-License-Identifier: MIT

import ArgumentParser
import FUSE
import Glibc
import SystemPackage

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Tell what this machine can do: each line ok, or why not and what to do.",
        discussion: "Exit status 0: a mirror would run at full speed. 1: it would not.")

    func run() throws {
        try Console.run {
            let lines = CheckLine.all()
            let width = lines.map(\.subject.count).max() ?? 0
            for line in lines {
                let gap = String(repeating: " ", count: width - line.subject.count)
                Console.say("\(line.word)  \(line.subject)\(gap)  \(line.text)")
            }
            guard lines.allSatisfy({ !$0.isNeeded || $0.isFine }) else { throw ExitCode.failure }
        }
    }
}

/// One finding.
struct CheckLine {
    let subject: String
    let isFine: Bool
    /// Whether full speed depends on it.
    let isNeeded: Bool
    /// What there is, or what is missing and what would help.
    let text: String

    var word: String { isFine ? "ok" : "no" }

    private init(_ subject: String, needed: Bool = true, ok text: String) {
        self.subject = subject
        self.text = text
        isFine = true
        isNeeded = needed
    }

    private init(_ subject: String, needed: Bool = true, no text: String) {
        self.subject = subject
        self.text = text
        isFine = false
        isNeeded = needed
    }

    static func all() -> [CheckLine] {
        [device, privileges] + connection + [descriptorLimit, helper]
    }

    private static var device: CheckLine {
        do throws(MountError) {
            try DeviceFile.check()
            return CheckLine("/dev/fuse", ok: "can be opened")
        } catch {
            return CheckLine("/dev/fuse", no: "\(error.cause)" + (error.remedy.map { " (\($0))" } ?? ""))
        }
    }

    private static var privileges: CheckLine {
        geteuid() == 0
            ? CheckLine("privileges", ok: "root")
            : CheckLine("privileges", no: "user \(geteuid()): files can be mirrored, but not passed through (run as root)")
    }

    /// What a mount that is made for the purpose agrees on with the kernel.
    private static var connection: [CheckLine] {
        do {
            let place = try TemporaryPlace(in: "/tmp", ["mountpoint"])
            defer { place.remove() }
            var logger = Console.logger(verbose: false)
            logger.logLevel = .critical
            let mount = try Mount(NothingFS(), at: FilePath(place.path("mountpoint")), options: MountOptions(logger: logger))
            defer {
                try? mount.detach()
                mount.wait()
            }
            let connection = mount.session.connection
            return [
                CheckLine("mount", ok: "works, with FUSE protocol 7.\(connection.protocolMinor)"),
                passthrough(connection.passthrough), ring(connection),
            ]
        } catch {
            return [CheckLine("mount", no: "\(error)")]
        }
    }

    private static func passthrough(_ state: PassthroughState) -> CheckLine {
        switch state {
        case .available: CheckLine("passthrough", ok: "the kernel took a file")
        case .unavailable(let reason, let remedy): CheckLine("passthrough", no: "\(reason) (\(remedy))")
        case .off: CheckLine("passthrough", no: "not asked for")
        }
    }

    private static func ring(_ connection: Connection) -> CheckLine {
        connection.offered.contains(.overIOUring)
            ? CheckLine("io_uring", needed: false, ok: "the kernel offers it; this version does not use it yet")
            : CheckLine(
                "io_uring", needed: false,
                no: "the kernel does not offer it: Linux 6.14 and /sys/module/fuse/parameters/enable_uring; this version does not use it yet")
    }

    private static var descriptorLimit: CheckLine {
        var limit = rlimit()
        // Safe: filled within the call.
        unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return CheckLine("descriptors", needed: false, ok: "up to \(limit.rlim_max)")
    }

    private static var helper: CheckLine {
        let path = unsafe getenv("PATH").map { unsafe String(cString: $0) } ?? "/usr/bin:/bin"
        let candidates = path.split(separator: ":").map { String($0) + "/fusermount3" }
        let found = candidates.first { candidate in unsafe access(candidate, X_OK) == 0 }
        return found.map { CheckLine("fusermount3", needed: false, ok: $0) }
            ?? CheckLine("fusermount3", needed: false, no: "not found: only root can mount (install the package fuse3)")
    }
}

/// A filesystem with an empty root, to see what the kernel says to it.
private struct NothingFS: FileSystem {
    func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry {
        throw .noSuchFileOrDirectory
    }

    func getattr(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        AttributesReply(.directory(inode: 1))
    }
}
