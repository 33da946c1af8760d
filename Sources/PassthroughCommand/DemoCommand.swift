// SPDX-License-Identifier: MIT

import ArgumentParser
import FUSE
import FUSEWire
import Glibc
import PassthroughFS
import SystemPackage

struct DemoCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Shows what passthrough is: one tree, read and written natively, through passthrough and through the daemon.",
        discussion: "Needs root. Works in a temporary directory, and leaves nothing behind.")

    @Option(help: "How much to write and read, in MiB.")
    var size: Int = 128

    @Option(help: "Where to make the temporary directory.")
    var directory: String = TemporaryPlace.usualDirectory

    func validate() throws {
        guard 1...4096 ~= size else { throw ValidationError("--size takes a number of MiB from 1 to 4096") }
    }

    func run() throws {
        try Console.run {
            Interrupt.watch()
            let place = try TemporaryPlace(in: directory, ["source", "mountpoint"])
            defer { place.remove() }
            let workload = DemoWorkload(megabytes: size)

            var rows = [DemoRow(name: "native", try workload.run(in: place.path("source")), requests: nil)]
            rows.append(try serve("passthrough", .require, place, workload))
            rows.append(try serve("daemon", .off, place, workload))

            Console.say(DemoRow.table(rows, megabytes: size))
            Console.say("Speeds are the best of \(DemoWorkload.rounds) rounds; requests are what the daemon served in all of them.")
            // The point of it all: a demo that does not show it has failed.
            guard rows[1].requests == DemoRow.Requests(reads: 0, writes: 0) else {
                throw MountError("passthrough", "file data came through the daemon", remedy: "please report this")
            }
        }
    }

    private func serve(
        _ name: String, _ passthrough: SessionOptions.Passthrough, _ place: TemporaryPlace, _ workload: DemoWorkload
    ) throws -> DemoRow {
        var options = MountOptions(logger: MessageLog(nil).logger(verbose: false))
        options.subtype = "passthroughfs"
        options.source = place.path("source")
        options.session.passthrough = passthrough
        let mirror = try PassthroughFS(
            source: FilePath(place.path("source")), options: PassthroughOptions(passthrough: passthrough != .off))
        let mount = try Mount(mirror, at: FilePath(place.path("mountpoint")), options: options)
        defer { mount.endTrial() }
        let speed = try workload.run(in: place.path("mountpoint"))
        let counters = mount.session.counters
        return DemoRow(name: name, speed, requests: .init(reads: counters[.read], writes: counters[.write]))
    }
}

/// One line of the table.
struct DemoRow {
    struct Requests: Equatable {
        var reads: UInt64
        var writes: UInt64
    }

    let name: String
    let speed: DemoWorkload.Speed
    /// What the daemon served; nil where there is none.
    let requests: Requests?

    init(name: String, _ speed: DemoWorkload.Speed, requests: Requests?) {
        self.name = name
        self.speed = speed
        self.requests = requests
    }

    static func table(_ rows: [DemoRow], megabytes: Int) -> String {
        let head = ["\(megabytes) MiB", "write MiB/s", "read MiB/s", "WRITE requests", "READ requests"]
        let body = rows.map { row in
            [row.name, "\(Int(row.speed.write))", "\(Int(row.speed.read))"]
                + (row.requests.map { ["\($0.writes)", "\($0.reads)"] } ?? ["-", "-"])
        }
        let lines = [head] + body
        let widths = head.indices.map { column in lines.map { $0[column].count }.max() ?? 0 }
        return lines.map { line in
            line.indices.map { column in
                let gap = String(repeating: " ", count: widths[column] - line[column].count)
                return column == 0 ? line[column] + gap : gap + line[column]
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}
