// SPDX-License-Identifier: MIT

import Foundation
import MountSupport
import Testing

/// What the README shows is what there is.
struct ReadmeTests {
    static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

    @Test func `its filesystem is the example`() throws {
        let readme = try String(contentsOf: Self.root.appendingPathComponent("README.md"), encoding: .utf8)
        let example = try String(contentsOf: Self.root.appendingPathComponent("Examples/HelloFS/HelloFS.swift"), encoding: .utf8)
        let block = try #require(readme.components(separatedBy: "```swift\n").dropFirst().first?.components(separatedBy: "```").first)
        #expect(example.hasSuffix(block))
        #expect(block.split(separator: "\n").count <= 21, "a whole filesystem in some twenty lines")
    }

    @Test func `it has two set-up commands`() throws {
        let readme = try String(contentsOf: Self.root.appendingPathComponent("README.md"), encoding: .utf8)
        let commands = readme.components(separatedBy: "\n").filter { $0.hasPrefix("    swift ") }.map { $0.trimmingCharacters(in: .whitespaces) }
        #expect(commands == ["swift run -c release passthroughfs demo", "swift test"])
    }
}
