// SPDX-License-Identifier: MIT

import Foundation
import Report

/// What one request costs a mirror's server. A step makes hundreds of one kind; where others come with it they are counted, and what they
/// cost is known from the steps before.
struct Cost {
    var operation: String
    var counts: Callgrind.Counts
}

/// Gives a server its load step by step.
private final class Steps {
    private let process = Process()
    private let input = Pipe(), output = Pipe()

    init(_ load: String, in directory: String) throws {
        process.executableURL = URL(fileURLWithPath: load)
        process.arguments = [directory, "steps"]
        process.standardInput = input
        process.standardOutput = output
        try process.run()
    }

    func take(_ what: String, _ number: Int = 1) throws {
        try Watchdog.within(120, "step \(what)", also: process.processIdentifier) {
            try input.fileHandleForWriting.write(contentsOf: Data("\(what) \(number)\n".utf8))
            guard !output.fileHandleForReading.availableData.isEmpty else { throw Failed(description: "step \(what) failed") }
        }
    }

    func end() {
        try? input.fileHandleForWriting.close()
        process.waitUntilExit()
    }
}

struct CostMeter {
    let options: Options
    /// Makes a source with the load's files.
    let makeSource: (String) throws -> String
    private(set) var costs: [Cost] = []
    private let repetitions = 3

    init(_ options: Options, makeSource: @escaping (String) throws -> String) {
        self.options = options
        self.makeSource = makeSource
    }

    /// All that `Scripts/cost` watches, of one program.
    mutating func measure(_ program: String, _ name: String) throws {
        try mounted(program, "\(name)-cost-always", ["--cache", "always"]) { meter, steps, grind in
            try steps.take("getattr")
            try meter.add("GETATTR", grind) { try steps.take("getattr", 1000) }
            try meter.add("LOOKUP absent", grind) { try steps.take("absent", 500) }
            // Files that were opened before stay registered.
            try steps.take("open", 256)
            try steps.take("close")
            try meter.add("OPEN", grind, { try steps.take("open", 1024) }, after: { try steps.take("close") })
            try meter.add("RELEASE", grind, before: { try steps.take("open", 1024) }, { try steps.take("close") })
            try meter.add("CREATE", grind, { try steps.take("create", 300) }, after: {
                try steps.take("close")
                try steps.take("unlink", 300)
            })
            // Held by a descriptor of another kind, they are not forgotten with their name.
            func held() throws {
                try steps.take("create", 300)
                try steps.take("close")
                try steps.take("hold", 300)
            }
            try meter.add("UNLINK", grind, before: held, { try steps.take("unlink", 300) }, after: { try steps.take("close") })
            try meter.add("FORGET", grind, before: {
                try held()
                try steps.take("unlink", 300)
            }, { try steps.take("close-apart") })
        }
        try mounted(program, "\(name)-cost-none", ["--cache", "none"]) { meter, steps, grind in
            // Each component of a path is looked up each time, and its attributes asked for.
            try meter.add("LOOKUP", grind) { try steps.take("lookup", 500) }
            try steps.take("open-directory")
            try steps.take("list")
            try meter.add("READDIR", grind) { try steps.take("list-rest", 4) }
            try meter.add("READDIRPLUS", grind) { try steps.take("list", 4) }
        }
        try mounted(program, "\(name)-cost-off", ["--cache", "always", "--passthrough", "off"]) { meter, steps, grind in
            try steps.take("open-direct", 256)
            try meter.add("READ", grind) { try steps.take("read", 1024) }
            try steps.take("write", 256)
            try meter.add("WRITE", grind) { try steps.take("write", 1024) }
        }
    }

    /// Instructions that a filesystem takes to answer a GETATTR of its root, which needs no lookup.
    func instructionsOfGetattr(of program: String) throws -> Double {
        let variant = Variant(name: "getattr", title: program, kind: .ours, command: [program], hasSource: false)
        let grind = try Callgrind(Subject(variant, source: "", in: options.place), in: options.place)
        defer { try? grind.unmount() }
        let steps = try Steps(options.load, in: grind.subject.directory)
        defer { steps.end() }
        try steps.take("getattr-root", 100)
        let least = try (0..<repetitions).map { _ in try grind.counts { try steps.take("getattr-root", 10_000) }.instructions }.min() ?? 0
        return least / 10_000
    }

    private mutating func mounted(
        _ program: String, _ name: String, _ arguments: [String], _ body: (inout CostMeter, Steps, Callgrind) throws -> Void
    ) throws {
        let variant = Variant(name: name, title: name, kind: .ours, command: [program, "mount", "-f"] + arguments + (try Variant.plainTransport(program)))
        let grind = try Callgrind(Subject(variant, source: try makeSource(name), in: options.place), in: options.place)
        do {
            let steps = try Steps(options.load, in: grind.subject.directory)
            do {
                try body(&self, steps, grind)
            } catch {
                steps.end()
                throw error
            }
            steps.end()
        } catch {
            try? grind.unmount()
            throw error
        }
        try grind.unmount()
    }

    /// Measures a step some times, whose least counts: what the server does on its own from time to time is not a request's.
    private mutating func add(
        _ name: String, _ grind: Callgrind, before: () throws -> Void = {}, _ body: () throws -> Void, after: () throws -> Void = {}
    ) throws {
        let operation = String(name.prefix { $0 != " " })
        var least: Callgrind.Counts?
        for _ in 0..<repetitions {
            try before()
            grind.subject.waitUntilIdle()
            let earlier = try grind.subject.requests() ?? [:]
            var counts = try grind.counts(body)
            let requests = try (grind.subject.requests() ?? [:]).merging(earlier) { $0 - $1 }.filter { $0.value > 0 }
            try after()
            // FORGET may come for some inodes at once.
            guard let own = requests[operation] else {
                // A server may do without.
                note("\(name): no such request came, but \(requests)")
                return
            }
            let messages = own + (requests["BATCH_\(operation)"] ?? 0)
            for (other, number) in requests where other != operation && other != "BATCH_\(operation)" {
                // A name that is to be created was looked for.
                let known = costs.first { $0.operation == "\(other) absent" && operation == "CREATE" } ?? costs.first { $0.operation == other }
                guard let known else {
                    note("\(name): \(number) \(other) came with it and are counted as a part")
                    continue
                }
                counts = counts - known.counts * Double(number)
            }
            counts = counts * (1 / Double(messages))
            least = least?.least(counts) ?? counts
        }
        if let least { costs.append(Cost(operation: name, counts: least)) }
    }
}
