// SPDX-License-Identifier: MIT

import Foundation
import Report

/// A server that runs under callgrind, which counts its instructions and calls. Counts are taken between two points in time, so that start
/// and end do not show.
final class Callgrind {
    struct Counts {
        var instructions = 0.0
        /// Blocks of memory that were asked for, and counts of references that were changed.
        var allocations = 0.0
        var referenceCounts = 0.0

        static func - (left: Counts, right: Counts) -> Counts {
            Counts(
                instructions: left.instructions - right.instructions, allocations: left.allocations - right.allocations,
                referenceCounts: left.referenceCounts - right.referenceCounts)
        }
        static func * (left: Counts, right: Double) -> Counts {
            Counts(
                instructions: left.instructions * right, allocations: left.allocations * right, referenceCounts: left.referenceCounts * right)
        }
        /// The smaller of each.
        func least(_ other: Counts) -> Counts {
            Counts(
                instructions: min(instructions, other.instructions), allocations: min(allocations, other.allocations),
                referenceCounts: min(referenceCounts, other.referenceCounts))
        }
    }

    let subject: Subject
    private let file: String
    private var dumps = 0

    /// Mounts it.
    init(_ subject: Subject, in place: String, arguments: [String] = []) throws {
        self.subject = subject
        file = "\(place)/callgrind-\(subject.variant.name)"
        try Callgrind.clear(file)
        // valgrind cannot read all that some of them hold for debuggers.
        let stripped = "\(place)/stripped-\(subject.variant.name)"
        try run("/usr/bin/strip", ["--strip-debug", "-o", stripped, subject.variant.command[0]])
        try subject.mount(
            under: ["/usr/bin/valgrind", "--tool=callgrind", "--callgrind-out-file=\(file)"], program: stripped, arguments: arguments)
    }

    func unmount() throws {
        try subject.unmount()
        try Callgrind.clear(file)
    }

    /// What the server does for something that is done.
    func counts(_ body: () throws -> Void) throws -> Counts {
        subject.waitUntilIdle()
        _ = try dump()
        try body()
        subject.waitUntilIdle()
        return try dump()
    }

    /// What was counted since the last time.
    private func dump() throws -> Counts {
        guard let process = subject.process else { throw Failed(description: "callgrind: nothing runs") }
        // It tells of each dump where errors are told.
        try run("/bin/sh", ["-c", "exec callgrind_control --dump \(process) 2>&1"], limit: 60)
        dumps += 1
        let path = "\(file).\(dumps)"
        for _ in 0..<1000 {
            if let text = try? String(contentsOfFile: path, encoding: .utf8), let counts = Callgrind.read(text) {
                try FileManager.default.removeItem(atPath: path)
                return counts
            }
            usleep(10_000)
        }
        throw Failed(description: "\(path): callgrind did not write it")
    }

    private static let allocating: Set<String> = [
        "malloc", "calloc", "realloc", "memalign", "aligned_alloc", "posix_memalign", "valloc",
    ]
    private static let counting: Set<String> = [
        "swift_retain", "swift_release", "swift_bridgeObjectRetain", "swift_bridgeObjectRelease", "swift_retain_n", "swift_release_n",
        "swift_unknownObjectRetain", "swift_unknownObjectRelease",
    ]

    /// A dump in callgrind's format. nil where it is not complete. A function's name stands where its number is first used.
    private static func read(_ text: String) -> Counts? {
        var names: [Substring: Substring] = [:], counts = Counts(), isComplete = false
        var caller: Substring = "", called: Substring = ""
        func name(_ reference: Substring) -> Substring {
            guard let end = reference.firstIndex(of: ")") else { return reference }
            let number = reference[...end], rest = reference[reference.index(after: end)...].drop { $0 == " " }
            if !rest.isEmpty { names[number] = rest.prefix { $0 != "'" && $0 != "@" } }
            return names[number] ?? ""
        }
        for line in text.split(separator: "\n") {
            if line.hasPrefix("fn=") {
                caller = name(line.dropFirst(3))
            } else if line.hasPrefix("cfn=") {
                called = name(line.dropFirst(4))
            } else if line.hasPrefix("calls=") {
                let count = Double(line.dropFirst(6).prefix { $0 != " " }) ?? 0
                // What asks for memory by way of another that does is one block.
                if allocating.contains(String(called)), !allocating.contains(String(caller)) { counts.allocations += count }
                if counting.contains(String(called)) { counts.referenceCounts += count }
            } else if line.hasPrefix("totals: ") {
                counts.instructions = Double(line.dropFirst(8).split(separator: " ").first ?? "") ?? 0
                isComplete = true
            }
        }
        return isComplete ? counts : nil
    }

    private static func clear(_ file: String) throws {
        let folder = URL(fileURLWithPath: file).deletingLastPathComponent()
        for old in try FileManager.default.contentsOfDirectory(atPath: folder.path)
        where old.hasPrefix(URL(fileURLWithPath: file).lastPathComponent + ".") {
            try FileManager.default.removeItem(at: folder.appendingPathComponent(old))
        }
    }
}
