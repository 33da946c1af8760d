// SPDX-License-Identifier: MIT

import Report

/// What the servers do for each operation, counted by callgrind; and what each request costs ours.
struct Counted {
    let options: Options
    let variants: [Variant]

    func measure(into figures: inout Figures<Key>) throws -> (costs: [(title: String, costs: [Cost])], leftOut: [String]) {
        let sources = Sources(options)
        var leftOut: [String] = []
        if variants.contains(where: { $0.name.hasSuffix("ring") }) { leftOut.append("instructions over io_uring, which valgrind does not know") }
        for variant in variants where variant.isServed && takes(variant) {
            note("counted by callgrind: \(variant.title)")
            let source = try sources.directory("counted-\(variant.name)", on: "tmpfs")
            try sources.prepare(source)
            do {
                try measure(variant, source, into: &figures)
            } catch {
                // valgrind does not know all that a server may call.
                note("\(variant.title) under callgrind: \(error)")
                leftOut.append("instructions of \(variant.title), which valgrind could not run")
            }
        }
        var costs: [(title: String, costs: [Cost])] = []
        for (title, program) in [("ours", options.program)] + (options.before.map { [("before", $0)] } ?? []) {
            note("requests counted by callgrind: \(title)")
            var meter = CostMeter(options) { name in
                let source = try sources.directory(name, on: "tmpfs")
                try sources.prepare(source)
                return source
            }
            try meter.measure(program, title)
            costs.append((title, meter.costs))
        }
        return (costs, leftOut)
    }

    /// Not those whose instructions are another's; in the quick form those alone that it is about.
    private func takes(_ variant: Variant) -> Bool {
        if options.isQuick { return ["ours", "before", "hp"].contains(variant.name) }
        return !variant.name.hasSuffix("ring") && !variant.name.hasSuffix("-clone") && !variant.name.hasSuffix("-dev")
    }

    private func measure(_ variant: Variant, _ source: String, into figures: inout Figures<Key>) throws {
        let isMirror = variant.kind == .ours || variant.kind == .before
        let grind = try Callgrind(
            Subject(variant, source: source, in: options.place), in: options.place,
            arguments: isMirror && !variant.command.contains("--transport") ? Variant.plainTransport(variant.command[0]) : [])
        defer { try? grind.unmount() }
        for operation in Row.operations(options) where !operation.isLong && !operation.isCold {
            func load() throws {
                try run(options.load, [grind.subject.directory, "do", operation.rawValue, "1", "\(operation.fewTimes)"], limit: 120)
            }
            // What is done once is done before.
            try load()
            let counts = try grind.counts(load)
            func add(_ name: String, _ value: Double) {
                figures.add(
                    value / Double(operation.fewTimes), to: Key(source: "tmpfs", row: operation.title, variant: variant, name: name))
            }
            add("instructions", counts.instructions)
            add("allocations", counts.allocations)
            add("reference counts", counts.referenceCounts)
        }
    }
}
