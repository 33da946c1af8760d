// SPDX-License-Identifier: MIT

import FUSEWire
import Foundation
import Testing

/// A C header's own account of the ABI: a program made of the two tables, compiled against it, prints what it sees.
struct HeaderReport {
    let minor: Int
    /// "fuse_attr" -> [size], "fuse_attr.ino" -> [offset, size], "FUSE_LOOKUP" -> [value].
    let facts: [String: [UInt64]]
    /// The structures and macros that the header's text defines.
    let defined: Set<String>

    /// - Parameter include: the directory that `linux/fuse.h` is in, if not the system's.
    init(include: String? = nil) throws {
        try self.init(text: Self.preprocess(include: include), include: include)
    }

    private init(text: String, include: String?) throws {
        let directory = try TemporaryDirectory()
        try Self.program.write(toFile: directory.path + "/table.c", atomically: true, encoding: .utf8)
        let search = include.map { ["-I", $0] } ?? []
        _ = try run(["cc"] + search + ["-o", directory.path + "/table", directory.path + "/table.c"])
        var facts: [String: [UInt64]] = [:]
        for line in try run([directory.path + "/table"]).split(separator: "\n") {
            let words = line.split(separator: " ")
            facts[String(words[0])] = words.dropFirst().compactMap { UInt64($0) }
        }
        self.facts = facts
        self.minor = Int(try #require(facts["minor"]?.first))
        self.defined = Set(
            text.matches(of: /(?m)^(?:#define|struct) ((?:FUSE|CUSE|FOPEN|FATTR|fuse|cuse)_\w+)(?: |$)/)
                .map { String($0.1) })
    }

    /// The header without comments, with its macros.
    private static func preprocess(include: String?) throws -> String {
        let directory = try TemporaryDirectory()
        let file = directory.path + "/include.c"
        try "#include <linux/fuse.h>\n".write(toFile: file, atomically: true, encoding: .utf8)
        let search = include.map { ["-I", $0] } ?? []
        // The second pass has the structures, from which the macros of the first are gone.
        return try run(["cc", "-E", "-P", "-dM"] + search + [file]) + run(["cc", "-E", "-P"] + search + [file])
    }

    private static var program: String {
        var lines = [
            "#include <stddef.h>", "#include <stdint.h>", "#include <stdio.h>", "#include <sys/ioctl.h>",
            "#include <linux/fuse.h>", "int main(void) {",
            "printf(\"minor %d\\n\", FUSE_KERNEL_MINOR_VERSION);",
        ]
        func line(since: Int, _ text: String) {
            if since == Constant.never { return }
            lines += ["#if FUSE_KERNEL_MINOR_VERSION >= \(since)", text, "#endif"]
        }
        for layout in layouts {
            line(since: layout.since, "printf(\"\(layout.name) %zu\\n\", sizeof(struct \(layout.name)));")
            for field in layout.fields {
                let name = "\(layout.name).\(field.name)"
                line(
                    since: field.since,
                    "printf(\"\(name) %zu %zu\\n\", offsetof(struct \(layout.name), \(field.name)), "
                        + "sizeof(((struct \(layout.name) *)0)->\(field.name)));")
            }
        }
        for constant in constants {
            // A shift into the sign bit of an int is negative: it is meant as 32 bits.
            line(
                since: constant.since,
                "printf(\"\(constant.name) %llu\\n\", \(constant.name) < 0 ? "
                    + "(unsigned long long)(uint32_t)(\(constant.name)) : (unsigned long long)(\(constant.name)));")
        }
        return (lines + ["return 0;", "}", ""]).joined(separator: "\n")
    }

    /// Holds the two tables against the header.
    func check() {
        #expect(minor >= 31)
        for layout in layouts {
            if layout.since <= minor { #expect(facts[layout.name] == [UInt64(layout.size)], "\(layout.name)") }
            for field in layout.fields where field.since <= minor {
                let name = "\(layout.name).\(field.name)"
                #expect(facts[name] == [field.offset.map { UInt64($0) } ?? .max, UInt64(field.size)], "\(name)")
            }
        }
        for constant in constants where constant.since <= minor {
            #expect(facts[constant.name] == [constant.value], "\(constant.name)")
        }
        let known = Set(layouts.map(\.name)).union(constants.map(\.name)).union(Self.leftOut)
        #expect(defined.subtracting(known).sorted() == [], "defined by the header, unknown to the tables")
        #expect(defined.contains("fuse_attr") && defined.contains("FUSE_ASYNC_READ"))
    }

    /// What the module has no use for: sizes before 7.31, aliases, and macros that are not numbers.
    static let leftOut: Set<String> = [
        "FUSE_KERNEL_MINOR_VERSION", "FUSE_COMPAT_ENTRY_OUT_SIZE", "FUSE_COMPAT_ATTR_OUT_SIZE",
        "FUSE_COMPAT_MKNOD_IN_SIZE", "FUSE_COMPAT_WRITE_IN_SIZE", "FUSE_COMPAT_STATFS_SIZE",
        "FUSE_COMPAT_INIT_OUT_SIZE", "FUSE_COMPAT_22_INIT_OUT_SIZE", "FUSE_WRITE_KILL_PRIV", "FUSE_DIRECT_IO_RELAX",
        "FUSE_DEV_IOC_MAGIC", "FUSE_NAME_OFFSET", "FUSE_NAME_OFFSET_DIRENTPLUS", "FUSE_REMOVEMAPPING_MAX_ENTRY",
    ]
}

@Suite struct HeaderTests {
    /// The system's, or another: `SWIFT_FUSE_HEADER` may name a directory that holds `linux/fuse.h`.
    @Test func theSystemsHeader() throws {
        try HeaderReport(include: environment("SWIFT_FUSE_HEADER")).check()
    }

    /// A newer one than most systems': that of the kernel source that Debian packages.
    @Test(
        .enabled(
            if: sourceArchive != nil || environment("CI") != nil,
            "no /usr/src/linux-source-*.tar.xz: apt install linux-source-6.12"))
    func theHeaderOfThePackagedSource() throws {
        let archive = try #require(sourceArchive, "CI has linux-source-6.12 installed")
        let directory = try TemporaryDirectory()
        let name = archive.lastPathComponent.replacingOccurrences(of: ".tar.xz", with: "")
        let header = name + "/include/uapi/linux/fuse.h"
        _ = try run(["tar", "-xf", archive.path, "-C", directory.path, "--occurrence=1", header])
        // Its neighbours are not fit for user space, so it is taken out alone.
        let manager = FileManager.default
        try manager.createDirectory(atPath: directory.path + "/include/linux", withIntermediateDirectories: true)
        try manager.moveItem(atPath: directory.path + "/" + header, toPath: directory.path + "/include/linux/fuse.h")
        let report = try HeaderReport(include: directory.path + "/include")
        #expect(report.minor >= 41)
        report.check()
    }
}

private func environment(_ name: String) -> String? { ProcessInfo.processInfo.environment[name] }

private let sourceArchive: URL? = {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/usr/src")) ?? []
    return names.filter { $0.wholeMatch(of: /linux-source-[\d.]+\.tar\.xz/) != nil }.sorted().last
        .map { URL(fileURLWithPath: "/usr/src/" + $0) }
}()

/// A directory that goes when the last reference to it does.
private final class TemporaryDirectory {
    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/fuse-wire-tests-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// Runs a command found by `PATH` and returns what it prints.
private func run(_ command: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "\(command.joined(separator: " "))")
    return String(decoding: data, as: UTF8.self)
}
