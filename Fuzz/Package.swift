// swift-tools-version: 6.2
// SPDX-License-Identifier: MIT

import PackageDescription

/// A package of its own: it links the compiler's fuzzer, which nobody else needs. See `Scripts/fuzz`.
let package = Package(
    name: "fuzz",
    dependencies: [
        .package(name: "swift-fuse", path: ".."),
        .package(url: "https://github.com/apple/swift-log", from: "1.16.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.0"),
    ],
    targets: [
        .target(name: "CFuzzer"),
        .executableTarget(
            name: "SessionFuzz",
            dependencies: [
                "CFuzzer", .product(name: "FUSE", package: "swift-fuse"), .product(name: "FUSEWire", package: "swift-fuse"),
                .product(name: "Logging", package: "swift-log"), .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: [.strictMemorySafety(), .enableExperimentalFeature("Lifetimes")]),
    ],
    swiftLanguageModes: [.v6]
)
