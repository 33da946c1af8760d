// SPDX-License-Identifier: MIT

import Foundation

/// Figures as a picture: a line for each thing that was measured, on it a dot for each contestant, on a logarithmic scale.
public struct DotPicture {
    public struct Line {
        public var title: String
        /// Which contestant, and its figure.
        public var values: [(contestant: Int, value: Double)]

        public init(title: String, values: [(contestant: Int, value: Double)]) {
            self.title = title
            self.values = values
        }
    }

    public var title: String
    /// The first is ours: its dots are larger, and above the others.
    public var contestants: [String]
    public var lines: [Line]
    public var ticks: [Double]
    /// What stands at the ends of the scale.
    public var range: ClosedRange<Double>
    public var left: Double
    public var format: (Double) -> String
    /// How a tick is written.
    public var tick: (Double) -> String

    private static let colours = [
        "#c1121f", "#1d3557", "#457b9d", "#2a9d8f", "#8ab17d", "#9c6644", "#e09f3e", "#7b2cbf", "#6c757d", "#000000", "#ff8fa3", "#00a6fb",
    ]

    public init(
        title: String, contestants: [String], lines: [Line], ticks: [Double], range: ClosedRange<Double>, left: Double = 250,
        format: @escaping (Double) -> String = { decimals($0) }, tick: @escaping (Double) -> String
    ) {
        self.title = title
        self.contestants = contestants
        self.lines = lines
        self.ticks = ticks
        self.range = range
        self.left = left
        self.format = format
        self.tick = tick
    }

    public func svg() -> String {
        let width = 620.0, perRow = 6, legend = Double((contestants.count + perRow - 1) / perRow)
        let top = 50 + 20 * legend, step = 20.0
        let height = top + step * Double(lines.count) + 50
        func x(_ value: Double) -> Double {
            let within = min(max(value, range.lowerBound), range.upperBound)
            return left + width * log(within / range.lowerBound) / log(range.upperBound / range.lowerBound)
        }
        var parts = [
            """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(Int(left + width + 40)) \(Int(height))" font-family="sans-serif" font-size="12">
            <rect width="100%" height="100%" fill="white"/>
            <text x="16" y="22" font-size="15">\(title)</text>
            """
        ]
        for (index, contestant) in contestants.enumerated() {
            let place = 16.0 + Double(index % perRow) * 140, y = 42 + 20 * Double(index / perRow)
            parts.append(
                "<circle cx=\"\(place + 5)\" cy=\"\(Int(y))\" r=\"5\" fill=\"\(Self.colours[index % Self.colours.count])\"/><text x=\"\(place + 15)\" y=\"\(Int(y) + 4)\">\(contestant)</text>")
        }
        for tick in ticks {
            parts.append(
                """
                <line x1="\(decimals(x(tick)))" y1="\(top - 8)" x2="\(decimals(x(tick)))" y2="\(height - 38)" stroke="#ccc"/>\
                <text x="\(decimals(x(tick)))" y="\(height - 20)" text-anchor="middle">\(self.tick(tick))</text>
                """)
        }
        for (number, line) in lines.enumerated() {
            let y = top + step * (Double(number) + 0.5)
            parts.append("<text x=\"\(left - 10)\" y=\"\(y + 4)\" text-anchor=\"end\">\(line.title)</text>")
            parts.append("<line x1=\"\(left)\" y1=\"\(y)\" x2=\"\(left + width)\" y2=\"\(y)\" stroke=\"#eee\"/>")
            // Ours on top.
            for (index, value) in line.values.reversed() {
                parts.append(
                    "<circle cx=\"\(decimals(x(value)))\" cy=\"\(y)\" r=\"\(index == 0 ? 6 : 4.5)\" fill=\"\(Self.colours[index % Self.colours.count])\"><title>\(contestants[index]): \(format(value))</title></circle>")
            }
        }
        return (parts + ["</svg>"]).joined(separator: "\n") + "\n"
    }
}
