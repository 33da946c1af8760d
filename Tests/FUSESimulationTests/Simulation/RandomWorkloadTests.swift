// SPDX-License-Identifier: MIT

import BackingTableTestSupport
import FUSE
import FUSESimulation
import Foundation
import PassthroughFS
import SystemPackage
import Testing

@testable import MemoryFS

/// Random workloads beside a plain directory: all outcomes must be the same. Then the same ones with a fault at every ioctl
/// and at every reply in turn: it fails one call at the most, and one of a backing file none; and when everything is released
/// nothing is left.
@Suite(.serialized) struct RandomWorkloadTests {
    enum Kind: CaseIterable {
        case memory
        case mirror
        case mirrorWithServerIDs
    }

    /// How a run went: what was wrong, if anything, and how many events could have.
    struct Outcome {
        var wrong: String?
        var events = 0
        var kinds: [KernelEvent] = []
    }

    final class Events: @unchecked Sendable {
        var kinds: [KernelEvent] = []
    }

    static func run(_ actions: [Action], _ kind: Kind, fault: (number: Int, errno: Errno)? = nil) throws -> Outcome {
        switch kind {
        case .memory:
            let memory = MemoryFS()
            return try run(actions, Simulation(memory, session: .quiet), fault) { memory.nodeCount - 1 }
        case .mirror, .mirrorWithServerIDs:
            let mirror = try SimulatedMirror(kind == .mirror ? .allocatesIDs : .takesServerIDs)
            let path = mirror.source.path
            return try run(actions, mirror.simulation, fault) {
                mirror.simulation.fileSystem.inodeCount + descriptors(below: path)
            }
        }
    }

    /// - Parameter left: what the filesystem still has when everything was removed and forgotten.
    static func run<FS: FileSystem>(
        _ actions: [Action], _ simulation: Simulation<FS>, _ fault: (number: Int, errno: Errno)?, left: () -> Int
    ) throws -> Outcome {
        let native = try NativeActor()
        let actor = SimulatedActor(try simulation.makeProcess())
        let kernel = simulation.kernel
        // Events are counted in the kernel's own order: one at a time.
        let events = Events()
        kernel.setFaults { number, event in
            events.kinds.append(event)
            return number == fault?.number ? fault?.errno : nil
        }
        var outcome = Outcome()
        var failures = 0
        for (index, action) in actions.enumerated() {
            let before = events.kinds.count
            let seen = actor.perform(action)
            let hit = fault.map { $0.number >= before && $0.number < events.kinds.count } ?? false
            let isReply = fault.map { $0.number < events.kinds.count && events.kinds[$0.number].isReply } ?? false
            if isReply {
                // Nobody can say what was done: from here on only failures count that have no other reason.
                if ["errno 4", "errno 5"].contains(seen) {
                    failures += 1
                    if !hit || failures > 1 { outcome.wrong = outcome.wrong ?? "step \(index), \(action): \(seen)" }
                }
            } else {
                let wanted = native.perform(action)
                if seen != wanted { outcome.wrong = outcome.wrong ?? "step \(index), \(action): \(seen.prefix(60)), natively \(wanted.prefix(60))" }
            }
        }
        outcome.events = events.kinds.count
        outcome.kinds = events.kinds
        kernel.setFaults(nil)
        actor.process.exit()
        let cleaner = try simulation.makeProcess()
        try removeAll("/", cleaner)
        let leftover = simulation.end()
        let isClose = fault.map { $0.number < outcome.kinds.count && outcome.kinds[$0.number] == .backingClose } ?? false
        if leftover.lookups != [:] || leftover.openFiles != 0 || leftover.backings > (isClose ? 1 : 0) {
            outcome.wrong = outcome.wrong ?? "\(leftover)"
        }
        // The kernel's own hold on what could not be taken back.
        if left() > leftover.backings { outcome.wrong = outcome.wrong ?? "the filesystem still has \(left())" }
        return outcome
    }

    static func removeAll(_ path: String, _ process: SimulatedProcess) throws {
        // What was remembered before a fault may be stale.
        process.kernel.dropCaches()
        for entry in try process.list(path) {
            let below = path == "/" ? "/\(entry.name)" : "\(path)/\(entry.name)"
            if try process.stat(below, followsLinks: false).mode.type == .directory {
                try removeAll(below, process)
                try process.rmdir(below)
            } else {
                try process.unlink(below)
            }
        }
    }

