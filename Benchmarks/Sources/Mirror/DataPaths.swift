// SPDX-License-Identifier: MIT

import Foundation
import Report

/// A way to read or write much, as fio does it.
struct Stream: CaseIterable {
    var title: String
    /// fio's --rw and --bs.
    var pattern: String
    var block: String
    var jobs: Int
    var megabytesEach: Int

    var isWrite: Bool { pattern.hasSuffix("write") }
    var row: String { "\(title), \(jobs)" }

    static let allCases: [Stream] = [1, 4].flatMap { jobs in
        [
            Stream(title: "sequential read", pattern: "read", block: "128k", jobs: jobs, megabytesEach: 256 / jobs),
            Stream(title: "sequential write", pattern: "write", block: "128k", jobs: jobs, megabytesEach: 256 / jobs),
            Stream(title: "random 4 KiB read", pattern: "randread", block: "4k", jobs: jobs, megabytesEach: 64 / jobs),
            Stream(title: "random 4 KiB write", pattern: "randwrite", block: "4k", jobs: jobs, megabytesEach: 64 / jobs),
        ]
    }
}

/// fio's data paths: MiB a second, and what reaches the server.
struct DataPaths {
    let options: Options
    let variants: [Variant]
    let tracing: Tracing?

    func measure(into figures: inout Figures<Key>) throws {
        let sources = Sources(options)
        for kind in options.sources {
            let subjects = try variants.map { variant in
                Subject(variant, source: try sources.directory("data-\(variant.name)", on: kind), in: options.place)
            }
            defer {
                for subject in subjects {
                    try? subject.unmount()
                    try? FileManager.default.removeItem(atPath: subject.source)
                }
            }
            for subject in subjects {
                for stream in Stream.allCases where stream.isWrite { _ = try fio(stream, in: subject.source) }
                try subject.mount()
            }
            for stream in Stream.allCases {
                note("data on \(kind): \(stream.row)")
                for round in 0..<options.rounds {
                    for turn in subjects.indices {
                        try measure(subjects[(turn + round) % subjects.count], stream, kind, isFirst: round == 0, &figures)
                    }
                }
            }
        }
    }

    private func measure(_ subject: Subject, _ stream: Stream, _ kind: String, isFirst: Bool, _ figures: inout Figures<Key>) throws {
        func add(_ name: String, _ value: Double) {
            figures.add(value, to: Key(source: kind, row: stream.row, variant: subject.variant, name: name))
        }
        let earlier = subject.process.flatMap { processorTime(of: $0) } ?? 0
        add("rate", try fio(stream, in: subject.directory))
        subject.waitUntilIdle()
        if let process = subject.process {
            add("processor", ((processorTime(of: process) ?? 0) - earlier) / 1000 / Double(stream.jobs * stream.megabytesEach))
        }
        guard isFirst, subject.variant.isServed, let tracing else { return }
        let requests = try tracing.requests(of: subject) { _ = try fio(stream, in: subject.directory) }
        add("requests", Double((requests["READ"] ?? 0) + (requests["WRITE"] ?? 0)))
    }

    /// MiB a second. The files are kept; what the kernel remembers of them is dropped first, where it is the mount's own.
    private func fio(_ stream: Stream, in directory: String) throws -> Double {
        let said = try run(
            "/usr/bin/fio",
            ["--name=data", "--directory=\(directory)", "--filename_format=\(stream.block)-\(stream.jobs).$jobnum", "--rw=\(stream.pattern)",
             "--bs=\(stream.block)", "--numjobs=\(stream.jobs)", "--size=\(stream.megabytesEach)M", "--ioengine=psync", "--fallocate=none",
             "--randseed=6", "--thread", "--group_reporting", "--output-format=json"],
            limit: 120)
        let object = try JSONSerialization.jsonObject(with: Data(said.utf8)) as? [String: Any]
        let jobs = object?["jobs"] as? [[String: Any]]
        guard let direction = jobs?.first?[stream.isWrite ? "write" : "read"] as? [String: Any], let rate = direction["bw_bytes"] as? NSNumber
        else { throw Failed(description: "fio did not tell how fast it was") }
        return rate.doubleValue / 1_048_576
    }
}
