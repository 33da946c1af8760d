// SPDX-License-Identifier: MIT

import Foundation
import MountSupport
import Testing

extension CommandTests {
    /// The page with the commands' output is what they say, as root and as another user; numbers aside, and what depends on
    /// the machine.
    @Suite(.enabled(if: Machine.has("fusermount3") || Machine.isContinuousIntegration, "fusermount3 is not installed"))
    struct Output {
        private static func text(_ path: String) throws -> String {
            try String(contentsOf: ReadmeTests.root.appendingPathComponent(path), encoding: .utf8)
        }

        /// What of a line is the same everywhere; nil for a line that is not.
        private static func shape(_ line: Substring) -> String? {
            let words = line.split(separator: " ").map { String($0) }
            guard line.hasPrefix("    "), let first = words.first else { return String(line).replacing(/[0-9]+\.[0-9]+/, with: "N") }
            // A finding: what it is about. Whether it is fine, and why not, is the machine's.
            if first == "ok" || first == "no" { return line.dropFirst(8).components(separatedBy: "  ").first }
            // How many requests of a kind come is the kernel's affair; READ and WRITE are ours.
            if first.allSatisfy({ $0.isUppercase || $0.isNumber }), words.count == 2, first != "READ", first != "WRITE" { return nil }
            if first.hasPrefix("{") { return line.matches(of: /"[a-z]+":/).map { String($0.0) }.joined().replacing("\"entries\":", with: "") }
            // By which way requests come is the machine's, too.
            if first == "transport" { return first }
            // The point of the demo.
            if first == "passthrough", words.suffix(2) == ["0", "0"] { return "passthrough N N 0 0" }
            return words.joined(separator: " ").replacing(" --size 8", with: "")
                .replacing(/passthroughfs-\w{6}/, with: "passthroughfs-N").replacing(/[0-9]+/, with: "N")
        }

        private static func shape(_ text: String) -> [String] {
            text.split(separator: "\n").compactMap { shape($0) }
        }

        @Test func `the page shows what the commands say`() throws {
            let script = ReadmeTests.root.appendingPathComponent("Scripts/outputs").path
            try CommandTests.withDirectory { place in
                try succeed("SIZE=8 '\(script)' '\(CommandTests.command)' page", in: place)
                let now = Self.shape(try String(contentsOf: URL(fileURLWithPath: place + "/page"), encoding: .utf8))
                let page = Self.shape(try Self.text("Documentation/commands.md"))
                #expect(now.count > 60)
                #expect(now == page, "run Scripts/outputs to have it written anew")
                #expect(try !shell("cat /proc/mounts", in: "/").output.contains("/srv/data"))
            }
        }

        @Test func `the table in the README is the page's`() throws {
            let table = try #require(try Self.text("README.md").components(separatedBy: "<!-- demo -->\n").last?.components(separatedBy: "<!-- end -->").first)
            #expect(table.contains("passthrough"))
            #expect(try Self.text("Documentation/commands.md").contains(table.trimmingCharacters(in: .newlines)))
        }
    }
}
