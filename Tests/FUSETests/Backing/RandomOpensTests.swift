// SPDX-License-Identifier: MIT

import FUSEWire
import Logging
import SystemPackage
import Testing

@testable import FUSE

/// Random opens, maps, closes, forgets, failures and drops against a model of the kernel's rules. What is under way may
/// overtake: answers reach the kernel in any order, and so do releases the server; callers are killed while they wait.
@Suite struct RandomOpensTests {
    struct Setting: CustomTestStringConvertible, Sendable {
        var server = false
        var chosen = false
        var reusesIDs = false
        var kept = 0

        var testDescription: String {
            "ids by the \(server ? "server" : "kernel"), \(chosen ? "chosen" : "allocated"), used again: \(reusesIDs), \(kept) kept"
        }

        static let all = [0, 1, 2, 8].flatMap { kept in
            [
                Setting(kept: kept), Setting(reusesIDs: true, kept: kept), Setting(chosen: true, kept: kept),
                Setting(server: true, kept: kept), Setting(server: true, chosen: true, kept: kept),
            ]
        }
    }

    final class World {
        let setting: Setting
        let device: ScriptedDevice
        let backings: InodeBackings
        let kernel = KernelModel()
        /// The inodes that the kernel knows: a slot, and which of those that had it.
        var nodes: [NodeID] = [1, 2, 3]
        /// Admitted, and not yet seen by the kernel.
        var answers: [(node: NodeID, admission: InodeBackings.Admission)] = []
        var files: [KernelModel.File] = []
        /// Closed, and not yet seen by the server.
        var releases: [NodeID] = []
        /// The same, of opens whose caller was killed: the inode may be forgotten before.
        var lateReleases: [NodeID] = []
        var history: [String] = []

        init(_ setting: Setting) {
            self.setting = setting
            device = ScriptedDevice(reusesIDs: setting.reusesIDs, takesServerIDs: setting.server)
            backings = InodeBackings(
                device, ids: setting.chosen ? .chosen { BackingID(rawValue: Int32(truncatingIfNeeded: $0.rawValue)) } : .allocated,
                kept: setting.kept, now: TestClock().now)
        }

        /// The one file of an inode.
        static func file(of node: NodeID) -> FileDescriptor {
            FileDescriptor(rawValue: Int32(truncatingIfNeeded: node.rawValue >> 32) * 4 + Int32(truncatingIfNeeded: node.rawValue))
        }

        /// One event. False where a user would have seen an error, or another inode's file.
        func step(_ generator: inout SplitMix64) -> Bool {
            switch Int.random(in: 0..<16, using: &generator) {
            case 0..<4: open(&generator)
            case 4..<7: return deliver(&generator)
            case 7: return map(&generator)
            case 8..<10: close(&generator)
            case 10..<13: release(&generator)
            case 13: kill(&generator)
            case 14: forget(&generator)
            default: drop(&generator)
            }
            return backings.kept <= setting.kept && backings.registered == device.backings.withLock { $0.live.count }
        }

        private func open(_ generator: inout SplitMix64) {
            let node = nodes[Int.random(in: 0..<nodes.count, using: &generator)]
            let file = Self.file(of: node)
            let wishes: [Wish] = [
                .cached, .keepingCache, .direct, .passthrough(file), .passthrough(file), .passthrough(file, otherwise: .direct),
                .passthroughDirect(file), .passthroughDirect(file, otherwise: .direct),
                .passthrough(file, for: Opened.IO.Opener(leavesPrivileges: true)), .passthrough(file, for: Opened.IO.Opener(writes: false)),
                // Where this process may not act as that user, its file is refused.
                .passthrough(file, for: Opened.IO.Opener(limits: Caller(user: UserID(rawValue: 4001), group: GroupID(rawValue: 4001)))),
            ]
            let wish = wishes[Int.random(in: 0..<wishes.count, using: &generator)]
            let failures: [[Errno]] = [[.noMemory], [.resourceTemporarilyUnavailable], [.tooManySymbolicLinkLevels], [.noSpace, .noSpace]]
            if generator.next() % 8 == 0 {
                device.backings.withLock { $0.script = failures[Int.random(in: 0..<4, using: &generator)] }
            }
            let admission = backings.admit(node, wish)
            device.backings.withLock { $0.script = [] }
            history.append("OPEN \(node.rawValue) \(wish) -> \(admission.flags) \(admission.backing?.rawValue ?? 0)")
            answers.append((node, admission))
        }

        func deliver(_ generator: inout SplitMix64) -> Bool {
            guard let answer = take(&answers, &generator) else { return true }
            let registration = answer.admission.backing.flatMap { device.registration($0) }
            history.append("answered \(answer.node.rawValue) \(answer.admission.flags)")
            if let registration, device.backings.withLock({ $0.files[registration] }) != Self.file(of: answer.node).rawValue {
                return false
            }
            guard let file = kernel.open(answer.node, answer.admission.flags, registration: registration) else { return false }
            files.append(file)
            return true
        }

