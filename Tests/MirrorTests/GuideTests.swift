// SPDX-License-Identifier: MIT

import Foundation
import Testing

/// The code in the guides is code that is built and mounted: pieces of the examples.
@Suite struct GuideTests {
    @Test func `its code is the examples'`() throws {
        let guide = try String(contentsOf: ReadmeTests.root.appendingPathComponent("Documentation/writing-a-filesystem.md"), encoding: .utf8)
        let parts = guide.components(separatedBy: "```swift\n").map { $0.components(separatedBy: "```\n") }
        #expect(parts.count > 8)
        for (before, part) in zip(parts, parts.dropFirst()) {
            // The line before a piece says where it is from.
            let text = try #require(before.last)
            let comment = try #require(text.split(separator: "\n").last)
            let path = comment.replacing("<!-- ", with: "").replacing(" -->", with: "")
            let example = try String(contentsOf: ReadmeTests.root.appendingPathComponent(String(path)), encoding: .utf8)
            let lines = part[0].split(separator: "\n", omittingEmptySubsequences: false)
            let found = [0, 4, 8].contains { indent in
                let piece = lines.map { $0.isEmpty ? "" : String(repeating: " ", count: indent) + $0 }.joined(separator: "\n")
                return example.contains("\n" + piece)
            }
            #expect(found, "\(path) has no such piece:\n\(part[0])")
        }
    }

    @Test func `links lead somewhere`() throws {
        let files = ["README.md"] + (try FileManager.default.contentsOfDirectory(atPath: ReadmeTests.root.path + "/Documentation"))
            .filter { $0.hasSuffix(".md") }.map { "Documentation/\($0)" }
        for file in files {
            let url = ReadmeTests.root.appendingPathComponent(file)
            for match in try String(contentsOf: url, encoding: .utf8).matches(of: /\]\(([^)#:]+)\)/) {
                let target = url.deletingLastPathComponent().appendingPathComponent(String(match.1))
                #expect(FileManager.default.fileExists(atPath: target.path), "\(file): \(match.1)")
            }
        }
    }
}
