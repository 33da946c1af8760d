// SPDX-License-Identifier: MIT

import Foundation

/// The times of the largest maps, as a picture: a line for each operation and shape, a dot for each map.
struct Picture {
    let runner: Runner
    let plan: Plan

    private static let colours = ["#c1121f", "#1d3557", "#457b9d", "#2a9d8f", "#8ab17d", "#9c6644"]

    func svg() -> String {
        let largest = plan.rows.map(\.count).max() ?? 0
        var lines: [(title: String, values: [(Int, Double)])] = []
        for phase in Phase.allCases where phase != .churn {
            for row in plan.rows where row.count == largest {
                let values = Contestant.allCases.enumerated().compactMap { index, contestant in
                    runner.median("time", row, contestant, phase.rawValue).map { (index, $0) }
                }
                if !values.isEmpty { lines.append(("\(phase.rawValue): \(row.shape.title)", values)) }
            }
        }
        let left = 250.0, width = 620.0, top = 70.0, step = 20.0
        let height = top + step * Double(lines.count) + 50
        // From 5 ns to 200 us, by factors.
        func x(_ value: Double) -> Double { left + width * log(max(value, 5) / 5) / log(40_000) }
        var parts = [
            """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Int(left + width + 40)) \(Int(height))" font-family="sans-serif" font-size="12">
            <rect width="100%" height="100%" fill="white"/>
            <text x="16" y="22" font-size="15">Nanoseconds per operation, \(thousands(largest)) ids (less is better)</text>
            """
        ]
        for (index, contestant) in Contestant.allCases.enumerated() {
            let place = 16.0 + Double(index) * 140
            parts.append(
                "<circle cx=\"\(place + 5)\" cy=\"42\" r=\"5\" fill=\"\(Self.colours[index])\"/><text x=\"\(place + 15)\" y=\"46\">\(contestant.title)</text>")
        }
        for tick in [10.0, 100, 1000, 10_000, 100_000] {
            parts.append(
                """
                <line x1="\(decimals(x(tick)))" y1="\(top - 8)" x2="\(decimals(x(tick)))" y2="\(height - 38)" stroke="#ccc"/>\
                <text x="\(decimals(x(tick)))" y="\(height - 20)" text-anchor="middle">\(thousands(Int(tick))) ns</text>
                """)
        }
        for (number, line) in lines.enumerated() {
            let y = top + step * (Double(number) + 0.5)
            parts.append("<text x=\"\(left - 10)\" y=\"\(y + 4)\" text-anchor=\"end\">\(line.title)</text>")
            parts.append("<line x1=\"\(left)\" y1=\"\(y)\" x2=\"\(left + width)\" y2=\"\(y)\" stroke=\"#eee\"/>")
            // Ours on top.
            for (index, value) in line.values.reversed() {
                parts.append(
                    "<circle cx=\"\(decimals(x(value)))\" cy=\"\(y)\" r=\"\(index == 0 ? 6 : 4.5)\" fill=\"\(Self.colours[index])\"><title>\(Contestant.allCases[index].title): \(decimals(value)) ns</title></circle>")
            }
        }
        return (parts + ["</svg>"]).joined(separator: "\n") + "\n"
    }
}
