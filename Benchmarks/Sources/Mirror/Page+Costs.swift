// SPDX-License-Identifier: MIT

import Foundation
import Report

extension Page {
    /// What the server does for an operation, a table for each way to look at it.
    func costsOfOperations() -> [String] {
        let source = options.sources.first ?? "tmpfs"
        let timed = options.threads.min() ?? 1
        let operations = Row.operations(options)
        func costs(_ title: String, _ text: String, _ name: String, from source: String, timed threads: Int? = nil) -> String {
            func row(_ operation: String) -> String { threads.map { "\(operation), \($0)" } ?? operation }
            func value(_ operation: String, _ variant: Variant) -> Double? {
                findings.figures.median(key(source, row(operation), variant, name))
            }
            let rows = operations.map(\.title).filter { operation in served.contains { value(operation, $0) != nil } }
            return rows.isEmpty ? "" : "### \(title)\n\n\(text)\n\n" + table(rows, served, higherIsBetter: false, paired: { self.pairs(source, name)(row($0), $1, $2) }, value: value)
        }
        let tables = [
            costs("Processor time", "Microseconds, user and system, source on \(source), threads: \(timed).", "processor", from: source, timed: timed),
            costs("Context switches", "Of all its threads, in the same runs.", "switches", from: source, timed: timed),
            costs("Requests", "That the kernel sends, without FORGET.", "requests", from: source),
            requestsByName(source),
            costs("System calls", "Of all its threads.", "system calls", from: source),
            costs("Instructions", "Counted by callgrind; in user space.", "instructions", from: "tmpfs"),
            costs("Heap allocations", "Counted by callgrind: calls of `malloc` and the like.", "allocations", from: "tmpfs"),
        ].filter { !$0.isEmpty }
        return tables.isEmpty ? [] : ["## What the server does for one operation\n\nLess is better."] + tables
    }

    private func requestsByName(_ source: String) -> String {
        let names = Set(findings.figures.keys.map(\.name)).filter { $0.hasPrefix("request ") }.sorted()
        let shown = served.filter { ["ours", "ours-always", "hp"].contains($0.name) }
        let lines: [[String]] = Row.operations(options).compactMap { operation in
            let cells = shown.map { variant in
                names.compactMap { name in
                    findings.figures.median(key(source, operation.title, variant, name)).map { "\(name.dropFirst(8)) \(figure($0))" }
                }.joined(separator: ", ")
            }
            return cells.allSatisfy(\.isEmpty) ? nil : [operation.title] + cells
        }
        return lines.isEmpty ? "" : "By name:\n\n" + markdown(["operation"] + shown.map(\.title), lines)
    }

    /// Of each request, with those that come with it taken off.
    func costsOfRequests() -> [String] {
        guard let first = findings.costs.first, !first.costs.isEmpty else { return [] }
        func pair(_ format: @escaping (Callgrind.Counts) -> String) -> (String) -> [String] {
            { operation in
                findings.costs.map { measured in measured.costs.first { $0.operation == operation }.map { format($0.counts) } ?? "-" }
            }
        }
        let instructions = pair { figure($0.instructions) }, allocations = pair { decimals($0.allocations, 2) }
        let references = pair { figure($0.referenceCounts) }
        let titles = findings.costs.map(\.title)
        let header = ["request"] + ["instructions", "allocations", "changed reference counts"].flatMap { name in
            titles.map { titles.count > 1 ? "\(name), \($0)" : name }
        }
        let sorted = first.costs.sorted { $0.counts.instructions > $1.counts.instructions }
        return [
            """
            ## What one request costs our server

            In user space, counted by callgrind; one READDIR has some 340 names, one READDIRPLUS some 170. `LOOKUP` is of a name whose inode is
            known. Files that are opened stay registered.

            \(markdown(header, sorted.map { [$0.operation] + instructions($0.operation) + allocations($0.operation) + references($0.operation) }))
            """
        ]
    }

    /// Memory and the time to a live mount.
    func servers() -> String {
        let source = options.sources.first ?? "tmpfs"
        let rows = [
            ("memory at first, MiB", { self.findings.figures.median(self.key(source, "memory", $0, "at first")).map { $0 / 1024 } }),
            ("memory after all small operations, MiB", { self.findings.figures.median(self.key(source, "memory", $0, "in the end")).map { $0 / 1024 } }),
            ("milliseconds to a live mount", { self.findings.figures.median(self.key("tmpfs", "start", $0, "milliseconds")) }),
        ] as [(String, (Variant) -> Double?)]
        let lines = rows.filter { row in served.contains { row.1($0) != nil } }
        guard !lines.isEmpty else { return "" }
        return "## The servers\n\n" + table(lines.map(\.0), served, higherIsBetter: false, first: "") { title, variant in
            lines.first { $0.0 == title }?.1(variant)
        }
    }
}
