// SPDX-License-Identifier: MIT

import FUSE
import FoundationEssentials
import PassthroughFS

/// What `stats` shows. Its JSON is a promise: fields are added, none is renamed or removed.
struct StatsReport: Codable {
    struct Passthrough: Codable {
        /// `available`, `unavailable` or `off`.
        var state: String
        /// What stands against it, where it is unavailable.
        var reason: String?
        /// What would help.
        var remedy: String?
        /// How deeply the files may be stacked (`max_stack_depth`): with 2 nothing can be stacked on the mount. 0 where none is
        /// passed through; nil from a version that does not say it.
        var stackDepth: Int?
        /// Opens of files whose data the kernel moved by itself.
        var opens: UInt64
    }

    struct Backings: Codable {
        /// Files registered with the kernel.
        var live: Int
        /// Those of them that nobody has open.
        var kept: Int
        /// Registered since it was mounted.
        var registrations: UInt64
        /// Attempts that the kernel wanted made again (EAGAIN).
        var retries: UInt64
    }

    struct Fallback: Codable {
        var reason: String
        var count: Int
    }

    var mountpoint: String
    var source: String
    var process: Int32
    /// What the mount rules out because the source's does, by the words of `mount(8)`: `nosuid` and its like. Nil: a process of
    /// an earlier version, which rules out nothing.
    var restrictions: [String]?
    /// By the kernel's names of operations.
    var requests: [String: UInt64]
    var passthrough: Passthrough
    var backings: Backings
    /// Who chooses the ids of backing files: `kernel`, `server`; `none` where the kernel takes no files.
    var dialect: String
    var transport: String
    /// How many requests the kernel can hand over before one is answered, over io_uring; nil with `/dev/fuse`.
    var entries: Int?
    var threads: Int
    /// Inodes that the kernel knows, the root aside.
    var inodes: Int
    /// Descriptors that this process has open.
    var descriptors: Int
    /// Opens of files that were served without passthrough because the kernel did not take the file.
    var fallbacks: [Fallback]
}

extension StatsReport {
    init(_ mount: Mount<PassthroughFS>, source: String) {
        let statistics = mount.statistics
        mountpoint = mount.mountpoint
        self.source = source
        process = ProcessID.own
        restrictions = mount.session.fileSystem.mountRestrictions.words
        requests = Dictionary(uniqueKeysWithValues: statistics.requests.map { ($0.opcode.description, $0.count) })
        passthrough = Passthrough(
            state: "off", stackDepth: mount.session.connection.stackDepth, opens: statistics.passthroughOpens)
        switch statistics.passthrough {
        case .available: passthrough.state = "available"
        case .off: passthrough.state = "off"
        case .unavailable(let reason, let remedy):
            passthrough.state = "unavailable"
            passthrough.reason = reason
            passthrough.remedy = remedy
        }
        backings = Backings(
            live: statistics.backings, kept: statistics.keptBackings, registrations: statistics.registrations,
            retries: statistics.registrationRetries)
        dialect = statistics.backingDialect?.rawValue ?? "none"
        transport = statistics.transport
        entries = statistics.entries == 0 ? nil : statistics.entries
        threads = statistics.threads
        inodes = mount.session.fileSystem.inodeCount
        descriptors = PassthroughFS.openDescriptors
        fallbacks = statistics.refusals.map { Fallback(reason: "\($0.key)", count: $0.value) }.sorted { $0.reason < $1.reason }
    }

    var json: [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { Array($0) } ?? []
    }

    init(json: [UInt8]) throws { self = try JSONDecoder().decode(StatsReport.self, from: Data(json)) }

    /// For people to read.
    var table: String {
        var rows: [(String, String)] = [("mountpoint", mountpoint), ("source", source), ("process", "\(process)")]
        if let restrictions { rows.append(("restrictions", restrictions.isEmpty ? "none" : restrictions.joined(separator: ", "))) }
        rows.append(("passthrough", ([passthrough.state] + [passthrough.reason, passthrough.remedy].compactMap { $0 }).joined(separator: ": ")))
        if passthrough.stackDepth == 2 { rows.append(("stack depth", "2: nothing can be stacked on this mount, as no overlayfs on it")) }
        rows.append(("passthrough opens", "\(passthrough.opens)"))
        rows.append(("backings", "\(backings.live) live, \(backings.kept) of them kept; \(backings.registrations) so far"))
        rows.append(("backing ids", dialect == "none" ? dialect : "chosen by the \(dialect), \(backings.retries) retries"))
        rows.append(("transport", "\(transport), " + (entries.map { "\($0) entries, " } ?? "") + "\(threads) threads"))
        rows.append(("inodes", "\(inodes)"))
        rows.append(("descriptors", "\(descriptors)"))
        rows += fallbacks.map { ("without passthrough", "\($0.count): \($0.reason)") }
        rows += requests.sorted { ($1.value, $0.key) < ($0.value, $1.key) }.map { ($0.key, "\($0.value)") }
        let width = rows.map(\.0.count).max() ?? 0
        return rows.map { $0.0 + String(repeating: " ", count: width - $0.0.count + 2) + $0.1 }.joined(separator: "\n")
    }
}
