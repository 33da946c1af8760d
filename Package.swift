// swift-tools-version: 6.2
// SPDX-License-Identifier: MIT

import PackageDescription

/// Settings that every target shares. Warnings become errors where the environment asks for it (`.ci/run` does);
/// a newer compiler's new warning must not break those who only build the package.
let settings: [SwiftSetting] = {
    var settings: [SwiftSetting] = [.strictMemorySafety()]
    if Context.environment["SWIFT_FUSE_STRICT"] != nil {
        settings.append(.treatAllWarnings(as: .error))
    }
    return settings
}()

/// For the modules that define non-escaping views. Modules that only use such views need nothing.
let lifetimes: SwiftSetting = .enableExperimentalFeature("Lifetimes")

let package = Package(
    name: "swift-fuse",
    products: [
        .library(name: "BackingTable", targets: ["BackingTable"]),
        .library(name: "BackingTableHost", targets: ["BackingTableHost"]),
        .library(name: "FUSESimulation", targets: ["FUSESimulation"]),
        .library(name: "FUSEWire", targets: ["FUSEWire"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
    ],
    targets: [
        .target(name: "BackingTable", swiftSettings: settings),
        .target(name: "BackingTableHost", dependencies: ["BackingTable"], swiftSettings: settings),
        .target(
            name: "FUSESimulation",
            dependencies: ["BackingTableHost", .product(name: "SystemPackage", package: "swift-system")],
            swiftSettings: settings),
        .target(
            name: "BackingTableTestSupport", dependencies: ["BackingTable"], path: "Tests/BackingTableTestSupport",
            swiftSettings: settings),
        .testTarget(
            name: "BackingTableTests", dependencies: ["BackingTable", "BackingTableTestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "BackingTableHostTests", dependencies: ["BackingTableHost", "BackingTableTestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "FUSESimulationTests", dependencies: ["FUSESimulation", "BackingTableTestSupport"],
            swiftSettings: settings),
        .target(name: "FUSEWire", swiftSettings: settings + [lifetimes]),
    ],
    swiftLanguageModes: [.v6]
)
