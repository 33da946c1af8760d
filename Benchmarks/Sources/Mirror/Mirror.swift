// SPDX-License-Identifier: MIT

import Foundation
import Report

/// The mirror beside what one would use instead. `Benchmarks/mirror` prepares the machine and calls it.
@main
struct Mirror {
    static func main() {
        let arguments = Array(CommandLine.arguments.dropFirst())
        guard arguments.count >= 3, let mode = Mode(rawValue: arguments[0]) else {
            note("usage: Mirror full|quick|cost|getattr PLACE OUTPUT (Benchmarks/mirror calls it)")
            exit(2)
        }
        do {
            let options = try Options(place: arguments[1], output: arguments[2], isQuick: mode == .quick)
            switch mode {
            case .cost: try cost(options)
            case .getattr: try print(decimals(CostMeter(options) { $0 }.instructionsOfGetattr(of: options.program)))
            case .full, .quick: try benchmark(options)
            }
        } catch {
            note("mirror: \(error)")
            exit(1)
        }
    }

    enum Mode: String { case full, quick, cost, getattr }

    /// A line for each operation: its name, instructions, allocations, changed reference counts.
    static func cost(_ options: Options) throws {
        var meter = CostMeter(options) { name in
            let source = try Sources(options).directory(name, on: "tmpfs")
            try Sources(options).prepare(source)
            return source
        }
        try meter.measure(options.program, "ours")
        for cost in meter.costs {
            print(
                cost.operation.replacingOccurrences(of: " ", with: "-"), decimals(cost.counts.instructions, 0), decimals(cost.counts.allocations, 2), decimals(cost.counts.referenceCounts, 2))
        }
    }
}
