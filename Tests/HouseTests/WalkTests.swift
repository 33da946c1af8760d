// SPDX-License-Identifier: MIT

import Foundation
import Testing

/// `Documentation/architecture.md` leads a reader through files and names, and says which layers there are. All of them exist.
@Suite struct WalkTests {
    /// A line of a walk: a file, and names that are declared in it.
    struct Step {
        var file: String
        var names: [String]
    }

    static let page = Result { try String(contentsOf: root.appending(path: "Documentation/architecture.md"), encoding: .utf8) }

    private static func steps(of page: String) -> [Step] {
        page.split(separator: "\n").compactMap { line in
            guard let match = line.firstMatch(of: /`(Sources\/[^`]+\.swift)`/) else { return nil }
            let names = line.matches(of: /`([A-Za-z]+)`/).map { String($0.output.1) }
            return Step(file: String(match.output.1), names: names)
        }
    }

    /// What does not exist.
    private static func missing(in page: String) -> [String] {
        steps(of: page).flatMap { step -> [String] in
            guard let text = try? String(contentsOf: root.appending(path: step.file), encoding: .utf8) else { return [step.file] }
            return step.names.filter { name in
                text.firstMatch(of: try! Regex("(func|struct|class|enum|protocol|var|let|case) \(name)\\b")) == nil
            }.map { "\($0) in \(step.file)" }
        }
    }

    @Test func everyFileAndNameExists() throws {
        let page = try Self.page.get()
        #expect(Self.steps(of: page).count > 30)
        #expect(Self.missing(in: page) == [])
    }

    @Test func whatIsGoneIsFound() {
        let page = "| a step | `Sources/FUSE/Session/Session.swift` | `serve`, `gone` |\n| one more | `Sources/FUSE/Gone.swift` | `serve` |"
        #expect(Self.missing(in: page) == ["gone in Sources/FUSE/Session/Session.swift", "Sources/FUSE/Gone.swift"])
    }

    /// The list of the layers is the one that is checked, in the same order.
    @Test func theLayersAreThoseThatAreChecked() throws {
        let page = try Self.page.get()
        let section = try #require(page.components(separatedBy: "## The layers of `FUSE`").last?.components(separatedBy: "## ").first)
        let listed = section.matches(of: /(?m)^\| `([A-Za-z\/]+)` \|/).map { String($0.output.1) }
        #expect(listed == layers)
    }
}
