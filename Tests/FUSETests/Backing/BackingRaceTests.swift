// SPDX-License-Identifier: MIT

import FUSEWire
import Glibc
import Logging
import Synchronization
import SystemPackage
import Testing

@testable import FUSE

/// Opens of one inode by several threads at once.
@Suite(.timeLimit(.minutes(10))) struct BackingRaceTests {
    static let pass = Wish.passthrough(FileDescriptor(rawValue: 0))

    /// Both find the inode idle; one registers, and the other waits for that: with an id that is the inode's own, the
    /// kernel would refuse it.
    @Test(arguments: [false, true]) func twoFirstOpensAtOnceShareOneRegistration(server: Bool) throws {
        let box = Mutex<InodeBackings?>(nil)
        let second = Mutex<Started<InodeBackings.Admission>?>(nil)
        let device = ScriptedDevice(takesServerIDs: server, whileOpening: {
            second.withLock { second in
                guard second == nil, let backings = box.withLock({ $0 }) else { return }
                second = started { backings.admit(5, Self.pass) }
            }
        })
        let backings = InodeBackings(device, ids: .chosen { BackingID(rawValue: Int32($0.rawValue)) })
        box.withLock { $0 = backings }
        let first = backings.admit(5, Self.pass)
        #expect(try second.withLock { $0 }?.value() == first)
        #expect(first.flags == .passthrough)
        #expect(device.backings.withLock { $0.opened } == 1)
        backings.release(5)
        #expect(backings.registered == 1)
        backings.release(5)
        device.expectBalance(backings)
        box.withLock { $0 = nil }
    }

    /// While one registers, another opens through the cache: the first joins it, and its registration goes back.
    @Test(arguments: [false, true])
    func anotherIsFasterThanARegistration(direct: Bool) throws {
        let box = Mutex<InodeBackings?>(nil)
        let device = ScriptedDevice(whileOpening: {
            let other = box.withLock { $0 }?.admit(5, direct ? .direct : .cached)
            #expect(other == .init(flags: direct ? .directIO : [], backing: nil))
        })
        let backings = InodeBackings(device)
        box.withLock { $0 = backings }
        #expect(backings.admit(5, Self.pass) == .init(flags: direct ? .directIO : [], backing: nil))
        device.expectBalance(backings)
        backings.release(5)
        backings.release(5)
        box.withLock { $0 = nil }
        #expect(device.backings.withLock { $0.closed } == 1)
    }

    /// One is refused, and while it says so another has more luck with the same inode: the first one joins it, or what it has
    /// left kept.
    @Test(arguments: [false, true]) func aRefusalIsOvertaken(isStillOpen: Bool) throws {
        let box = Mutex<InodeBackings?>(nil)
        let other = Mutex<InodeBackings.Admission?>(nil)
        let log = CapturedLog {
            guard let backings = box.withLock({ $0 }) else { return }
            let admission = backings.admit(5, Self.pass)
            other.withLock { $0 = admission }
            if !isStillOpen { backings.release(5) }
        }
        let device = ScriptedDevice(script: [.noMemory])
        let backings = InodeBackings(device, kept: 2, logger: log.logger, now: TestClock().now)
        box.withLock { $0 = backings }
        let first = backings.admit(5, Self.pass)
        #expect(first.flags == .passthrough && first == other.withLock { $0 })
        #expect((backings.registered, backings.kept) == (1, 0))
        #expect(backings.refused == [:], "it was passed through in the end")
        // Others come and go: what is kept is still in order.
        for node in [6, 7, 8, 9] as [NodeID] { KeptBackingsTests.use(backings, node) }
        #expect(device.registration(first.backing ?? BackingID(rawValue: 0)) != nil, "it is open")
        for _ in 0..<(isStillOpen ? 2 : 1) { backings.release(5) }
        #expect((backings.registered, backings.kept) == (2, 2))
        #expect(backings.relieve(9) == 2)
        device.expectBalance(backings)
        box.withLock { $0 = nil }
    }

    /// The connection ends while a thread of the session's own takes a kept file back.
    @Test(arguments: [BackingOptions.IDs.allocated, .chosen { BackingID(rawValue: Int32($0.rawValue)) }])
    func theEndComesBetween(_ ids: BackingOptions.IDs) {
        final class Ending: Transport {
            let backings = Mutex<InodeBackings?>(nil)
            let closed = Mutex<[BackingID]>([])
            func makeChannel() throws(Errno) -> any Channel { throw .notSupported }
            func openBacking(_ map: BackingMap) throws(Errno) -> BackingID { BackingID(rawValue: map.fd) }
            func closeBacking(_ id: BackingID) throws(Errno) {
                closed.withLock { $0.append(id) }
                backings.withLock { $0.take() }?.end()
            }
            func notify(_ code: NotifyCode, _ body: RawSpan) throws(Errno) {}
        }
        let device = Ending()
        let backings = InodeBackings(
            device, calls: KernelAllocatedIDs(), options: BackingOptions(ids: ids, kept: 8, keptFor: nil), logger: .silent)
        for node in [1, 2, 500] as [NodeID] {
            _ = backings.admit(node, .passthrough(FileDescriptor(rawValue: Int32(node.rawValue))))
            backings.release(node)
        }
        device.backings.withLock { $0 = backings }
        backings.drop(500)
        #expect(Set(device.closed.withLock { $0.map(\.rawValue) }) == [1, 2, 500])
        #expect((backings.registered, backings.relieve(8)) == (0, 0))
    }

    /// Each of several threads takes back another one, and none waits for the others.
    @Test func whatIsTakenBackAtOnceIsNotOneAndTheSame() throws {
        final class Gathering: Transport {
            let starting = Atomic<Int>(0), inside = Atomic<Int>(0)
            func makeChannel() throws(Errno) -> any Channel { throw .notSupported }
            func openBacking(_ map: BackingMap) throws(Errno) -> BackingID { BackingID(rawValue: map.fd) }
            /// Nobody leaves before all four are there.
            func gather(_ count: borrowing Atomic<Int>) {
                let round = (count.add(1, ordering: .relaxed).newValue + 3) / 4 * 4
                while count.load(ordering: .relaxed) < round { usleep(10) }
            }
            func closeBacking(_ id: BackingID) throws(Errno) { gather(inside) }
            func notify(_ code: NotifyCode, _ body: RawSpan) throws(Errno) {}
        }
        // Of turns that are not the same.
        let ids = BackingOptions.IDs.chosen { BackingID(rawValue: Int32($0.rawValue)) }
        let device = Gathering()
        let backings = InodeBackings(
            device, calls: KernelAllocatedIDs(), options: BackingOptions(ids: ids, kept: 8, keptFor: nil), logger: .silent)
        for _ in 0..<300 {
            for node in 1...4 as ClosedRange<UInt64> {
                _ = backings.admit(NodeID(rawValue: node), .passthrough(FileDescriptor(rawValue: Int32(node))))
                backings.release(NodeID(rawValue: node))
            }
            let threads = (0..<4).map { _ in
                started {
                    device.gather(device.starting)
                    return backings.relieve(1)
                }
            }
            for thread in threads { #expect(try thread.value() == 1) }
            #expect((backings.registered, backings.kept) == (0, 0))
        }
    }

    /// Many threads, few inodes, and files that are not taken now and then. All answers that stand at one moment name the same
    /// registration, or none.
    @Test(arguments: [(false, 0), (false, 1), (true, 0), (true, 1), (true, 2)]) func aCrowd(server: Bool, kept: Int) throws {
        let device = ScriptedDevice(reusesIDs: true, takesServerIDs: server)
        let backings = InodeBackings(
            device, ids: server ? .chosen { BackingID(rawValue: Int32($0.rawValue)) } : .allocated, kept: kept)
        let kernel = Mutex(KernelModel())
        let seed = seed(of: "crowd")
        let workers = (0..<8).map { worker in
            started {
                var generator = SplitMix64(state: seed &+ UInt64(worker))
                let wishes: [Wish] = [.cached, .direct, Self.pass, Self.pass]
                var failures = 0
                for _ in 0..<2000 {
                    let node = NodeID(rawValue: UInt64.random(in: 1...3, using: &generator))
                    if generator.next() % 16 == 0 {
                        let error: Errno = generator.next() % 2 == 0 ? .noMemory : .tooManySymbolicLinkLevels
                        device.backings.withLock { $0.script = [error] }
                    }
                    let answer = backings.admit(node, wishes[Int.random(in: 0..<4, using: &generator)])
                    let file = kernel.withLock {
                        $0.open(node, answer.flags, registration: answer.backing.flatMap { device.registration($0) })
                    }
                    if let file { kernel.withLock { $0.close(file) } } else { failures += 1 }
                    backings.release(node)
                    if generator.next() % 16 == 0 { backings.drop(node) }
                    if generator.next() % 16 == 0 { _ = backings.relieve(2) }
                }
                return failures
            }
        }
        for worker in workers { #expect(try worker.value() == 0, "EIO; SWIFT_FUSE_SEED=\(seed)") }
        #expect(backings.registered <= kept && backings.registered == backings.kept)
        for node in 1...3 as ClosedRange<UInt64> { backings.drop(NodeID(rawValue: node)) }
        device.expectBalance(backings)
    }
}
