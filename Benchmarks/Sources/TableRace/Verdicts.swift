// SPDX-License-Identifier: MIT

import Report

/// Something that the table is meant to reach, as a ratio to another map.
struct Aim {
    var text: String
    var row: Row
    var name: String
    var rival: Contestant
    /// The most that the table's figure may be, in the rival's.
    var most: Double

    static let all: [Aim] = {
        let million = 1_048_576
        let dense = Row(shape: .dense, count: million)
        var aims = [
            Aim(text: "dense, insertion", row: dense, name: "insert", rival: .xarray, most: 3),
            Aim(text: "dense, ordered lookup", row: dense, name: "ordered", rival: .xarray, most: 2.5),
            Aim(text: "dense, random lookup", row: dense, name: "random", rival: .xarray, most: 1),
            Aim(text: "dense, removal", row: dense, name: "remove", rival: .xarray, most: 1),
        ]
        for shape in [Shape.random31, .random64] {
            let row = Row(shape: shape, count: million)
            for (name, what) in [("insert", "insertion"), ("ordered", "ordered lookup"), ("random", "random lookup"), ("remove", "removal")] {
                aims.append(Aim(text: "\(shape.title), \(what)", row: row, name: name, rival: .xarray, most: 1.0 / 3))
            }
            aims.append(Aim(text: "\(shape.title), bytes per id", row: row, name: "bytes", rival: .xarray, most: 0.1))
        }
        aims.append(Aim(text: "4,096 survivors of a million, bytes", row: Plan.survivors, name: "bytes", rival: .idr, most: 0.1))
        return aims
    }()
}

extension Page {
    /// Each aim, and whether it was reached: the worst first.
    func verdicts() -> String {
        var lines: [(Double, [String])] = []
        for aim in Aim.all {
            guard let ours = runner.median("time", aim.row, .table, aim.name),
                let theirs = runner.median("time", aim.row, aim.rival, aim.name)
            else { continue }
            let ratio = ours / theirs
            lines.append((
                ratio / aim.most,
                [aim.text, decimals(ours), "\(decimals(theirs)) (\(aim.rival.title))", decimals(ratio, 2), decimals(aim.most, 2),
                 ratio <= aim.most ? "yes" : "**no**"]
            ))
        }
        return markdown(["a million ids", "table", "other", "ratio", "at most", "reached"], lines.sorted { $0.0 > $1.0 }.map(\.1))
    }
}
