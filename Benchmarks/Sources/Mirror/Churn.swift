// SPDX-License-Identifier: MIT

import Foundation
import Report

/// Small operations, as many as can be done: operations a second, and what they take of the server.
struct Churn {
    let options: Options
    let variants: [Variant]
    let tracing: Tracing?

    /// All variants take turns within a round; who begins changes. Says which could not do something.
    func measure(into figures: inout Figures<Key>) throws -> [String] {
        var failures: [String] = []
        let sources = Sources(options)
        for kind in options.sources {
            let subjects = try variants.map { variant in
                Subject(variant, source: try sources.directory("churn-\(variant.name)", on: kind), in: options.place)
            }
            defer { for subject in subjects { try? subject.unmount() } }
            for subject in subjects {
                try sources.prepare(subject.source)
                try subject.mount()
                figures.add(subject.residentMemory(), to: Key(source: kind, row: "memory", variant: subject.variant, name: "at first"))
            }
            var largest: [Double] = []
            for row in Row.all(options) {
                note("churn on \(kind): \(row.title)")
                // The cold ones, the last, begin with another server each time.
                if !row.operation.isCold { largest = subjects.map { $0.residentMemory() } }
                let able = try subjects.filter { subject in
                    do {
                        _ = try load(subject, row, "do", "\(min(row.operation.fewTimes, 256))")
                        return true
                    } catch {
                        // It starts anew: the next row shall not suffer from what it holds.
                        note("\(subject.variant.title): \(error)")
                        failures.append("\(row.operation.title) on \(kind): \(subject.variant.title), at which it fails")
                        try subject.unmount()
                        try subject.mount()
                        return false
                    }
                }
                for round in 0..<options.rounds {
                    for turn in able.indices {
                        try measure(able[(turn + round) % able.count], row, kind, &figures)
                    }
                }
            }
            for (subject, memory) in zip(subjects, largest) where subject.variant.isServed {
                figures.add(memory, to: Key(source: kind, row: "memory", variant: subject.variant, name: "in the end"))
            }
            if kind == options.sources.first { try count(subjects, kind, &figures) }
        }
        return failures
    }

    private func measure(_ subject: Subject, _ row: Row, _ kind: String, _ figures: inout Figures<Key>) throws {
        if row.operation.isCold {
            try subject.unmount()
            try subject.mount()
            let said = try load(subject, row, "do", "1")
            figures.add(said["rate"] ?? 0, to: Key(source: kind, row: row.title, variant: subject.variant, name: "rate"))
            return
        }
        let earlier = (subject.process.flatMap { processorTime(of: $0) } ?? 0, subject.contextSwitches())
        let said = try load(subject, row, "run", "\(options.seconds)")
        subject.waitUntilIdle()
        func add(_ name: String, _ value: Double) {
            figures.add(value, to: Key(source: kind, row: row.title, variant: subject.variant, name: name))
        }
        add("rate", said["rate"] ?? 0)
        guard let process = subject.process, let operations = said["operations"] else { return }
        add("processor", ((processorTime(of: process) ?? 0) - earlier.0) / 1000 / operations)
        add("switches", (subject.contextSwitches() - earlier.1) / operations)
    }

    /// What the kernel counts, apart from what is timed.
    private func count(_ subjects: [Subject], _ kind: String, _ figures: inout Figures<Key>) throws {
        guard let tracing else { return }
        note("requests and system calls")
        for operation in Row.operations(options) {
            for subject in subjects where subject.variant.isServed {
                if operation.isCold {
                    try subject.unmount()
                    try subject.mount()
                }
                let row = Row(operation: operation, threads: 1), times = Double(operation.fewTimes)
                func add(_ name: String, _ value: Double) {
                    figures.add(value / times, to: Key(source: kind, row: operation.title, variant: subject.variant, name: name))
                }
                var calls = 0
                // What it cannot do was found out already.
                guard let requests = try? tracing.requests(of: subject, {
                    calls = try tracing.systemCalls(of: subject) { _ = try load(subject, row, "do", "\(operation.fewTimes)") }
                }) else { continue }
                add("system calls", Double(calls))
                for (request, number) in requests { add("request \(request)", Double(number)) }
                add("requests", Double(requests.values.reduce(0, +)))
            }
        }
    }

    private func load(_ subject: Subject, _ row: Row, _ mode: String, _ how: String) throws -> [String: Double] {
        try numbers(run(options.load, [subject.directory, mode, row.operation.load, "\(row.threads)", how], limit: 120))
    }
}

/// Lines of a name and a number.
func numbers(_ output: String) -> [String: Double] {
    var found: [String: Double] = [:]
    for line in output.split(separator: "\n") {
        let parts = line.split(separator: " ")
        if parts.count == 2, let value = Double(parts[1]) { found[String(parts[0])] = value }
    }
    return found
}