        private func map(_ generator: inout SplitMix64) -> Bool {
            guard !files.isEmpty else { return true }
            let index = Int.random(in: 0..<files.count, using: &generator)
            history.append("map \(files[index].node.rawValue) \(files[index].mode)")
            return kernel.mapShared(&files[index])
        }

        func close(_ generator: inout SplitMix64) {
            guard let file = take(&files, &generator) else { return }
            kernel.close(file)
            releases.append(file.node)
            history.append("close \(file.node.rawValue) \(file.mode)")
        }

        func release(_ generator: inout SplitMix64) {
            let isLate = releases.isEmpty || generator.next() % 4 == 0
            guard let node = isLate ? take(&lateReleases, &generator) : take(&releases, &generator) else { return }
            history.append("RELEASE \(node.rawValue)")
            backings.release(node)
        }

        /// The caller of an open is killed: nobody takes the answer.
        private func kill(_ generator: inout SplitMix64) {
            guard let answer = take(&answers, &generator) else { return }
            lateReleases.append(answer.node)
            history.append("killed \(answer.node.rawValue)")
        }

        /// Nothing holds the inode in the kernel: it is forgotten, and its slot goes to another.
        private func forget(_ generator: inout SplitMix64) {
            let index = Int.random(in: 0..<nodes.count, using: &generator)
            let node = nodes[index]
            guard !files.contains(where: { $0.node == node }), !releases.contains(node), !answers.contains(where: { $0.node == node })
            else { return }
            history.append("FORGET \(node.rawValue)")
            backings.drop(node)
            nodes[index] = NodeID(rawValue: node.rawValue + 1 << 32)
        }

        /// It lost its last name.
        private func drop(_ generator: inout SplitMix64) {
            let node = nodes[Int.random(in: 0..<nodes.count, using: &generator)]
            history.append("drop \(node.rawValue)")
            backings.drop(node)
        }

        private func take<T>(_ things: inout [T], _ generator: inout SplitMix64) -> T? {
            things.isEmpty ? nil : things.remove(at: Int.random(in: 0..<things.count, using: &generator))
        }
    }

    @Test(arguments: Setting.all)
    func noUserEverSeesEIO(setting: Setting) throws {
        let seed = seed(of: "random opens, \(setting.testDescription)")
        var generator = SplitMix64(state: seed)
        var passedThrough = 0
        for _ in 0..<100 {
            let world = World(setting)
            for _ in 0..<200 {
                let isRight = world.step(&generator)
                try #require(isRight, "SWIFT_FUSE_SEED=\(seed): wrong after \(world.history.joined(separator: "; "))")
            }
            passedThrough += world.history.count { $0.hasSuffix("PASSTHROUGH") }
            // All go home.
            while !world.answers.isEmpty {
                let isRight = world.deliver(&generator)
                try #require(isRight, "SWIFT_FUSE_SEED=\(seed): wrong after \(world.history.joined(separator: "; "))")
            }
            while !world.files.isEmpty { world.close(&generator) }
            while !(world.releases + world.lateReleases).isEmpty { world.release(&generator) }
            let (live, wrong) = world.device.backings.withLock { ($0.live.count, $0.wronglyClosed) }
            try #require(live == world.backings.kept && live <= setting.kept && wrong == [],
                "SWIFT_FUSE_SEED=\(seed): \(live) left after \(world.history.joined(separator: "; "))")
            world.backings.end()
            world.device.expectBalance(world.backings)
        }
        #expect(passedThrough > 500, "hardly anything was passed through: SWIFT_FUSE_SEED=\(seed)")
    }

    /// The model itself: what it must refuse, it refuses.
    @Test func theModelRefusesWhatLinuxRefuses() throws {
        let kernel = KernelModel()
        let first = try #require(kernel.open(1, .passthrough, registration: 7))
        #expect(kernel.open(1, [], registration: nil) == nil)
        #expect(kernel.open(1, .directIO, registration: nil) == nil)
        #expect(kernel.open(1, .passthrough, registration: 8) == nil)
        #expect(kernel.open(1, .passthrough, registration: nil) == nil)
        #expect(kernel.open(1, [.passthrough, .keepCache], registration: 7) == nil)
        let second = try #require(kernel.open(1, [.passthrough, .directIO], registration: 7))
        kernel.close(first)
        #expect(kernel.open(1, [], registration: nil) == nil)
        kernel.close(second)
        let cached = try #require(kernel.open(1, .keepCache, registration: nil))
        #expect(kernel.open(1, .passthrough, registration: 7) == nil)
        kernel.close(cached)
        var direct = try #require(kernel.open(1, .directIO, registration: nil))
        let beside = try #require(kernel.open(1, .passthrough, registration: 7))
        let beforeItsEnd = kernel.mapShared(&direct)
        #expect(!beforeItsEnd)
        kernel.close(beside)
        let after = kernel.mapShared(&direct)
        #expect(after)
        #expect(kernel.open(1, .passthrough, registration: 7) == nil)
    }
}
