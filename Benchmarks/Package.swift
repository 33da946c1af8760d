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
        // The race of the table against what else maps ids to pointers. Its contestants are C programs: see Contestants.
        .executableTarget(
            name: "TableRace", dependencies: [.product(name: "BackingTable", package: "swift-fuse")], swiftSettings: settings)
    ],
    swiftLanguageModes: [.v6]
)
