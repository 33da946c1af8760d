// SPDX-License-Identifier: MIT

import Foundation
import MountSupport
import Testing

/// What one case saw, as one user: a line of the program `conformance`.
struct Report: Sendable {
    let name: String
    let user: String
    /// Whether it saw what POSIX and Linux say.
    let isRight: Bool
    let wrong: String
    let seen: [String]
    /// In a simulated kernel: what the case asked for that there is not, and how much it had seen before.
    let lack: Lack?

    struct Lack: Equatable {
        var what: String
        var seen: Int
    }

    var key: String { "\(user): \(name)" }

    init?(line: Substring) {
        let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map { String($0) }
        guard fields.count == 5 || fields.count == 7 else { return nil }
        name = fields[0]
        user = fields[1]
        isRight = fields[2] == "pass"
        wrong = fields[3]
        seen = fields[4].components(separatedBy: "; ")
        lack = fields.count == 7 ? Lack(what: fields[5], seen: Int(fields[6]) ?? 0) : nil
    }

    /// Runs the cases in a directory. They run in a process of their own, which also takes on the users: a process that did
    /// this on a mount of its own could wait for itself.
    static func run(in directory: String, _ arguments: String = "") throws -> [Report] {
        try run("conformance", ". \(arguments)", in: directory)
    }

    /// Runs them on a mirror in a simulated kernel, in new directories in this one.
    static func run(inSimulated kernel: String, in directory: String) throws -> [Report] { try run("simulated", "\(kernel) .", in: directory) }

    private static func run(_ program: String, _ arguments: String, in directory: String) throws -> [Report] {
        let result = try shell(
            "exec \"$PROGRAM\" \(arguments)", in: directory, seconds: 400, environment: ["PROGRAM": builtProgram(program)])
        let reports = result.output.split(separator: "\n").compactMap { Report(line: $0) }
        // 1: some case is not as it should be. It says which.
        #expect(result.status == 0 || result.status == 1, "\(result.output.suffix(2000))")
        return reports
    }

    /// What this one saw otherwise than another did.
    func differences(from native: Report) -> [Difference] {
        let (here, there) = (compared(with: self), native.compared(with: self))
        guard here.count == there.count else {
            return [Difference(native: "\(there.count) things seen; \(native.wrong)", here: "\(here.count); \(wrong)")]
        }
        return zip(there, here).filter { $0 != $1 }.map { Difference(native: $0, here: $1) }
    }

    /// What this one saw before another lacked something.
    func compared(with other: Report) -> ArraySlice<String> { seen.prefix(other.lack?.seen ?? seen.count) }
}

struct Difference: Equatable, CustomStringConvertible {
    let native: String
    let here: String

    var description: String { "\(here), natively \(native)" }
}

/// What the native filesystem gives, found once.
enum NativeReports {
    private static let result = Result { () throws -> [Report] in
        let directory = FileManager.default.temporaryDirectory.path + "/mirror-native-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(atPath: directory) }
        return try Report.run(in: directory)
    }

    static func get() throws -> [Report] { try result.get() }
}
