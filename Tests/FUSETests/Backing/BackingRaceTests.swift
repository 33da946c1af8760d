// SPDX-License-Identifier: MIT

import FUSEWire
import Foundation
import Logging
import Synchronization
import SystemPackage
import Testing

@testable import FUSE

/// Opens of one inode by several threads at once.
@Suite(.timeLimit(.minutes(1))) struct BackingRaceTests {
    static let pass = Opened.IO.passthrough(FileDescriptor(rawValue: 0))

    /// Lets nobody go on before all have come.
    final class Meeting: Sendable {
        private let left: Mutex<Int>
        private let all = DispatchSemaphore(value: 0)
        private let count: Int

        init(of count: Int) {
            self.count = count
            left = Mutex(count)
        }

        func wait() {
            let isLast = left.withLock { left in
                left -= 1
                return left == 0
            }
            if isLast { for _ in 0..<count { all.signal() } }
            all.wait()
        }
    }

    /// Both find the inode idle, both register: one of the two registrations serves both, the other goes back.
    @Test func twoFirstOpensAtOnceShareOneRegistration() throws {
        let meeting = Meeting(of: 2)
        let device = ScriptedDevice(whileOpening: { meeting.wait() })
        let backings = InodeBackings(device, isAvailable: true, logger: .silent)
        let opens = [started { backings.admit(5, Self.pass) }, started { backings.admit(5, Self.pass) }]
        let (first, second) = (try opens[0].value(), try opens[1].value())
        #expect(first == second)
        #expect(first.flags == .passthrough)
        let state = device.backings.withLock { $0 }
        #expect((state.opened, state.closed) == (2, 1))
        #expect(first.backing.map { state.live[$0] != nil } == true)
        #expect(backings.registered == 1)
        backings.release(5)
        #expect(backings.registered == 1)
        backings.release(5)
        device.expectBalance(backings)
    }

    /// While one registers, another opens through the cache: the first joins it, and its registration goes back.
    @Test(arguments: [false, true])
    func anotherIsFasterThanARegistration(direct: Bool) throws {
        let box = Mutex<InodeBackings?>(nil)
        let device = ScriptedDevice(whileOpening: {
            let other = box.withLock { $0 }?.admit(5, direct ? .direct : .cached)
            #expect(other == .init(flags: direct ? .directIO : [], backing: nil))
        })
        let backings = InodeBackings(device, isAvailable: true, logger: .silent)
        box.withLock { $0 = backings }
        #expect(backings.admit(5, Self.pass) == .init(flags: direct ? .directIO : [], backing: nil))
        device.expectBalance(backings)
        backings.release(5)
        backings.release(5)
        box.withLock { $0 = nil }
        #expect(device.backings.withLock { $0.closed } == 1)
    }

    /// Many threads, few inodes. All answers that stand at one moment name the same registration, or none.
    @Test func aCrowd() throws {
        let device = ScriptedDevice(reusesIDs: true)
        let backings = InodeBackings(device, isAvailable: true, logger: .silent)
        let kernel = Mutex(KernelModel())
        let seed = seed(of: "crowd")
        let workers = (0..<8).map { worker in
            started {
                var generator = SplitMix64(state: seed &+ UInt64(worker))
                let wishes: [Opened.IO] = [.cached, .direct, Self.pass, Self.pass]
                var failures = 0
                for _ in 0..<2000 {
                    let node = NodeID(rawValue: UInt64.random(in: 1...3, using: &generator))
                    let answer = backings.admit(node, wishes[Int.random(in: 0..<4, using: &generator)])
                    let file = kernel.withLock {
                        $0.open(node, answer.flags, registration: answer.backing.flatMap { device.registration($0) })
                    }
                    if let file { kernel.withLock { $0.close(file) } } else { failures += 1 }
                    backings.release(node)
                }
                return failures
            }
        }
        for worker in workers { #expect(try worker.value() == 0, "EIO; SWIFT_FUSE_SEED=\(seed)") }
        device.expectBalance(backings)
    }
}
