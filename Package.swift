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
    return settings
}()

/// For the modules that define non-escaping views. Modules that only use such views need nothing.
let lifetimes: SwiftSetting = .enableExperimentalFeature("Lifetimes")

let package = Package(
    name: "swift-fuse",
    products: [
        .library(name: "FUSE", targets: ["FUSE"]),
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
        .target(name: "FUSEWire", swiftSettings: settings + [lifetimes]),
        .target(name: "CLinux"),
        .target(
            name: "FUSE",
            dependencies: [
                "CLinux", "FUSEWire",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: settings + [lifetimes]),
        .target(
            name: "PassthroughFS", dependencies: ["CLinux", "FUSE", .product(name: "SystemPackage", package: "swift-system")],
            swiftSettings: settings),
        .executableTarget(
            name: "PassthroughCommand",
            dependencies: [
                "FUSE", "PassthroughFS",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: settings),
        .testTarget(
            name: "MirrorTests", dependencies: ["FUSE", "PassthroughFS", "PassthroughCommand"], swiftSettings: settings),
        .testTarget(
            name: "PassthroughFSTests",
            dependencies: ["PassthroughFS", "CLinux", "FUSE", .product(name: "SystemPackage", package: "swift-system")],
            swiftSettings: settings),
        .executableTarget(
            name: "HelloFS", dependencies: ["FUSE", .product(name: "SystemPackage", package: "swift-system")],
            path: "Examples/HelloFS", swiftSettings: settings),
        .testTarget(
            name: "FUSETests",
            dependencies: [
                "CLinux", "FUSE", "FUSEWire", "HelloFS",
                .product(name: "Logging", package: "swift-log"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: settings + [lifetimes]),
        .testTarget(name: "FUSEWireTests", dependencies: ["FUSEWire"], swiftSettings: settings + [lifetimes]),
    ],
    swiftLanguageModes: [.v6]
)
