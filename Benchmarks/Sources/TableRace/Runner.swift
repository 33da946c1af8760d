// SPDX-License-Identifier: MIT

import Foundation
import Report

/// Runs the contestants' programs, and keeps what they say.
struct Runner {
    /// Where the programs are.
    let directory: URL

    private var figures = Figures<Key>()

    struct Key: Hashable {
        var mode: String
        var row: Row
        var contestant: Contestant
        /// As the program prints it.
        var name: String
    }

    init(directory: URL) { self.directory = directory }

    /// The median of the rounds.
    func median(_ mode: String, _ row: Row, _ contestant: Contestant, _ name: String) -> Double? {
        figures.median(Key(mode: mode, row: row, contestant: contestant, name: name))
    }

    /// By how much the middle half of the rounds differ, as a part of the median.
    func spread(_ mode: String, _ row: Row, _ contestant: Contestant, _ name: String) -> Double? {
        figures.spread(Key(mode: mode, row: row, contestant: contestant, name: name))
    }

    /// Each contestant once in each round, one after the other; who begins changes.
    mutating func race(_ mode: String, _ rows: [Row], rounds: Int) throws {
        for (index, row) in rows.enumerated() {
            let contestants = Contestant.allCases.filter { $0.takes(row) && !($0 == .chains && mode != "time" && row.count > 65_536) }
            note("\(mode) \(index + 1)/\(rows.count): \(row.shape.title), \(row.count)")
            for round in 0..<rounds {
                for turn in contestants.indices {
                    let contestant = contestants[(turn + round) % contestants.count]
                    let output = try run(program(contestant), [mode, row.shape.argument, "\(row.count)"])
                    for (name, value) in Runner.numbers(output) {
                        figures.add(value, to: Key(mode: mode, row: row, contestant: contestant, name: name))
                    }
                }
            }
        }
    }

    /// Instructions and simulated cache misses, by callgrind.
    mutating func count(_ rows: [Row]) throws {
        for row in rows {
            for contestant in Contestant.allCases where contestant.takes(row) && !(contestant == .chains && row.count > 65_536) {
                note("count: \(contestant.title), \(row.shape.title), \(row.count)")
                let file = directory.appendingPathComponent("callgrind.out").path
                for old in try FileManager.default.contentsOfDirectory(atPath: directory.path) where old.hasPrefix("callgrind.out") {
                    try FileManager.default.removeItem(atPath: directory.appendingPathComponent(old).path)
                }
                let output = try run(
                    "/usr/bin/valgrind",
                    ["--tool=callgrind", "--quiet", "--cache-sim=yes", "--I1=32768,8,64", "--D1=32768,8,64", "--LL=8388608,16,64",
                     "--callgrind-out-file=\(file)", program(contestant), "count", row.shape.argument, "\(row.count)"])
                let operations = Dictionary(Runner.numbers(output), uniquingKeysWith: { $1 })
                for number in 1...5 {
                    guard let text = try? String(contentsOfFile: "\(file).\(number)", encoding: .utf8) else { continue }
                    try read(text, row, contestant, operations)
                }
            }
        }
    }

    private mutating func read(_ dump: String, _ row: Row, _ contestant: Contestant, _ operations: [String: Double]) throws {
        var phase = "", events: [Substring] = []
        for line in dump.split(separator: "\n") {
            if let marked = line.firstRange(of: "Client Request: ") { phase = String(line[marked.upperBound...]) }
            if line.hasPrefix("events: ") { events = line.dropFirst(8).split(separator: " ") }
            guard line.hasPrefix("summary: "), let done = operations["\(phase)-operations"] else { continue }
            // Zeros at the end are left out.
            for (event, value) in zip(events, line.dropFirst(9).split(separator: " ")) {
                figures.add((Double(value) ?? 0) / done, to: Key(mode: "count", row: row, contestant: contestant, name: "\(phase)-\(event)"))
            }
        }
    }

    private func program(_ contestant: Contestant) -> String { directory.appendingPathComponent(contestant.rawValue).path }

    private static func numbers(_ output: String) -> [(String, Double)] {
        output.split(separator: "\n").compactMap { line in
            let parts = line.split(separator: " ")
            guard parts.count == 2, let value = Double(parts[1]) else { return nil }
            return (String(parts[0]), value)
        }
    }
}
