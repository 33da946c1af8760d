// SPDX-License-Identifier: MIT

import Foundation
import Report

/// All that was measured.
struct Findings {
    var figures = Figures<Key>()
    var costs: [(title: String, costs: [Cost])] = []
    var leftOut: [String] = []
}

func benchmark(_ options: Options) throws {
    var findings = Findings()
    let all = try Variant.all(options)
    findings.leftOut = all.leftOut
    let variants = all.variants.filter { !$0.isForDataAlone }
    let tracing = Tracing(prefix: options.traces)
    if tracing == nil { findings.leftOut.append("requests and system calls counted by tracepoints, which are not to be had here") }
    let start = now()
    // What was measured is told also where a part of it failed.
    var failures = 0
    func part(_ name: String, _ body: () throws -> Void) {
        guard options.parts.contains(name) else { return }
        do {
            try body()
        } catch {
            note("\(name): \(error)")
            findings.leftOut.append("a part of \"\(name)\", which failed")
            failures += 1
        }
    }
    part("churn") {
        findings.leftOut += try Churn(options: options, variants: variants, tracing: tracing).measure(into: &findings.figures)
    }
    part("counts") {
        let counted = try Counted(options: options, variants: variants).measure(into: &findings.figures)
        findings.costs = counted.costs
        findings.leftOut += counted.leftOut
        try measureStarts(options, variants, into: &findings.figures)
    }
    part("data") {
        // The rest of what a mirror remembers makes no difference here.
        let theirs = all.variants.filter { !$0.name.hasSuffix("-always") }
        try DataPaths(options: options, variants: theirs, tracing: tracing).measure(into: &findings.figures)
    }
    part("work") {
        findings.leftOut += try Work(options: options, variants: variants, tracing: tracing).measure(into: &findings.figures)
    }
    let page = Page(options: options, findings: findings, variants: all.variants, minutes: (now() - start) / 60)
    let output = URL(fileURLWithPath: options.output)
    try page.text().write(to: output.appendingPathComponent("benchmarks.md"), atomically: true, encoding: .utf8)
    if let picture = page.picture() {
        try picture.write(to: output.appendingPathComponent("benchmarks.svg"), atomically: true, encoding: .utf8)
    }
    note("written: \(options.output)/benchmarks.md, .svg")
    guard failures == 0 else { throw Failed(description: "\(failures) parts failed") }
}

/// Seconds from the start of a server until it answers.
private func measureStarts(_ options: Options, _ variants: [Variant], into figures: inout Figures<Key>) throws {
    note("time to a live mount")
    let subjects = try variants.filter(\.isServed).map {
        Subject($0, source: try Sources(options).directory("start-\($0.name)", on: "tmpfs"), in: options.place)
    }
    for _ in 0..<(options.isQuick ? 3 : 11) {
        for subject in subjects {
            try subject.mount()
            figures.add(
                (subject.secondsToLive ?? 0) * 1000, to: Key(source: "tmpfs", row: "start", variant: subject.variant, name: "milliseconds"))
            try subject.unmount()
        }
    }
}
