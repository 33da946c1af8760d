// SPDX-License-Identifier: MIT

import Foundation
import Report

/// What is to be measured. `Benchmarks/mirror` says it by the environment.
struct Options {
    /// Where mounts, sources and the like are made; empty at first.
    var place: String
    /// Where the page is written.
    var output: String
    var isQuick: Bool
    /// The release build of this repository's `passthroughfs`, and another one to compare it with.
    var program: String
    var before: String?
    /// `passthrough_hp` of libfuse, and what version that is: it does not say so itself.
    var rival: String?
    var rivalVersion: String?
    /// The program that makes the load.
    var load: String
    /// Whether the kernel lets servers speak through io_uring.
    var hasRing: Bool
    /// What the instances of tracefs are called that are made here; nil without tracefs.
    var traces: String?
    /// Names of the variants, the rows, the sources and the parts, where not all are wanted.
    var chosen: [String]?
    var rows: [String]?
    var sources: [String]
    var parts: [String]
    var threads: [Int]
    var rounds: Int
    var seconds: Double
    /// The command as it was called, with what was set for it.
    var command: String
    /// How many others' processes wanted to run, in the minute before.
    var loadBefore: String

    init(place: String, output: String, isQuick: Bool) throws {
        let environment = ProcessInfo.processInfo.environment
        func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        func needed(_ name: String) throws -> String {
            guard let value = value(name) else { throw Failed(description: "\(name) is not set (Benchmarks/mirror sets it)") }
            return value
        }
        func words(_ name: String) -> [String]? {
            value(name)?.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }
        }
        self.place = place
        self.output = output
        self.isQuick = isQuick
        program = try needed("OURS")
        load = try needed("LOAD")
        before = value("BEFORE")
        rival = value("PASSTHROUGH_HP")
        rivalVersion = value("PASSTHROUGH_HP_VERSION")
        hasRing = value("RING") == "Y"
        traces = value("TRACES")
        chosen = words("VARIANTS")
        rows = words("ROWS")
        sources = words("SOURCES") ?? (isQuick ? ["tmpfs"] : ["tmpfs", "ext4"])
        parts = words("PARTS") ?? (isQuick ? ["churn", "counts"] : ["churn", "counts", "data", "work"])
        threads = (words("THREADS") ?? (isQuick ? ["2"] : ["1", "2", "4"])).compactMap { Int($0) }
        rounds = value("ROUNDS").flatMap { Int($0) } ?? (isQuick ? 3 : 5)
        seconds = value("SECONDS_EACH").flatMap { Double($0) } ?? (isQuick ? 0.1 : 0.3)
        let settings = ["PARTS", "SOURCES", "THREADS", "VARIANTS", "ROWS", "ROUNDS", "SECONDS_EACH"]
            .compactMap { name in value(name).map { "\(name)=\($0) " } }.joined()
        command = "\(settings)Benchmarks/mirror\(isQuick ? " quick" : "")"
        loadBefore = (try? String(contentsOfFile: "/proc/loadavg", encoding: .utf8))?.split(separator: " ").first.map(String.init) ?? "?"
        for path in [program, load] + [before, rival].compactMap({ $0 }) where !FileManager.default.isExecutableFile(atPath: path) {
            throw Failed(description: "\(path): not a program")
        }
    }
}
