// SPDX-License-Identifier: MIT

import Foundation
import Report

/// The race of the table. `Benchmarks/table-race` builds the contestants and calls it.
@main
struct TableRace {
    static func main() {
        let arguments = CommandLine.arguments.dropFirst()
        let isQuick = arguments.contains("--quick")
        let paths = arguments.filter { !$0.hasPrefix("--") }
        guard paths.count == 2 else {
            note("usage: TableRace CONTESTANTS OUTPUT [--quick] (Benchmarks/table-race calls it)")
            exit(2)
        }
        let plan = isQuick ? Plan.quick : Plan.full
        do {
            var runner = Runner(directory: URL(fileURLWithPath: paths[0]))
            try runner.race("time", plan.rows, rounds: plan.rounds)
            try runner.race("worst", plan.worstRows, rounds: 1)
            try runner.race("pair", plan.pairRows, rounds: plan.rounds)
            try runner.count(plan.countedRows)
            let page = Page(runner: runner, plan: plan, isQuick: isQuick)
            let output = URL(fileURLWithPath: paths[1])
            try page.text().write(to: output.appendingPathComponent("backing-table-race.md"), atomically: true, encoding: .utf8)
            try Picture(runner: runner, plan: plan).svg()
                .write(to: output.appendingPathComponent("backing-table-race.svg"), atomically: true, encoding: .utf8)
            print(page.verdicts())
            note("written: \(output.path)/backing-table-race.md, .svg")
        } catch {
            note("race: \(error)")
            exit(1)
        }
    }
}
