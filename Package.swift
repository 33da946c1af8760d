// swift-tools-version: 6.2
// SPDX-License-Identifier: MIT

import PackageDescription

/// Settings that every target shares. Warnings become errors where the environment asks for it (`.ci/run` does);
/// a newer compiler's new warning must not break those who only build the package.
let settings: [SwiftSetting] = {
    var settings: [SwiftSetting] = [
        .strictMemorySafety(),
        .enableUpcomingFeature("InternalImportsByDefault"),
    ]
    if Context.environment["SWIFT_FUSE_STRICT"] != nil {
        settings.append(.treatAllWarnings(as: .error))
    }
    // Mounts that cannot be traced, to see what its being there costs: Scripts/debug-cost builds it to compare.
    if Context.environment["SWIFT_FUSE_UNTRACED"] != nil { settings.append(.define("SWIFT_FUSE_UNTRACED")) }
    return settings
}()

/// For the modules that define non-escaping views. Modules that only use such views need nothing.
let lifetimes: SwiftSetting = .enableExperimentalFeature("Lifetimes")

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let system: Target.Dependency = .product(name: "SystemPackage", package: "swift-system")

let package = Package(
    name: "swift-fuse",
    products: [
        .library(name: "BackingTable", targets: ["BackingTable"]),
        .library(name: "BackingTableHost", targets: ["BackingTableHost"]),
        .library(name: "FUSE", targets: ["FUSE"]),
        .library(name: "FUSESimulation", targets: ["FUSESimulation"]),
        .library(name: "FUSEWire", targets: ["FUSEWire"]),
        .library(name: "PassthroughFS", targets: ["PassthroughFS"]),
        .executable(name: "passthroughfs", targets: ["PassthroughCommand"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
    ],
    targets: [
        // The table.
        .target(name: "BackingTable", swiftSettings: settings),
        .target(name: "BackingTableHost", dependencies: ["BackingTable"], swiftSettings: settings),
        .target(
            name: "FUSESimulation", dependencies: ["BackingTableHost", "CLinux", "FUSE", "FUSEWire", system], swiftSettings: settings),

        // The server.
        .target(name: "CLinux"),
        .target(name: "FUSEWire", swiftSettings: settings + [lifetimes]),
        .target(name: "FUSE", dependencies: ["CLinux", "FUSEWire", logging, system], swiftSettings: settings + [lifetimes]),
        .target(name: "PassthroughFS", dependencies: ["CLinux", "FUSE", logging, system], swiftSettings: settings),
        .executableTarget(
            name: "PassthroughCommand", dependencies: ["CLinux", "FUSE", "PassthroughFS", argumentParser, logging, system],
            swiftSettings: settings),

        .executableTarget(
            name: "HelloFS", dependencies: ["FUSE", system], path: "Examples/HelloFS", swiftSettings: settings),
        .executableTarget(
            name: "MemoryFS", dependencies: ["FUSE", system], path: "Examples/MemoryFS", swiftSettings: settings),
        .executableTarget(
            name: "TickFS", dependencies: ["FUSE", system], path: "Examples/TickFS", swiftSettings: settings),
        .executableTarget(
            name: "SlowFS", dependencies: ["FUSE", system], path: "Examples/SlowFS", swiftSettings: settings),
        .executableTarget(
            name: "PolicyFS", dependencies: ["FUSE", "PassthroughFS", system], path: "Examples/PolicyFS",
            swiftSettings: settings),

        // Their tests.
        .testTarget(name: "HouseTests", swiftSettings: settings),
        .target(
            name: "BackingTableTestSupport", dependencies: ["BackingTable"], path: "Tests/BackingTableTestSupport",
            swiftSettings: settings),
        .testTarget(
            name: "BackingTableTests", dependencies: ["BackingTable", "BackingTableTestSupport"], swiftSettings: settings),
        .testTarget(
            name: "BackingTableHostTests", dependencies: ["BackingTableHost", "BackingTableTestSupport"],
            swiftSettings: settings),
        .testTarget(
            name: "FUSESimulationTests",
            dependencies: [
                "BackingTableTestSupport", "FUSE", "FUSESimulation", "FUSEWire", "MemoryFS", "PassthroughFS", logging, system,
            ],
            swiftSettings: settings),
        .testTarget(name: "FUSEWireTests", dependencies: ["FUSEWire"], swiftSettings: settings + [lifetimes]),
        // A server in a process of its own, for what tells on a whole process.
        .executableTarget(
            name: "strained", dependencies: ["FUSE", "FUSESimulation", "PassthroughFS", logging, system],
            path: "Tests/StrainedRunner", swiftSettings: settings),
        .testTarget(
            name: "FUSETests",
            dependencies: [
                "CLinux", "FUSE", "FUSESimulation", "FUSEWire", "PassthroughFS", "strained", "HelloFS", "MemoryFS", "PolicyFS", "SlowFS", "TickFS", logging, system,
            ],
            swiftSettings: settings + [lifetimes]),
        .testTarget(
            name: "PassthroughFSTests", dependencies: ["PassthroughFS", "CLinux", "FUSE", system], swiftSettings: settings),
        .testTarget(
            name: "MirrorTests", dependencies: ["FUSE", "FUSEWire", "PassthroughFS", "PassthroughCommand", "MountSupport", logging, system],
            swiftSettings: settings),
        // Mounts and shells for tests that need them.
        .target(
            name: "MountSupport", dependencies: ["FUSE", "FUSEWire", "PassthroughFS", logging], path: "Tests/MountSupport",
            swiftSettings: settings),
        // The conformance cases: a program that is given a directory. It knows nothing of mounts, nor of this package.
        .target(name: "ConformanceCalls", path: "Tests/ConformanceCalls"),
        .executableTarget(
            name: "conformance", dependencies: ["ConformanceCalls"], path: "Tests/ConformanceRunner", swiftSettings: settings),
        // The same cases, whose folder is linked to, with the simulated kernel's calls instead of the machine's.
        .executableTarget(
            name: "simulated", dependencies: ["ConformanceCalls", "FUSE", "FUSESimulation", "PassthroughFS", logging, system],
            path: "Tests/SimulatedRunner", swiftSettings: settings),
        .testTarget(
            name: "ConformanceTests", dependencies: ["conformance", "simulated", "FUSE", "FUSEWire", "PassthroughFS", "MountSupport"],
            swiftSettings: settings),
    ],
    swiftLanguageModes: [.v6]
)
