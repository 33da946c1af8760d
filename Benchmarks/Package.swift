// swift-tools-version: 6.2
// SPDX-License-Identifier: MIT
//
// Benchmarks, apart from the package that they measure so that what they need stays out of it.

import PackageDescription

let settings: [SwiftSetting] = [.strictMemorySafety(), .enableUpcomingFeature("InternalImportsByDefault")]

let package = Package(
    name: "benchmarks",
    dependencies: [.package(name: "swift-fuse", path: "..")],
    targets: [
        // What the pages have in common: figures, tables, pictures, programs that are run.
        .target(name: "Report", swiftSettings: settings),
        // The race of the table against what else maps ids to pointers. Its contestants are C programs: see Contestants.
        .executableTarget(
            name: "TableRace", dependencies: ["Report", .product(name: "BackingTable", package: "swift-fuse")], swiftSettings: settings),
        // The mirror beside passthrough_hp and the native directory, and the loops that they are given.
        .executableTarget(name: "Mirror", dependencies: ["Report"], swiftSettings: settings),
        .executableTarget(name: "MirrorLoad"),
    ],
    swiftLanguageModes: [.v6]
)
