// SPDX-License-Identifier: MIT

import Foundation
import Report

/// The kernel's own counts, by tracepoints: the same for every server. In instances of tracefs, so that nobody else's traces are touched;
/// `Benchmarks/mirror` removes them in the end.
struct Tracing {
    private let requestInstance: String
    private let callInstance: String

    /// nil where the kernel has not got what it takes.
    init?(prefix: String?) {
        guard let prefix else { return nil }
        requestInstance = "\(prefix)-requests"
        callInstance = "\(prefix)-calls"
        do {
            for instance in [requestInstance, callInstance] {
                try FileManager.default.createDirectory(atPath: instance, withIntermediateDirectories: false)
            }
            // An event takes some 50 bytes. What does not fit is an error, later.
            try Tracing.write("16384", "\(requestInstance)/buffer_size_kb")
            // Those that do not fit are still counted.
            try Tracing.write("64", "\(callInstance)/buffer_size_kb")
            try Tracing.write("1", "\(callInstance)/options/event-fork")
            try Tracing.write("0", "\(requestInstance)/events/fuse/fuse_request_send/enable")
            try Tracing.write("0", "\(callInstance)/events/raw_syscalls/sys_enter/enable")
        } catch {
            note("no tracepoints: \(error)")
            return nil
        }
    }

    /// Records an event anew while something is done, until the server has nothing left to do.
    private func record(_ event: String, in instance: String, of subject: Subject, _ body: () throws -> Void) throws {
        try Tracing.clear(instance)
        try Tracing.write("1", "\(event)/enable")
        do {
            try body()
        } catch {
            try? Tracing.write("0", "\(event)/enable")
            throw error
        }
        subject.waitUntilIdle()
        try Tracing.write("0", "\(event)/enable")
    }

    /// Requests that come to a server while something is done, by operation. FORGET has no event.
    func requests(of subject: Subject, _ body: () throws -> Void) throws -> [String: Int] {
        let event = "\(requestInstance)/events/fuse/fuse_request_send"
        try Tracing.write("connection == \(subject.connection())", "\(event)/filter")
        try record(event, in: requestInstance, of: subject, body)
        guard try Tracing.total(requestInstance, ["overrun", "dropped events"]) == 0 else {
            throw Failed(description: "the trace's buffer is too small for the requests of \(subject.variant.title)")
        }
        var counts: [String: Int] = [:]
        // Files of tracefs come a page at a time, of which Foundation would take the first.
        let trace = try run("/bin/cat", ["\(requestInstance)/trace"], limit: 120)
        for line in trace.utf8.split(separator: UInt8(ascii: "\n")) where line.first != UInt8(ascii: "#") {
            // ... opcode 3 (FUSE_GETATTR) len ...
            guard let open = line.lastIndex(of: UInt8(ascii: "(")), let close = line.lastIndex(of: UInt8(ascii: ")")), open < close else { continue }
            var name = Substring(line[line.index(after: open)..<close])
            if name.hasPrefix("FUSE_") { name = name.dropFirst(5) }
            // One that the tracepoint does not know by name.
            if name == "0x35" { name = "COPY_FILE_RANGE_64" }
            counts[String(name), default: 0] += 1
        }
        return counts
    }

    /// System calls of a server's threads while something is done.
    func systemCalls(of subject: Subject, _ body: () throws -> Void) throws -> Int {
        let event = "\(callInstance)/events/raw_syscalls/sys_enter"
        try Tracing.write(subject.threads().joined(separator: " "), "\(callInstance)/set_event_pid")
        try record(event, in: callInstance, of: subject, body)
        return try Tracing.total(callInstance, ["entries", "overrun"])
    }

    /// The sum of some of the buffers' statistics over all processors.
    private static func total(_ instance: String, _ names: [String]) throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "\(instance)/per_cpu").reduce(0) { sum, processor in
            let statistics = try String(contentsOfFile: "\(instance)/per_cpu/\(processor)/stats", encoding: .utf8)
            return statistics.split(separator: "\n").reduce(sum) { sum, line in
                let parts = line.split(separator: ":")
                guard parts.count == 2, names.contains(String(parts[0])) else { return sum }
                return sum + (Int(parts[1].trimmingCharacters(in: .whitespaces)) ?? 0)
            }
        }
    }

    /// Opening a trace with O_TRUNC empties it.
    private static func clear(_ instance: String) throws { try Data().write(to: URL(fileURLWithPath: "\(instance)/trace")) }

    /// One write, as these files take it.
    private static func write(_ text: String, _ path: String) throws {
        guard let file = FileHandle(forWritingAtPath: path) else { throw Failed(description: "\(path): cannot be written") }
        try file.write(contentsOf: Data("\(text)\n".utf8))
        try file.close()
    }
}
