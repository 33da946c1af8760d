// SPDX-License-Identifier: MIT

import FUSEWire
import Logging
import SystemPackage
import Testing

@testable import FUSE

/// Random opens, maps and closes against a model of the kernel's rules. What is under way may overtake: answers reach
/// the kernel in any order, and so do releases the server.
@Suite struct RandomOpensTests {
    final class World {
        let device: ScriptedDevice
        let backings: InodeBackings
        let kernel = KernelModel()
        /// Admitted, and not yet seen by the kernel.
        var answers: [(node: NodeID, admission: InodeBackings.Admission)] = []
        var files: [KernelModel.File] = []
        /// Closed, and not yet seen by the server.
        var releases: [NodeID] = []
        var history: [String] = []

        init(_ device: ScriptedDevice) {
            self.device = device
            backings = InodeBackings(device, isAvailable: true, logger: .silent)
        }

        /// One event. False where a user would have seen an error.
        func step(_ generator: inout SplitMix64) -> Bool {
            switch Int.random(in: 0..<10, using: &generator) {
            case 0..<3: open(&generator)
            case 3..<5: return deliver(&generator)
            case 5: return map(&generator)
            case 6..<8: close(&generator)
            default: release(&generator)
            }
            return true
        }

        private func open(_ generator: inout SplitMix64) {
            let node = NodeID(rawValue: UInt64.random(in: 1...3, using: &generator))
            let file = FileDescriptor(rawValue: 0)
            let wishes: [Opened.IO] = [
                .cached, .keepingCache, .direct, .passthrough(file), .passthrough(file), .passthrough(file, otherwise: .direct),
            ]
            let wish = wishes[Int.random(in: 0..<wishes.count, using: &generator)]
            if generator.next() % 8 == 0 { device.backings.withLock { $0.script = [.noMemory] } }
            let admission = backings.admit(node, wish)
            device.backings.withLock { $0.script = [] }
            history.append("OPEN \(node.rawValue) \(wish) -> \(admission.flags) \(admission.backing?.rawValue ?? 0)")
            answers.append((node, admission))
        }

        func deliver(_ generator: inout SplitMix64) -> Bool {
            guard let answer = take(&answers, &generator) else { return true }
            let registration = answer.admission.backing.flatMap { device.registration($0) }
            history.append("answered \(answer.node.rawValue) \(answer.admission.flags)")
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
            guard let node = take(&releases, &generator) else { return }
            history.append("RELEASE \(node.rawValue)")
            backings.release(node)
        }

        private func take<T>(_ things: inout [T], _ generator: inout SplitMix64) -> T? {
            things.isEmpty ? nil : things.remove(at: Int.random(in: 0..<things.count, using: &generator))
        }
    }

    @Test(arguments: [false, true])
    func noUserEverSeesEIO(reusesIDs: Bool) throws {
        let seed = seed(of: "random opens, ids used again: \(reusesIDs)")
        var generator = SplitMix64(state: seed)
        var passedThrough = 0
        for _ in 0..<300 {
            let world = World(ScriptedDevice(reusesIDs: reusesIDs))
            for _ in 0..<120 {
                let isRight = world.step(&generator)
                try #require(isRight, "SWIFT_FUSE_SEED=\(seed): EIO after \(world.history.joined(separator: "; "))")
            }
            passedThrough += world.history.count { $0.hasSuffix("PASSTHROUGH") }
            // All go home.
            while !world.answers.isEmpty {
                let isRight = world.deliver(&generator)
                try #require(isRight, "SWIFT_FUSE_SEED=\(seed): EIO after \(world.history.joined(separator: "; "))")
            }
            while !world.files.isEmpty { world.close(&generator) }
            while !world.releases.isEmpty { world.release(&generator) }
            world.device.expectBalance(world.backings)
        }
        #expect(passedThrough > 1000, "hardly anything was passed through: SWIFT_FUSE_SEED=\(seed)")
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
