// SPDX-License-Identifier: MIT

import Foundation
import Testing

/// The folders of the library `FUSE` are layers: each knows those above it in this list, and none below. Within a module imports
/// do not show that, so it is told by the names that each file declares and uses. Names that several layers declare (`send`), or
/// the modules below them, say nothing and are left out.
let layers = [
    "FileSystem/Values", "System", "Transport", "Backing", "Connection", "FileSystem", "Session", "Serving", "Mount",
]

/// A file that knows what is below it.
struct Violation: Hashable, CustomStringConvertible {
    var file: String
    var name: String
    var layer: String

    var description: String { "\(file) uses '\(name)' of the layer \(layer), which is below it" }

    /// Those among the files of a module, whose paths are relative to its folder.
    /// - Parameter known: names that stand for something of another module as well.
    static func find(in files: [SourceFile], known: Set<String>, _ layers: [String]) -> [Violation] {
        func layer(of path: String) -> Int? {
            layers.indices.filter { path.hasPrefix(layers[$0] + "/") }.max { layers[$0].count < layers[$1].count }
        }
        var homes: [String: Set<Int>] = [:]
        for file in files {
            guard let layer = layer(of: file.path) else { continue }
            for name in file.declared { homes[name, default: []].insert(layer) }
        }
        return files.flatMap { file -> [Violation] in
            guard let own = layer(of: file.path) else { return [] }
            return file.used.sorted().compactMap { name in
                guard !known.contains(name), let home = homes[name], home.count == 1, let layer = home.first, layer > own else { return nil }
                return Violation(file: file.path, name: name, layer: layers[layer])
            }
        }
    }
}

@Suite struct LayerTests {
    /// Read once.
    private static let files = Result { try SourceFile.all(in: "Sources/FUSE") }
    /// The kernel's words, and those of the standard library and of swift-system that are also names here.
    private static let known = Result {
        try SourceFile.all(in: "Sources/FUSEWire").reduce(into: Set(["first", "message", "now", "readOnly", "remove", "value"])) { $0.formUnion($1.declared) }
    }

    private func violations(with planted: SourceFile...) throws -> [Violation] {
        Violation.find(in: try Self.files.get() + planted, known: try Self.known.get(), layers)
    }

    @Test func nobodyKnowsWhatIsBelow() throws {
        let violations = try violations()
        #expect(violations.isEmpty, "\(violations.map(\.description).joined(separator: "\n"))")
    }

    @Test func everyFileIsInALayer() throws {
        let outside = try Self.files.get().map(\.path).filter { path in !layers.contains { path.hasPrefix($0 + "/") } }
        #expect(outside == [])
    }

    /// A layer that knows one below it is found, whatever it knows of that.
    @Test(arguments: [
        ("Transport/Planted.swift", "func planted<FS>(_ session: Session<FS>) {}", "Session", "Session"),
        ("FileSystem/Values/Planted.swift", "let planted: Interrupts? = nil", "Interrupts", "Connection"),
        ("Backing/Planted.swift", "func planted() throws { _ = try MountTable.entries() }", "MountTable", "Mount"),
        ("System/Planted.swift", "func planted(_ pool: some Any) { \"\\(ThreadLimits.processorCount)\" }", "ThreadLimits", "Serving"),
    ])
    func aPlantedOneIsFound(path: String, text: String, name: String, layer: String) throws {
        let violations = try violations(with: SourceFile(path: path, text: text))
        #expect(violations.contains(Violation(file: path, name: name, layer: layer)))
    }

    @Test func namesInTextAndCommentsAreNone() {
        let file = SourceFile(path: "System/Some.swift", text: "// Session\nlet text = \"of a Session \\(value)\"  /// Mount\n")
        #expect(file.used.contains("value"))
        #expect(file.used.isDisjoint(with: ["Session", "Mount"]))
        #expect(file.declared == ["text"])
    }
}
