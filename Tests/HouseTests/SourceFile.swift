// SPDX-License-Identifier: MIT

import Foundation
import Testing

/// The root of the repository.
let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

/// The names in a source file: those that it declares for others, and those that it uses.
struct SourceFile {
    let path: String
    /// Types, functions, properties and cases that other files can name.
    let declared: Set<String>
    /// Every name in it that it does not bind itself.
    let used: Set<String>

    /// The Swift files of a folder, whose paths are relative to it.
    static func all(in folder: String) throws -> [SourceFile] {
        let folder = root.appending(path: folder)
        let paths = try FileManager.default.subpathsOfDirectory(atPath: folder.path).filter { $0.hasSuffix(".swift") }
        try #require(paths.count > 10)
        return try paths.sorted().map { path in
            SourceFile(path: path, text: try String(contentsOf: folder.appending(path: path), encoding: .utf8))
        }
    }

    init(path: String, text: String) {
        self.path = path
        let code = Self.withoutTextAndComments(text)
        let words = Set(code.matches(of: /[A-Za-z_][A-Za-z0-9_]*/).map { String($0.output) })
        var declared: Set<String> = []
        var own: Set<String> = []
        let declaration =
            /(?<access>(?:file)?private(?:\(set\))? +)?(?:(?:static|mutating|borrowing|consuming|nonisolated|final|indirect|lazy|unowned|weak|isolated|override|package|public|internal|@unsafe|@safe|unsafe) +)*(?<kind>struct|class|enum|protocol|typealias|actor|func|var|let|case) +(?<name>[A-Za-z_][A-Za-z0-9_]*)/
        for match in code.matches(of: declaration) {
            let name = String(match.output.name)
            own.insert(name)
            // A constant or variable that is indented deeper than a type's members is a local one.
            let start = code[..<match.range.lowerBound].lastIndex(of: "\n").map { code.index(after: $0) } ?? code.startIndex
            let indent = code[start...].prefix { $0 == " " }.count
            let isLocal = ["let", "var", "case"].contains(String(match.output.kind)) && indent > 4
            if match.output.access == nil || match.output.access?.contains("(set)") == true, !isLocal { declared.insert(name) }
        }
        // Further names of a case list, tuple patterns, parameters and their labels.
        for match in code.matches(of: /\bcase +(?<names>[a-z][A-Za-z0-9_]*(?:, *[a-z][A-Za-z0-9_]*)+) *\n/) {
            for name in match.output.names.split(separator: ",") {
                let name = name.trimmingCharacters(in: .whitespaces)
                own.insert(name)
                declared.insert(name)
            }
        }
        for match in code.matches(of: /(?:let|var) *\((?<names>[A-Za-z0-9_, ]+)\)/) {
            for name in match.output.names.split(separator: ",") { own.insert(name.trimmingCharacters(in: .whitespaces)) }
        }
        for match in code.matches(of: /(?<first>[A-Za-z_][A-Za-z0-9_]*)(?: +(?<second>[A-Za-z_][A-Za-z0-9_]*))? *:/) {
            own.insert(String(match.output.first))
            if let second = match.output.second { own.insert(String(second)) }
        }
        for match in code.matches(of: /\{ *(?:\[[^\]]*\] *)?\(?(?<names>[a-z][A-Za-z0-9_, ]*)\)?(?: +(?:throws(?:\([A-Za-z]+\))?)? *(?:-> *[A-Za-z?]+ *)?)?in\b/) {
            for name in match.output.names.split(separator: ",") { own.insert(name.trimmingCharacters(in: .whitespaces)) }
        }
        for match in code.matches(of: /\bfor +(?:case +)?(?:let +)?\(?(?<names>[a-z][A-Za-z0-9_, ]*)\)? +in\b/) {
            for name in match.output.names.split(separator: ",") { own.insert(name.trimmingCharacters(in: .whitespaces)) }
        }
        self.declared = declared
        used = words.subtracting(own)
    }

    /// The code alone. What a string interpolates is code, too, and kept.
    private static func withoutTextAndComments(_ text: String) -> String {
        var lines: [String] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            var code = ""
            var isText = false
            var depth = 0
            var index = line.startIndex
            while index < line.endIndex {
                let rest = line[index...]
                if isText, depth == 0, rest.hasPrefix("\\(") {
                    depth = 1
                    code += " ("
                    index = line.index(index, offsetBy: 2)
                    continue
                }
                if isText, depth > 0 {
                    if line[index] == "(" { depth += 1 }
                    if line[index] == ")" { depth -= 1 }
                    code.append(line[index])
                } else if isText, rest.hasPrefix("\\") {
                    index = line.index(after: index)
                } else if line[index] == "\"" {
                    isText.toggle()
                } else if !isText {
                    if rest.hasPrefix("//") { break }
                    code.append(line[index])
                }
                if index < line.endIndex { index = line.index(after: index) }
            }
            lines.append(code)
        }
        return lines.joined(separator: "\n")
    }
}
