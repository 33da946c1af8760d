// SPDX-License-Identifier: MIT

import Foundation
import Report

extension Page {
    /// Reading and writing much.
    func data() -> [String] {
        let rows = Stream.allCases.map(\.row)
        let passed = variants.filter { !$0.isWithoutPassthrough && !$0.name.hasSuffix("-always") }
        let off = variants.filter { $0.isWithoutPassthrough || $0.kind == .native }
        return options.sources.flatMap { source -> [String] in
            func has(_ name: String) -> Bool {
                rows.contains { row in variants.contains { findings.figures.median(key(source, row, $0, name)) != nil } }
            }
            guard has("rate") else { return [] }
            var parts = [
                """
                ## Reading and writing, source on \(source)

                MiB a second, by fio; after each the number of its threads. With passthrough:

                \(rates(source, rows, "rate", of: passed))
                """,
                "Without (`--passthrough off`, `--nopassthrough`):\n\n\(withoutPassthrough(source, rows, off, "rate", higherIsBetter: true))",
                """
                Microseconds of the server's processor time for a MiB, without passthrough:

                \(withoutPassthrough(source, rows, off.filter(\.isServed), "processor", higherIsBetter: false))
                """,
            ]
            if has("requests") {
                let served = variants.filter(\.isServed)
                let lines = rows.map { row in
                    [row] + served.map { findings.figures.median(key(source, row, $0, "requests")).map { thousands(Int($0)) } ?? "-" }
                }
                parts.append("READ and WRITE requests that reached the server:\n\n" + markdown([""] + served.map(\.title), lines))
            }
            return parts
        }
    }

    /// As `table`, which compares those with passthrough, for those without.
    private func withoutPassthrough(_ source: String, _ rows: [String], _ variants: [Variant], _ name: String, higherIsBetter: Bool) -> String {
        let compared = variants.map { variant in
            var variant = variant
            variant.isWithoutPassthrough = false
            return variant
        }
        return table(rows, compared, higherIsBetter: higherIsBetter) { row, variant in
            self.variants.first { $0.name == variant.name }.flatMap { findings.figures.median(key(source, row, $0, name)) }
        }
    }

    /// Everyday work.
    func work() -> [String] {
        var parts: [String] = []
        for source in options.sources {
            func value(_ name: String) -> (String, Variant) -> Double? {
                { row, variant in
                    // The sum stands where every part is there.
                    guard row == "all" else { return findings.figures.median(key(source, row, variant, name)) }
                    let parts = Workload.allCases.compactMap { findings.figures.median(key(source, $0.rawValue, variant, name)) }
                    return parts.count == Workload.allCases.count ? parts.reduce(0, +) : nil
                }
            }
            let rows = Workload.allCases.map(\.rawValue)
            guard usual.contains(where: { value("seconds")(rows[0], $0) != nil }) else { continue }
            let native = usual.first { $0.kind == .native }
            parts.append(
                """
                ## Everyday work, source on \(source)

                Seconds, on a tree of \(thousands(Tree.files)) files and \(Tree.bytes >> 20) MiB; each works on what those before it left.

                \(table(rows + ["all"], usual, higherIsBetter: false, paired: pairs(source, "seconds"), value: value("seconds")))
                """)
            if let native {
                parts.append(
                    """
                    Seconds above native (ratios of what is more than a twentieth of a second):

                    \(table(rows + ["all"], served, higherIsBetter: false, least: 0.05) { row, variant in
                        guard let base = value("seconds")(row, native), let seconds = value("seconds")(row, variant) else { return nil }
                        return seconds - base
                    })
                    """)
            }
            if served.contains(where: { value("requests")(rows[0], $0) != nil }) {
                parts.append(
                    "Requests, without FORGET:\n\n"
                        + table(rows + ["all"], served, higherIsBetter: false, format: { thousands(Int($0)) }, value: value("requests")))
                parts.append("By operation, all workloads together:\n\n" + byOperation(source))
            }
            if served.contains(where: { value("forgets")(rows[0], $0) != nil }) {
                let counting = served.filter { value("forgets")(rows[0], $0) != nil }
                let lines = (rows + ["all"]).map { row in [row] + counting.map { thousands(Int(value("forgets")(row, $0) ?? 0)) } }
                parts.append(
                    "Messages that say FORGET, one or many at once, which depends on how busy the server is:\n\n"
                        + markdown([""] + counting.map(\.title), lines))
            }
        }
        return parts
    }

    /// All workloads together, in parts of the competitor's.
    func workInShort() -> String {
        var lines: [[String]] = []
        for source in options.sources {
            func sum(_ variant: Variant, _ name: String) -> Double? {
                let parts = Workload.allCases.compactMap { findings.figures.median(key(source, $0.rawValue, variant, name)) }
                return parts.count == Workload.allCases.count ? parts.reduce(0, +) : nil
            }
            func least(_ kind: Variant.Kind, _ name: String) -> Double? {
                usual.filter { $0.kind == kind && !$0.isWithoutPassthrough }.compactMap { sum($0, name) }.min()
            }
            if let native = least(.native, "seconds"), let ours = least(.ours, "seconds"), let theirs = least(.rival, "seconds"), theirs > native {
                lines.append(["seconds above native, best of ours, \(source)", decimals((ours - native) / (theirs - native), 2)])
            }
            guard let theirs = least(.rival, "requests") else { continue }
            for variant in served where variant.kind == .ours && !variant.isWithoutPassthrough {
                if let ours = sum(variant, "requests") { lines.append(["requests, \(variant.title), \(source)", decimals(ours / theirs, 2)]) }
            }
        }
        return lines.isEmpty ? "" : "\n\nEveryday work in parts of hp's best: less than 1 is better.\n\n" + markdown(["", "ours / hp"], lines)
    }

    private func byOperation(_ source: String) -> String {
        var sums: [String: [Variant: Double]] = [:]
        for workload in Workload.allCases {
            for variant in served {
                for name in Set(findings.figures.keys.lazy.filter { $0.row == workload.rawValue && $0.source == source }.map(\.name))
                where name.hasPrefix("request ") {
                    sums[String(name.dropFirst(8)), default: [:]][variant, default: 0] +=
                        findings.figures.median(key(source, workload.rawValue, variant, name)) ?? 0
                }
            }
        }
        let sorted = sums.sorted { ($0.value.values.max() ?? 0, $0.key) > ($1.value.values.max() ?? 0, $1.key) }
        return markdown(
            ["request"] + served.map(\.title), sorted.map { name, counts in [name] + served.map { thousands(Int(counts[$0] ?? 0)) } })
    }
}
