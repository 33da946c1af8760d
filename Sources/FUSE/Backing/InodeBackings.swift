// SPDX-License-Identifier: MIT
//
// How each inode's reads and writes go, and its backing file.
//
// The kernel's rules (`fs/fuse/iomode.c`): an inode is idle, cached or passed through. While a file of it is open in
// passthrough, every other open of it must be passthrough too, of the same registration: anything else fails with EIO;
// while one is open through the cache, passthrough fails with EIO. So that no user ever sees that, an open joins the mode
// of those that are there, and only the first one chooses:
//
//     mode there    wish: cached              direct                    passthrough
//     (idle)        cached                    direct                    passthrough; cached, if it cannot be had
//     cached        cached                    direct, counted as cached cached
//     direct        cached from now on        direct                    direct
//     passthrough   passthrough, data direct  passthrough, data direct  passthrough
//
// ("Passthrough, data direct" is PASSTHROUGH|DIRECT_IO: reads and writes come to the server, maps go to the backing.)
// Next to direct opens a passthrough one would be right as long as none of them maps the file shared, which nobody
// tells: it is served direct.
//
// Life cycle: an inode has a record from its first open to its last release. The kernel ends its own mode before it
// sends that release (`fuse_file_put`), so the record errs on the side that is always right. The registration is made
// by the first open and taken back with the record.
//
// Locks: records are in shards by node, each behind a mutex, held for a few instructions. No system call is made under
// one: a first open registers without the lock, and takes its registration back if another open was faster. The lock
// orders everything; there is no other shared state but the counters.

import FUSEWire
import Logging
import Synchronization
import SystemPackage

final class InodeBackings: Sendable {
    /// How an open goes.
    struct Admission: Equatable {
        var flags: OpenFlags
        var backing: BackingID?
    }

    private enum Mode: Equatable {
        case cached
        case direct
        case passthrough(BackingID)
    }

    private struct Record {
        var mode: Mode
        var opens: Int
    }

    private typealias Shard = Mutex<[NodeID: Record]>

    private let device: any Device
    private let isAvailable: Bool
    private let logger: Logger
    private let shards: InlineArray<16, Shard>
    /// The errors that registrations met, and how often. Each is told once.
    private let refusals = Mutex<[Errno: Int]>([:])
    private let registrations = Atomic<Int>(0)
    private let passthroughOpens = Atomic<UInt64>(0)

    init(_ device: any Device, isAvailable: Bool, logger: Logger) {
        self.device = device
        self.isAvailable = isAvailable
        self.logger = logger
        shards = InlineArray { _ in Mutex([:]) }
    }

    /// How many backing files are registered.
    var registered: Int { registrations.load(ordering: .relaxed) }

    /// How many opens went to the kernel so far.
    var passedThrough: UInt64 { passthroughOpens.load(ordering: .relaxed) }

    /// What the kernel did not take, by error.
    var refused: [Errno: Int] { refusals.withLock { $0 } }

    /// Decides how an open of this node goes, and counts it. Every call is followed by one of ``release(_:)``.
    func admit(_ node: NodeID, _ wish: Opened.IO) -> Admission {
        let admission = decide(node, wish)
        if admission.flags.contains(.passthrough) { passthroughOpens.add(1, ordering: .relaxed) }
        return admission
    }

    private func decide(_ node: NodeID, _ wish: Opened.IO) -> Admission {
        if let joined = withRecords(of: node, { Self.join(&$0, node, wish) }) { return joined }
        // Nothing of this node is open.
        var first = wish.served == .direct ? Mode.direct : .cached
        if case .passthrough(let file, _) = wish, let id = register(file) { first = .passthrough(id) }
        let admission = withRecords(of: node) { records in
            if let joined = Self.join(&records, node, wish) { return joined }
            records[node] = Record(mode: first, opens: 1)
            return Self.admission(first, wish)
        }
        if case .passthrough(let mine) = first, admission.backing != mine { close(mine) }
        return admission
    }

    /// One open of this node is gone.
    func release(_ node: NodeID) {
        let ended: Mode? = withRecords(of: node) { records in
            guard var record = records[node] else { return nil }
            record.opens -= 1
            records[node] = record.opens > 0 ? record : nil
            return record.opens > 0 ? nil : record.mode
        }
        if case .passthrough(let id) = ended { close(id) }
    }

    /// Joins what is open of the node; nil where nothing is.
    private static func join(_ records: inout [NodeID: Record], _ node: NodeID, _ wish: Opened.IO) -> Admission? {
        guard var record = records[node] else { return nil }
        record.opens += 1
        if record.mode == .direct, !wish.isPassthrough, wish.served != .direct { record.mode = .cached }
        records[node] = record
        return admission(record.mode, wish)
    }

    private static func admission(_ mode: Mode, _ wish: Opened.IO) -> Admission {
        switch (mode, wish.served) {
        case (.passthrough(let id), _) where wish.isPassthrough: Admission(flags: .passthrough, backing: id)
        case (.passthrough(let id), _): Admission(flags: [.passthrough, .directIO], backing: id)
        case (.direct, _), (.cached, .direct): Admission(flags: .directIO)
        case (.cached, .keepingCache): Admission(flags: .keepCache)
        case (.cached, .cached): Admission(flags: [])
        }
    }

    private func withRecords<R>(of node: NodeID, _ body: (inout sending [NodeID: Record]) -> sending R) -> R {
        // Slots are dense, so their low bits spread.
        shards[Int(truncatingIfNeeded: node.rawValue & 15)].withLock(body)
    }

    // MARK: Registration

    /// Registers a file; nil where the kernel does not take it. That is never the user's trouble: it is told once per
    /// kind, and the file is served through this process.
    private func register(_ file: FileDescriptor) -> BackingID? {
        guard isAvailable else { return nil }
        do throws(Errno) {
            let id = try device.openBacking(BackingMap(fd: file.rawValue))
            registrations.add(1, ordering: .relaxed)
            return id
        } catch {
            if isFirst(error) {
                logger.warning("a file is served without passthrough: the kernel did not take it: \(error)")
            }
            return nil
        }
    }

    private func close(_ id: BackingID) {
        registrations.subtract(1, ordering: .relaxed)
        do throws(Errno) { try device.closeBacking(id) } catch {
            // Nothing is lost but the kernel's reference: it goes with the connection.
            if isFirst(error) { logger.error("backing \(id.rawValue) was not closed: \(error)") }
        }
    }

    /// Counts an error, and says whether it is the first of its kind.
    private func isFirst(_ error: Errno) -> Bool {
        refusals.withLock { refusals in
            refusals[error, default: 0] += 1
            return refusals[error] == 1
        }
    }
}

extension Opened.IO {
    fileprivate var isPassthrough: Bool {
        if case .passthrough = self { true } else { false }
    }

    /// How it goes where it is not passed through.
    fileprivate var served: Served {
        switch self {
        case .cached: .cached
        case .keepingCache: .keepingCache
        case .direct: .direct
        case .passthrough(_, let otherwise): otherwise
        }
    }
}
