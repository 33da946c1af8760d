// SPDX-License-Identifier: MIT

/// A map that takes part.
enum Contestant: String, CaseIterable {
    case table, xarray, idr, lfht, chains

    var title: String {
        switch self {
        case .table: "table"
        case .xarray: "xarray"
        case .idr: "IDR"
        case .lfht: "cds_lfht, sized"
        case .chains: "256 chains"
        }
    }

    /// Whether it can be in this row.
    func takes(_ row: Row) -> Bool {
        switch self {
        // Ids of 31 bits alone.
        case .idr: row.shape.largestID(of: row.count) < 1 << 31
        default: true
        }
    }
}

/// How ids come.
enum Shape: Hashable {
    case dense, cyclic, survivors, random31, random64
    case stride(factor: UInt64, shift: UInt64)

    static let all: [Shape] = [
        .dense, .cyclic, .stride(factor: 1, shift: 9), .stride(factor: 1, shift: 20), .stride(factor: 3, shift: 6),
        .stride(factor: 3, shift: 12), .random31, .random64,
    ]

    /// For the contestants' command line.
    var argument: String {
        switch self {
        case .dense: "dense"
        case .cyclic: "cyclic"
        case .survivors: "survivors"
        case .random31: "random31"
        case .random64: "random64"
        case .stride(let factor, let shift): "\(factor)*2^\(shift)"
        }
    }

    var title: String {
        switch self {
        case .dense: "dense, the server's"
        case .cyclic: "cyclic, the map's"
        case .survivors: "cyclic, 1 in 256 survives"
        case .random31: "random, 31 bits"
        case .random64: "random, 64 bits"
        case .stride(1, let shift): "stride 2^\(shift)"
        case .stride(let factor, let shift): "stride \(factor)*2^\(shift)"
        }
    }

    func largestID(of count: Int) -> UInt64 {
        switch self {
        case .dense, .cyclic: UInt64(count)
        case .survivors: UInt64(count) * 256
        case .random31: (1 << 31) - 1
        case .random64: .max
        case .stride(let factor, let shift): UInt64(count) * (factor << shift)
        }
    }
}

/// What is run, and what a line of the page is about.
struct Row: Hashable {
    var shape: Shape
    var count: Int
}

/// What a contestant does in a row: a phase of its program.
enum Phase: String, CaseIterable {
    case insert, ordered, random, remove, churn

    var title: String {
        switch self {
        case .insert: "Insertion"
        case .ordered: "Lookup, in the order of insertion"
        case .random: "Lookup, in random order"
        case .remove: "Removal, in random order"
        case .churn: "Insertion and removal, of 1,048,576 ids of which 4,096 survive"
        }
    }
}

struct Plan {
    var rows: [Row]
    var rounds: Int
    /// For one operation's worst, and the reader beside a writer.
    var worstRows: [Row]
    var pairRows: [Row]
    /// For callgrind.
    var countedRows: [Row]

    static let survivors = Row(shape: .survivors, count: 4096)

    static let full = Plan(
        rows: [1, 256, 4096, 65_536, 1_048_576].flatMap { count in Shape.all.map { Row(shape: $0, count: count) } } + [survivors],
        rounds: 5,
        worstRows: [Row(shape: .dense, count: 1_048_576), Row(shape: .random64, count: 1_048_576)],
        pairRows: [4096, 65_536, 1_048_576].flatMap { [Row(shape: .dense, count: $0), Row(shape: .random64, count: $0)] },
        countedRows: [Row(shape: .dense, count: 65_536), Row(shape: .random64, count: 65_536), Row(shape: .dense, count: 1_048_576)])

    static let quick = Plan(
        rows: [256, 1_048_576].flatMap { count in
            [Shape.dense, .random31, .random64].map { Row(shape: $0, count: count) }
        } + [survivors],
        rounds: 3,
        worstRows: [Row(shape: .dense, count: 65_536)],
        pairRows: [Row(shape: .dense, count: 65_536)],
        countedRows: [Row(shape: .dense, count: 4096)])
}