    /// Descriptors of this process that lead below a directory.
    static func descriptors(below path: String) -> Int {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? []
        return all.count { ((try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\($0)")) ?? "").hasPrefix(path) }
    }

    /// Says what the shortest list of actions is that shows the same.
    static func report(_ wrong: String, _ actions: [Action], _ seed: UInt64, _ kind: Kind, fault: (number: Int, errno: Errno)?) {
        let shortest = shrink(actions) { candidate in
            guard let fault else { return (try? run(candidate, kind))?.wrong != nil }
            // Events have other numbers then: any place will do.
            let count = (try? run(candidate, kind))?.events ?? 0
            return (0..<count).contains { (try? run(candidate, kind, fault: ($0, fault.errno)))?.wrong != nil }
        }
        let place = fault.map { ", fault \($0.errno) at event \($0.number)" } ?? ""
        Issue.record("SWIFT_FUSE_SEED=\(seed) \(kind)\(place): \(wrong); shortest: \(shortest.map(\.description).joined(separator: "; "))")
    }

    @Test(arguments: Kind.allCases) func asInAPlainDirectory(_ kind: Kind) throws {
        let seed = seed(of: "random workloads, \(kind)")
        var generator = SplitMix(state: seed)
        for _ in 0..<(environmentNumber("SWIFT_FUSE_WORKLOADS") ?? 20) {
            let actions = Action.random(150, &generator)
            if let wrong = try Self.run(actions, kind).wrong { return Self.report(wrong, actions, seed, kind, fault: nil) }
        }
    }

    @Test(arguments: Kind.allCases) func withAFaultEverywhere(_ kind: Kind) throws {
        let seed = seed(of: "random workloads with faults, \(kind)")
        var generator = SplitMix(state: seed)
        let backingFaults: [Errno] = [.noMemory, .noSpace, .resourceTemporarilyUnavailable, .tooManySymbolicLinkLevels]
        var ioctls = 0
        for _ in 0..<(environmentNumber("SWIFT_FUSE_WORKLOADS") ?? 2) {
            let actions = Action.random(50, &generator)
            let kinds = try Self.run(actions, kind).kinds
            ioctls += kinds.count { !$0.isReply }
            for (number, event) in kinds.enumerated() {
                // A killed caller, and a reply that the kernel could not take.
                let faults: [Errno] = event.isReply ? [.noSuchFileOrDirectory, .noMemory] : [backingFaults[number % backingFaults.count]]
                for errno in faults {
                    let fault = (number: number, errno: errno)
                    if let wrong = try Self.run(actions, kind, fault: fault).wrong {
                        return Self.report("at \(event): \(wrong)", actions, seed, kind, fault: fault)
                    }
                }
            }
        }
        #expect(kind == .memory || ioctls > 0)
    }

    /// The kernel goes on with a directory whose removal it never heard of: what it would put there must not stay for good.
    @Test(arguments: Kind.allCases) func nothingIsPutWhereARemovalWasNotHeardOf(_ kind: Kind) throws {
        let puts: [Action] = [
            .link("b", "d/a"), .rename("b", "d/a"), .symlink("b", "d/a"), .open(slot: 0, "d/a", O_RDWR | O_CREAT), .list("d"),
        ]
        for put in puts {
            let actions: [Action] = [.mkdir("d"), .symlink("l", "b"), .rmdir("d"), put]
            let kinds = try Self.run(actions, kind).kinds
            let removal = try #require(kinds.firstIndex { if case .reply(.rmdir) = $0 { true } else { false } })
            for errno: Errno in [.noSuchFileOrDirectory, .noMemory] {
                #expect(try Self.run(actions, kind, fault: (removal, errno)).wrong == nil, "\(put), \(errno)")
            }
        }
    }

    /// Trouble with ids is never the user's.
    @Test(arguments: [Kind.mirror, .mirrorWithServerIDs]) func stormsAtTheTable(_ kind: Kind) throws {
        for errno: Errno in [.resourceTemporarilyUnavailable, .noSpace, .noMemory] {
            let mirror = try SimulatedMirror(kind == .mirror ? .allocatesIDs : .takesServerIDs)
            let user = try mirror.simulation.makeProcess()
            mirror.simulation.kernel.setFaults { _, event in event == .backingOpen ? errno : nil }
            for index in 0..<200 {
                try user.write("text \(index)", to: "/f\(index)")
                #expect(try user.text(of: "/f\(index)") == "text \(index)")
            }
            #expect(mirror.simulation.kernel.requestCount(.write) == 200, "through the daemon, all of them")
            let left = mirror.simulation.end()
            #expect(left == Leftover())
        }
    }
}

extension KernelEvent {
    var isReply: Bool { if case .reply = self { true } else { false } }
}
