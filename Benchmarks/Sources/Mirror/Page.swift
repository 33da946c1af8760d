// SPDX-License-Identifier: MIT

import Foundation
import Report

/// What was measured, as a page.
struct Page {
    let options: Options
    let findings: Findings
    let variants: [Variant]
    let minutes: Double

    /// Those that are in most tables.
    var usual: [Variant] { variants.filter { !$0.isForDataAlone } }
    var served: [Variant] { usual.filter(\.isServed) }

    func text() -> String {
        var parts = [introduction(), summary()]
        for source in options.sources {
            let rows = Row.all(options).filter { row in findings.figures.median(key(source, row.title, usual[0], "rate")) != nil }
            guard !rows.isEmpty else { continue }
            parts.append(
                """
                ## Small operations, source on \(source)

                Operations a second; after each operation the number of threads that do it. One listing is one operation.

                \(rates(source, rows.map(\.title), "rate"))
                """)
        }
        parts += data() + work() + costsOfOperations() + costsOfRequests() + [servers()]
        return parts.filter { !$0.isEmpty }.joined(separator: "\n\n") + "\n"
    }

    /// How it stands to the competitor's best.
    private func summary() -> String {
        func best(_ source: String, _ row: String, _ kind: Variant.Kind, of variants: [Variant]) -> Double? {
            variants.filter { $0.kind == kind }.compactMap { findings.figures.median(key(source, row, $0, "rate")) }.max()
        }
        var lines: [[String]] = []
        func add(_ title: String, _ source: String, _ rows: [String], _ variants: [Variant]) {
            let ratios = rows.compactMap { row -> (Double, String)? in
                guard let ours = best(source, row, .ours, of: variants), let theirs = best(source, row, .rival, of: variants), theirs > 0
                else { return nil }
                return (ours / theirs, row)
            }.sorted { $0.0 < $1.0 }
            guard let worst = ratios.first else { return }
            lines.append([
                title, decimals(ratios[ratios.count / 2].0, 2), "\(ratios.count { $0.0 < 1 }) of \(ratios.count)",
                "\(decimals(worst.0, 2)) (\(worst.1))",
            ])
        }
        let passed = variants.filter { !$0.isWithoutPassthrough }, off = variants.filter(\.isWithoutPassthrough)
        for source in options.sources {
            add("small operations, \(source)", source, Row.all(options).map(\.title), usual)
            add("reading and writing, \(source)", source, Stream.allCases.map(\.row), passed)
            add("reading and writing without passthrough, \(source)", source, Stream.allCases.map(\.row), off)
        }
        guard !lines.isEmpty else { return "" }
        return """
            ## In short

            The best of ours in parts of hp's best: more than 1 is faster.

            \(markdown(["", "median of the rows", "below 1", "worst row"], lines))\(workInShort())
            """
    }

    private func introduction() -> String {
        let version = options.rivalVersion.map { " `passthrough_hp` is of \($0)." } ?? ""
        return """
            # Benchmarks

            Made by `\(options.command)` in \(Int(minutes.rounded(.up))) minutes: the mirror beside libfuse's `passthrough_hp` ("hp") and beside the native
            directory. All take turns within each round, and each figure is the median of \(options.rounds) rounds. The first row of each table is the one where the mirror
            does worst.\(options.before == nil ? "" : " \"before\" is another build of it: the ratio to that is the median of the rounds' ratios; in brackets, where their middle half lies.")

            ![Operations a second, in parts of the native directory's](benchmarks.svg)

            \(Machine.description). \(Machine.said("/usr/bin/env", ["swift", "--version"])).\(version) The ext4 is in a file on a tmpfs.
            The machine's load was \(options.loadBefore) before it began.
            "always" is `--cache always`, "off" `--passthrough off`; hp remembers names and attributes for a day, whatever happens in the source.
            Half of all figures had the middle half of their rounds within \(Int((100 * typicalSpread()).rounded())) % of the median.\
            \(findings.leftOut.isEmpty ? "" : "\n\nLeft out: \(findings.leftOut.joined(separator: "; ")).")
            """
    }

    /// A table of operations a second.
    func rates(_ source: String, _ rows: [String], _ name: String, of variants: [Variant]? = nil) -> String {
        let variants = variants ?? usual
        return table(rows, variants, higherIsBetter: true, paired: pairs(source, name)) { row, variant in
            findings.figures.median(key(source, row, variant, name))
        }
    }

    /// The ratios of two variants' figures, one for each round.
    func pairs(_ source: String, _ name: String) -> (String, Variant, Variant) -> [Double] {
        { row, one, other in
            zip(findings.figures.all(key(source, row, one, name)), findings.figures.all(key(source, row, other, name)))
                .compactMap { $1 > 0 ? $0 / $1 : nil }
        }
    }

