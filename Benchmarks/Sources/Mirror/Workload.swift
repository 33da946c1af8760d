// SPDX-License-Identifier: MIT

import Foundation
import Report

/// What people do, in the order in which they do it: each works on what those before it left.
enum Workload: String, CaseIterable {
    case untar
    case gitAdd = "git init + add"
    case gitCommit = "git commit"
    case gitStatus = "git status"
    case gitClone = "git clone"
    case grep = "grep -r"
    case copy = "cp -r"
    case remove = "rm -rf"

    func command(archive: String) -> String {
        switch self {
        case .untar: "mkdir tree && tar xf \(archive) -C tree"
        case .gitAdd: "cd tree && git init -q . && git add -A"
        case .gitCommit: "cd tree && git commit -q -m tree"
        case .gitStatus: "cd tree && git status --short"
        case .gitClone: "git clone -q tree clone"
        case .grep: "grep -r no-such-word-is-there tree || [ $? = 1 ]"
        case .copy: "cp -r tree copy"
        case .remove: "rm -rf tree clone copy"
        }
    }
}

/// The workloads, on each variant in turn.
struct Work {
    let options: Options
    let variants: [Variant]
    let tracing: Tracing?

    private var errors: String { "\(options.place)/work-errors" }

    private static let environment = [
        "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", "GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example.org",
        "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_AUTHOR_DATE": "1700000000 +0000",
        "GIT_COMMITTER_DATE": "1700000000 +0000", "LC_ALL": "C", "GIT_CONFIG_COUNT": "2", "GIT_CONFIG_KEY_0": "gc.auto", "GIT_CONFIG_VALUE_0": "0",
        "GIT_CONFIG_KEY_1": "init.defaultBranch", "GIT_CONFIG_VALUE_1": "main",
    ]

    func measure(into figures: inout Figures<Key>) throws -> [String] {
        var failures: [String] = []
        let archive = try Tree.make(at: "\(options.place)/tree").archive
        let sources = Sources(options)
        for kind in options.sources {
            var subjects = try variants.map { variant in
                Subject(variant, source: try sources.directory("work-\(variant.name)", on: kind), in: options.place)
            }
            defer { for subject in subjects { try? subject.unmount() } }
            for subject in subjects { try subject.mount() }
            for round in 0..<options.rounds {
                for workload in Workload.allCases {
                    note("work on \(kind), round \(round + 1) of \(options.rounds): \(workload.rawValue)")
                    for turn in subjects.indices.reversed().map({ (($0 + round) % subjects.count) }) {
                        let subject = subjects[turn]
                        // What those before it wrote is not this one's to carry.
                        try run("/usr/bin/sync", ["-f", subject.source], limit: 300)
                        do {
                            try measure(subject, workload, archive, kind, isFirst: round == 0, &figures)
                        } catch {
                            note("\(subject.variant.title): \(error)\n\((try? String(contentsOfFile: errors, encoding: .utf8).prefix(500)) ?? "")")
                            failures.append("\(workload.rawValue) on \(kind): \(subject.variant.title), at which it fails, and what follows")
                            try? subject.unmount()
                            _ = try? run("/usr/bin/rm", ["-rf", subject.source], limit: 300)
                        }
                    }
                    subjects.removeAll { !FileManager.default.fileExists(atPath: $0.source) }
                }
            }
        }
        return failures
    }

    private func measure(
        _ subject: Subject, _ workload: Workload, _ archive: String, _ kind: String, isFirst: Bool, _ figures: inout Figures<Key>
    ) throws {
        func add(_ name: String, _ value: Double) {
            figures.add(value, to: Key(source: kind, row: workload.rawValue, variant: subject.variant, name: name))
        }
        func work() throws {
            let start = now(), earlier = subject.process.flatMap { processorTime(of: $0) } ?? 0
            try run(
                "/bin/sh", ["-c", "exec 2>\(errors); \(workload.command(archive: archive))"], in: subject.directory, environment: Work.environment, limit: 300)
            add("seconds", now() - start)
            subject.waitUntilIdle()
            if let process = subject.process { add("processor", ((processorTime(of: process) ?? 0) - earlier) / 1e9) }
        }
        // They are the same in each round.
        guard isFirst, subject.variant.isServed else { return try work() }
        let earlier = try subject.requests()
        if let tracing {
            let requests = try tracing.requests(of: subject, work)
            for (request, number) in requests { add("request \(request)", Double(number)) }
            add("requests", Double(requests.values.reduce(0, +)))
        } else {
            try work()
        }
        // FORGET has no tracepoint: the mirror counts it itself.
        guard let later = try subject.requests(), let earlier else { return }
        let new = later.merging(earlier) { $0 - $1 }
        add("forgets", Double((new["FORGET"] ?? 0) + (new["BATCH_FORGET"] ?? 0)))
    }
}
