// SPDX-License-Identifier: MIT

import ArgumentParser
import Foundation
import Testing

@testable import PassthroughCommand

/// The manual page and the command say the same.
@Suite struct ManualTests {
    private static let page: String = {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
        return (try? String(contentsOf: root.appending(path: "Documentation/man/passthroughfs.8"), encoding: .utf8)) ?? ""
    }()

    /// What is between this line and the next one of its kind.
    private static func section(_ head: String) -> Substring {
        let kind = head.prefix(3)
        guard let start = page.range(of: "\n\(head)\n") else { return "" }
        let rest = page[start.upperBound...]
        let end = ["\n\(kind) ", "\n.Sh "].compactMap { rest.range(of: $0)?.lowerBound }.min() ?? rest.endIndex
        return rest[..<end]
    }

    /// The options that those lines name which begin as given.
    private static func options(_ text: String, linesFrom start: String, named option: String) throws -> Set<String> {
        let option = try Regex(option, as: (Substring, Substring).self)
        return Set(text.components(separatedBy: "\n").filter { $0.hasPrefix(start) }.flatMap { $0.matches(of: option).map { String($0.1) } })
    }

    private static let named = "Fl (-?[a-z][a-z-]*)"

    @Test(arguments: [
        ("mount", MountCommand.self), ("unmount", UnmountCommand.self), ("stats", StatsCommand.self), ("check", CheckCommand.self),
        ("demo", DemoCommand.self),
    ] as [(String, any ParsableCommand.Type)])
    func eachCommandHasItsOptions(name: String, command: any ParsableCommand.Type) throws {
        let help = try Self.options(
            PassthroughCommand.helpMessage(for: command, columns: 500), linesFrom: "  -", named: "(?:^ |[ ,])(-[a-z]|--[a-z-]+)(?=[ ,]|$)")
            .subtracting(["-h", "--help", "--version"])
        let section = String(Self.section(".Ss \(name)"))
        let manual = try Self.options(section, linesFrom: ".It Fl", named: Self.named)
        #expect(Set(manual.map { "-" + $0 }) == help)
        // What it is called with, too.
        let synopsis = Self.section(".Sh SYNOPSIS").components(separatedBy: ".Nm\n").first { $0.hasPrefix(".Cm \(name)\n") }
        let short = try Self.options(synopsis ?? "", linesFrom: ".Op Fl", named: Self.named).map { "-" + $0 }
        #expect(help.isSuperset(of: short))
        // One name of an option is enough there.
        let once = section.components(separatedBy: "\n").filter { $0.hasPrefix(".It Fl") }.count
        #expect(short.count == once)
    }

    @Test func theCommandsAreThoseThatThereAre() {
        let commands = PassthroughCommand.configuration.subcommands.compactMap { $0.configuration.commandName }
        let sections = Self.page.split(separator: "\n").filter { $0.hasPrefix(".Ss ") }.map { String($0.dropFirst(4)) }
        #expect(sections == commands)
    }

    /// The JSON is a promise: its fields are named there.
    @Test func theNumbersAreThoseThatThereAre() throws {
        func fields(_ value: Any) -> [String] {
            guard let object = value as? [String: Any] else { return (value as? [Any])?.flatMap { fields($0) } ?? [] }
            // Requests are named by the kernel.
            return object.flatMap { [$0.key] + ($0.key == "requests" ? [] : fields($0.value)) }
        }
        let report = StatsReport(
            mountpoint: "/mnt", source: "/srv", process: 1, restrictions: ["nosuid"], requests: ["LOOKUP": 1], passthrough: .init(state: "unavailable", reason: "", remedy: "", stackDepth: 1, opens: 1),
            backings: .init(live: 1, kept: 1, registrations: 1, retries: 1), dialect: "none", transport: "io_uring", entries: 1, threads: 1, inodes: 1,
            descriptors: 1, fallbacks: [.init(reason: "", count: 1)])
        let named = Self.section(".Sh THE NUMBERS").split(separator: "\n").filter { $0.hasPrefix(".It Li ") }
            .flatMap { $0.dropFirst(7).split(separator: " , ").flatMap { $0.split(separator: ".").map { String($0) } } }
        #expect(Set(named) == Set(fields(try JSONSerialization.jsonObject(with: Data(report.json)))))
    }

    @Test func theMountOptionsAreThoseThatThereAre() {
        let words = Self.section(".Sh MOUNT OPTIONS").split(separator: "\n").filter { $0.hasPrefix(".It Cm") }
            .flatMap { $0.dropFirst(7).components(separatedBy: " , ").compactMap { $0.split(separator: " ").first.map { String($0) } } }
        let known = MountOptionList.names.components(separatedBy: ", ").map { $0.replacingOccurrences(of: "NAME", with: "") }
        #expect(Set(words) == Set(known))
    }
}