    /// A row for each thing, a column for each variant, and ratios of what is more than `least`; where the mirror does worst first.
    func table(
        _ rows: [String], _ variants: [Variant], higherIsBetter: Bool, least: Double = 0, format: (Double) -> String = figure,
        first: String = "operation", paired: ((String, Variant, Variant) -> [Double])? = nil, value: (String, Variant) -> Double?
    ) -> String {
        // Those of which no row has anything are left out.
        let shown = variants.filter { variant in rows.contains { value($0, variant) != nil } }
        func best(_ row: String, _ kind: Variant.Kind) -> Double? {
            let values = shown.filter { $0.kind == kind && !$0.isWithoutPassthrough }.compactMap { value(row, $0) }
            return higherIsBetter ? values.max() : values.min()
        }
        let kinds = Set(shown.map(\.kind))
        var header = [first] + shown.map(\.title)
        if kinds.contains(.native) { header.append("ours / native") }
        if kinds.contains(.rival) { header += ["ours / best hp", "best of ours / best hp"] }
        let pairs = shown.filter { $0.kind == .before }.compactMap { before in
            shown.first { $0.kind == .ours && $0.name.dropFirst("ours".count) == before.name.dropFirst("before".count) }.map { ($0, before) }
        }
        header += pairs.map { "\($0.0.title) / \($0.1.title)" }
        var lines: [(Double, [String])] = []
        for row in rows {
            guard shown.contains(where: { value(row, $0) != nil }) else { continue }
            let ours = shown.first { $0.kind == .ours }.flatMap { value(row, $0) }
            func ratio(_ one: Double?, _ other: Double?) -> Double? {
                guard let one, let other, one > least, other > least else { return nil }
                return one / other
            }
            var ratios: [Double?] = []
            if kinds.contains(.native) { ratios.append(ratio(ours, best(row, .native))) }
            if kinds.contains(.rival) { ratios += [ratio(ours, best(row, .rival)), ratio(best(row, .ours), best(row, .rival))] }
            // Rounds that were neighbours are compared, where there are any: what the machine did meanwhile was the same for both.
            let compared = pairs.map { pair in paired?(row, pair.0, pair.1).sorted() ?? [] }
            ratios += zip(pairs, compared).map { pair, rounds in
                rounds.isEmpty ? ratio(value(row, pair.0), value(row, pair.1)) : rounds[rounds.count / 2]
            }
            // The last ones are what it is about.
            let deciding = (pairs.isEmpty ? ratios.suffix(1) : ratios.suffix(pairs.count)).compactMap { $0 }
            let worst = (higherIsBetter ? deciding.min() : deciding.max().map { -$0 }) ?? .infinity
            var texts = ratios.map { $0.map { decimals($0, 2) } ?? "-" }
            for (index, rounds) in zip(texts.indices.suffix(pairs.count), compared) where rounds.count > 2 {
                texts[index] += " (\(decimals(rounds[rounds.count / 4], 2)) - \(decimals(rounds[rounds.count * 3 / 4], 2)))"
            }
            lines.append((worst, [row] + shown.map { value(row, $0).map(format) ?? "-" } + texts))
        }
        return markdown(header, lines.sorted { $0.0 < $1.0 }.map(\.1))
    }

    func key(_ source: String, _ row: String, _ variant: Variant, _ name: String) -> Key {
        Key(source: source, row: row, variant: variant, name: name)
    }

    private func typicalSpread() -> Double {
        var spreads: [Double] = []
        for source in options.sources {
            for row in Row.all(options) {
                spreads += usual.compactMap { findings.figures.spread(key(source, row.title, $0, "rate")) }
            }
        }
        return spreads.isEmpty ? 0 : spreads.sorted()[spreads.count / 2] / 2
    }

    /// Each variant's operations a second as a part of the native directory's.
    func picture() -> String? {
        guard let source = options.sources.first, let native = usual.first(where: { $0.kind == .native }) else { return nil }
        let shown = served.sorted { ($0.kind == .ours ? 0 : 1) < ($1.kind == .ours ? 0 : 1) }
        let threads = options.threads.contains(2) ? 2 : options.threads[0]
        let lines: [DotPicture.Line] = Row.all(options).filter { $0.threads == threads || $0.operation.isLong }.compactMap { row in
            guard let base = findings.figures.median(key(source, row.title, native, "rate")) else { return nil }
            let values = shown.enumerated().compactMap { index, variant in
                findings.figures.median(key(source, row.title, variant, "rate")).map { (contestant: index, value: 100 * $0 / base) }
            }
            return .init(title: row.operation.title, values: values)
        }
        guard !lines.isEmpty else { return nil }
        return DotPicture(
            title: "Operations a second, in parts of the native directory's (more is better)", contestants: shown.map(\.title), lines: lines,
            ticks: [1, 3, 10, 30, 100], range: 0.5...200, left: 180, format: { "\(decimals($0)) %" }, tick: { "\(Int($0)) %" }
        ).svg()
    }
}
