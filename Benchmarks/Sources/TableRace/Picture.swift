// SPDX-License-Identifier: MIT

import Report

/// The times of the largest maps, as a picture: a line for each operation and shape, a dot for each map.
struct Picture {
    let runner: Runner
    let plan: Plan

    func svg() -> String {
        let largest = plan.rows.map(\.count).max() ?? 0
        var lines: [DotPicture.Line] = []
        for phase in Phase.allCases where phase != .churn {
            for row in plan.rows where row.count == largest {
                let values = Contestant.allCases.enumerated().compactMap { index, contestant in
                    runner.median("time", row, contestant, phase.rawValue).map { (contestant: index, value: $0) }
                }
                if !values.isEmpty { lines.append(.init(title: "\(phase.rawValue): \(row.shape.title)", values: values)) }
            }
        }
        return DotPicture(
            title: "Nanoseconds per operation, \(thousands(largest)) ids (less is better)",
            contestants: Contestant.allCases.map(\.title), lines: lines, ticks: [10, 100, 1000, 10_000, 100_000],
            // From 5 ns to 200 us, by factors.
            range: 5...200_000, format: { "\(decimals($0)) ns" }, tick: { "\(thousands(Int($0))) ns" }
        ).svg()
    }
}
