// swift-tools-version: 6.2
// SPDX-License-Identifier: MIT
//
// The table and its tests alone, for the scripts that build them over and over, or in a way of their own: a copy of the
// sources is put beside a copy of this file.

import PackageDescription

let settings: [SwiftSetting] = [.strictMemorySafety(), .enableUpcomingFeature("InternalImportsByDefault")]

let package = Package(
    name: "table",
    targets: [
        .target(name: "BackingTable", swiftSettings: settings),
        .target(name: "BackingTableHost", dependencies: ["BackingTable"], swiftSettings: settings),
        .target(
            name: "BackingTableTestSupport", dependencies: ["BackingTable"], path: "Tests/BackingTableTestSupport",
            swiftSettings: settings),
        .testTarget(
            name: "BackingTableTests", dependencies: ["BackingTable", "BackingTableTestSupport"], swiftSettings: settings),
        .testTarget(
            name: "BackingTableHostTests", dependencies: ["BackingTableHost", "BackingTableTestSupport"],
            swiftSettings: settings),
    ],
    swiftLanguageModes: [.v6]
)
