// SPDX-License-Identifier: MIT

/// An operation of the load, as `MirrorLoad` knows it.
enum Operation: String, CaseIterable {
    case open, read, write, create, mkdir, rename, stat
    case statForced = "stat-forced"
    case statAbsent = "stat-absent"
    case listFew = "list-few"
    case listFewLong = "list-few-long"
    case listMany = "list-many"
    case listManyLong = "list-many-long"
    // The first time after the mount. The others are done again and again.
    case listFewCold = "list-few-cold"
    case listFewLongCold = "list-few-long-cold"
    case listManyCold = "list-many-cold"
    case listManyLongCold = "list-many-long-cold"

    var title: String {
        switch self {
        case .open: "open + close"
        case .read: "read a 4 KiB file"
        case .write: "write a 4 KiB file"
        case .create: "create + unlink"
        case .mkdir: "mkdir + rmdir"
        case .rename: "rename"
        case .stat: "stat"
        case .statForced: "stat, forced"
        case .statAbsent: "stat, absent name"
        case .listFew: "list 512 names"
        case .listFewLong: "list 512 names, -l"
        case .listMany: "list 20,000 names"
        case .listManyLong: "list 20,000 names, -l"
        case .listFewCold: "list 512 names, cold"
        case .listFewLongCold: "list 512 names, -l, cold"
        case .listManyCold: "list 20,000 names, cold"
        case .listManyLongCold: "list 20,000 names, -l, cold"
        }
    }

    var isCold: Bool { rawValue.hasSuffix("-cold") }

    /// As the load knows it.
    var load: String { isCold ? String(rawValue.dropLast("-cold".count)) : rawValue }

    /// Too long for callgrind.
    var isLong: Bool { rawValue.hasPrefix("list-many") }

    /// How often it is done where it is counted.
    var fewTimes: Int {
        switch self {
        case .listFew, .listFewLong: 16
        case _ where isLong || isCold: 1
        default: 2000
        }
    }
}

struct Row: Hashable {
    var operation: Operation
    var threads: Int

    var title: String { "\(operation.title), \(threads)" }

    static func all(_ options: Options) -> [Row] {
        operations(options).flatMap { operation in
            // More threads would do it one after the other.
            (operation.isLong || operation.isCold ? [options.threads.min() ?? 1] : options.threads).map { Row(operation: operation, threads: $0) }
        }
    }

    static func operations(_ options: Options) -> [Operation] {
        Operation.allCases.filter { options.rows?.contains($0.rawValue) ?? true }
    }
}

/// What a figure is of.
struct Key: Hashable {
    /// The filesystem of the source.
    var source: String
    /// An operation and the number of threads, a workload, or what else was measured.
    var row: String
    var variant: Variant
    /// What was counted: `rate`, `processor`, ...
    var name: String
}
