// SPDX-License-Identifier: MIT

import Foundation
import Report

/// A variant that is being measured, on a source of its own. It is mounted from `mount` to `unmount`; who forgets the latter finds
/// that the server ends with this program (setpriv(1)), and the mount with the script's mount namespace.
final class Subject {
    let variant: Variant
    /// The directory that is served.
    let source: String
    private let mountpoint: String
    private let log: String
    private var server: Process?
    private(set) var secondsToLive: Double?

    init(_ variant: Variant, source: String, in place: String) {
        self.variant = variant
        self.source = source
        mountpoint = "\(place)/mnt-\(variant.name)"
        log = "\(place)/log-\(variant.name)"
    }

    /// Where the load works.
    var directory: String { variant.isServed ? mountpoint : source }
    var process: Int32? { server?.processIdentifier }

    /// Starts the server, and waits until it answers.
    func mount(under wrapper: [String] = [], program: String? = nil, arguments: [String] = []) throws {
        guard variant.isServed else { return }
        precondition(server == nil, "mounted already")
        try FileManager.default.createDirectory(atPath: mountpoint, withIntermediateDirectories: true)
        guard let below = device(of: mountpoint) else { throw Failed(description: "\(mountpoint): cannot be looked at") }
        let starting = Process()
        starting.executableURL = URL(fileURLWithPath: "/usr/bin/setpriv")
        starting.arguments =
            ["--pdeathsig", "KILL"] + wrapper + [program ?? variant.command[0]] + variant.command.dropFirst() + arguments
            + (variant.hasSource ? [source, mountpoint] : [mountpoint])
        _ = FileManager.default.createFile(atPath: log, contents: nil)
        let output = FileHandle(forWritingAtPath: log)
        starting.standardOutput = output
        starting.standardError = output
        starting.standardInput = FileHandle.nullDevice
        let start = now()
        try starting.run()
        server = starting
        let number = starting.processIdentifier
        Watchdog.knows(number)
        try? "\(number)\n".write(toFile: "\(mountpoint).pid", atomically: false, encoding: .utf8)
        do {
            try waitUntilLive(starting, below, since: start)
        } catch {
            try? unmount()
            throw error
        }
    }

    private func waitUntilLive(_ starting: Process, _ below: UInt64, since start: Double) throws {
        // The mount shows before it answers: whoever looks at it then waits until it does.
        try Watchdog.within(60, "\(variant.title) is mounted") {
            while device(of: mountpoint) == below {
                guard starting.isRunning else { throw failed("the server ended") }
                usleep(200)
            }
        }
        guard let live = device(of: mountpoint), live != below else { throw failed("it does not answer") }
        secondsToLive = now() - start
    }

    func unmount() throws {
        guard let server else { return }
        defer {
            Watchdog.forgets(server.processIdentifier)
            self.server = nil
        }
        do {
            try run("/usr/bin/umount", [mountpoint], limit: 30)
        } catch {
            _ = try? run("/usr/bin/umount", ["-l", mountpoint], limit: 30)
        }
        for _ in 0..<1000 where server.isRunning { usleep(20_000) }
        // What a server that ended badly leaves: a mount that nobody serves.
        if device(of: mountpoint) == nil { _ = try? run("/usr/bin/umount", ["-l", mountpoint], limit: 30) }
        if server.isRunning {
            kill(server.processIdentifier, SIGKILL)
            throw failed("the server does not end with its mount")
        }
    }

    /// Nothing is done any more for what was asked: what comes after a call (RELEASE, FORGET) was served, too.
    func waitUntilIdle() {
        guard let process else { return }
        var last = processorTime(of: process), quiet = 0
        while quiet < 4 {
            usleep(8000)
            let next = processorTime(of: process)
            quiet = next == last ? quiet + 1 : 0
            last = next
        }
    }

    /// Context switches of all its threads so far.
    func contextSwitches() -> Double {
        threads().reduce(0) { sum, thread in sum + lines(of: "/proc/\(process ?? 0)/task/\(thread)/status", "ctxt_switches") }
    }

    /// Memory that it holds now, in KiB.
    func residentMemory() -> Double { lines(of: "/proc/\(process ?? 0)/status", "VmRSS:") }

    func threads() -> [String] { (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process ?? 0)/task")) ?? [] }

    /// The connection's number, as the kernel's tracepoints have it.
    func connection() -> UInt64 { device(of: mountpoint) ?? 0 }

    /// The requests that a mirror has counted so far, by operation. nil where the server is another one.
    func requests() throws -> [String: Int]? {
        guard variant.hasSource, variant.kind == .ours || variant.kind == .before else { return nil }
        let said = try run(variant.command[0], ["stats", "--json", mountpoint], limit: 60)
        let object = try JSONSerialization.jsonObject(with: Data(said.utf8)) as? [String: Any]
        return object?["requests"] as? [String: Int] ?? [:]
    }

    /// The sum of the numbers in lines of a file that hold a text.
    private func lines(of file: String, _ text: String) -> Double {
        guard let content = try? String(contentsOfFile: file, encoding: .utf8) else { return 0 }
        return content.split(separator: "\n").filter { $0.contains(text) }
            .reduce(0) { $0 + (Double($1.split(whereSeparator: { !$0.isNumber }).first ?? "") ?? 0) }
    }

    private func failed(_ what: String) -> Failed {
        let said = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        return Failed(description: "\(variant.title): \(what)\n\(said)")
    }
}
