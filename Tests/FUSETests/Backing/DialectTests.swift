// SPDX-License-Identifier: MIT

import FUSEWire
import Logging
import Synchronization
import SystemPackage
import Testing

@testable import FUSE

/// Who chooses ids, how that is found out, and what comes of refusals.
@Suite struct DialectTests {
    static let pass = Wish.passthrough(FileDescriptor(rawValue: 0))

    // MARK: Finding out

    @Test(arguments: [(false, BackingDialect.kernel), (true, .server)])
    func aSessionFindsOutWhoChooses(takesServerIDs: Bool, dialect: BackingDialect) throws {
        let device = ScriptedDevice(takesServerIDs: takesServerIDs)
        let stepped = try Stepped(RecordingFS(), device: device)
        #expect(stepped.session.connection.passthrough == .available)
        #expect(stepped.session.connection.backingDialect == dialect)
        #expect(device.backings.withLock { ($0.opened, $0.live.count) } == (1, 0))
    }

    @Test func aKernelThatIsAskedForAnotherIDIsAskedAgain() throws {
        let device = ScriptedDevice(script: Array(repeating: .resourceTemporarilyUnavailable, count: 63))
        #expect(try findDialect(on: device, with: FileDescriptor(rawValue: 0)).dialect == .kernel)
    }

    @Test(arguments: [Errno.notPermitted, .noMemory, .tooManySymbolicLinkLevels])
    func whatIsNoAnswerToThatIsThrown(errno: Errno) {
        #expect(throws: errno) { try findDialect(on: ScriptedDevice(script: [errno]), with: FileDescriptor(rawValue: 0)) }
        #expect(throws: errno) {
            try findDialect(on: ScriptedDevice(script: [errno], takesServerIDs: true), with: FileDescriptor(rawValue: 0))
        }
    }

    // MARK: Ids

    @Test func chosenIDsAreTheFilesystems() {
        let device = ScriptedDevice(takesServerIDs: true)
        let backings = InodeBackings(device, ids: .chosen { BackingID(rawValue: Int32($0.rawValue) + 100) })
        #expect(backings.admit(7, Self.pass).backing == BackingID(rawValue: 107))
        #expect(backings.admit(0x7fff_ff00, Self.pass).backing == BackingID(rawValue: 0x7fff_ff64))
        #expect(backings.admit(7, Self.pass).backing == BackingID(rawValue: 107))
        for node in [7, 7, 0x7fff_ff00] as [NodeID] { backings.release(node) }
        device.expectBalance(backings)
    }

    @Test func aNumberThatIsNoneIsServedDirect() {
        let device = ScriptedDevice(takesServerIDs: true)
        let backings = InodeBackings(device, ids: .chosen { BackingID(rawValue: -Int32($0.rawValue)) })
        for wish in [Self.pass, .cached, .direct] { #expect(backings.admit(7, wish) == .init(flags: .directIO)) }
        for _ in 0..<3 { backings.release(7) }
        backings.drop(7)
        #expect(device.backings.withLock { $0.opened } == 0)
    }

    @Test func allocatedIDsAreDenseAndLowestFirst() {
        let device = ScriptedDevice(takesServerIDs: true)
        let backings = InodeBackings(device)
        for node in 1...100 as ClosedRange<UInt64> {
            #expect(backings.admit(NodeID(rawValue: node << 40), Self.pass).backing?.rawValue == Int32(node))
        }
        for node in [30, 20, 70] as [UInt64] { backings.release(NodeID(rawValue: node << 40)) }
        let again = (0..<4).map { backings.admit(NodeID(rawValue: $0 + 1000), Self.pass).backing?.rawValue }
        #expect(again == [20, 30, 70, 101])
    }

    /// An id that was not given back when it should have been.
    @Test func anIDThatIsLiveIsPassedOver() throws {
        let device = ScriptedDevice(takesServerIDs: true)
        _ = try device.openBacking(BackingMap(flags: BackingFlags.serverID.rawValue, id: 1))
        let backings = InodeBackings(device)
        #expect(backings.admit(5, Self.pass).backing?.rawValue == 2)
        backings.release(5)
        #expect(backings.admit(5, Self.pass).backing?.rawValue == 2)
        // One that the filesystem chose is the file's alone: it goes without.
        let chosen = InodeBackings(device, ids: .chosen { _ in BackingID(rawValue: 1) })
        #expect(chosen.admit(5, Self.pass) == .init(flags: []))
        #expect(chosen.refused == [.fileExists: 1])
    }

    @Test func aMillionIDs() {
        var allocator = IDAllocator()
        for expected in 1...1_000_000 as ClosedRange<Int32> {
            guard allocator.take()?.rawValue == expected else { return #expect(Bool(false), "not \(expected)") }
        }
        #expect(allocator.byteCount < 300_000)
        var generator = SplitMix64(state: seed(of: "ids"))
        var given: Set<Int32> = []
        for _ in 0..<10_000 {
            let id = Int32.random(in: 1...1_000_000, using: &generator)
            allocator.give(BackingID(rawValue: id))
            given.insert(id)
        }
        for id in given.sorted() { #expect(allocator.take()?.rawValue == id) }
        #expect(allocator.take()?.rawValue == 1_000_001)
        // None of these is out.
        for id in [0, -1, 2_000_000, .max] as [Int32] { allocator.give(BackingID(rawValue: id)) }
        #expect(allocator.take()?.rawValue == 1_000_002)
    }

    /// What a mirror of a million inodes costs here: a registration each, and no dictionary.
    @Test func aMillionInodesWithNumbersOfTheirOwn() {
        final class Counting: Transport {
            let opened = Atomic<Int>(0), closed = Atomic<Int>(0), wrong = Atomic<Int>(0)
            func makeChannel() throws(Errno) -> any Channel { throw .notSupported }
            func openBacking(_ map: BackingMap) throws(Errno) -> BackingID {
                opened.add(1, ordering: .relaxed)
                if map.id != UInt64(map.fd) { wrong.add(1, ordering: .relaxed) }
                return BackingID(rawValue: Int32(map.id))
            }
            func closeBacking(_ id: BackingID) throws(Errno) { closed.add(1, ordering: .relaxed) }
            func notify(_ code: NotifyCode, _ body: RawSpan) throws(Errno) {}
        }
        let device = Counting()
        let asked = Mutex(0)
        let options = BackingOptions(
            ids: .chosen { node in
                asked.withLock { $0 += 1 }
                return BackingID(rawValue: Int32(node.rawValue))
            }, kept: 2_000_000, keptFor: nil)
        let backings = InodeBackings(device, calls: ServerChosenIDs(), options: options, logger: .silent)
        let nodes = (1...1_000_000 as ClosedRange<UInt64>).lazy.map { NodeID(rawValue: $0) }
        for node in nodes { _ = backings.admit(node, .passthrough(FileDescriptor(rawValue: Int32(node.rawValue)))) }
        #expect(backings.registered == 1_000_000)
        for node in nodes { backings.release(node) }
        for node in nodes { _ = backings.admit(node, Self.pass) }
        #expect((device.opened.load(ordering: .relaxed), device.wrong.load(ordering: .relaxed)) == (1_000_000, 0))
        for node in nodes { backings.release(node) }
        for node in nodes { backings.drop(node) }
        #expect(device.closed.load(ordering: .relaxed) == 1_000_000)
        #expect((backings.registered, backings.kept) == (0, 0))
        // Once for each call: that is all the way from a node to its record.
        #expect(asked.withLock { $0 } == 5_000_000)
        #expect(MemoryLayout<BackingRecord>.stride == 40)
    }

    // MARK: Refusals

    @Test(arguments: [
        Errno.invalidArgument, .badFileDescriptor, .isDirectory, .noMemory, .badAddress, .noSpace, .tooManyOpenFilesInSystem,
        .tooManyOpenFiles, .fileExists, Errno(rawValue: 95),
    ])
    func aRefusedFileIsServedAndToldOnce(errno: Errno) {
        let log = CapturedLog()
        let device = ScriptedDevice(script: [errno, errno, nil])
        let backings = InodeBackings(device, logger: log.logger)
        for node in [5, 6] as [NodeID] { #expect(backings.admit(node, Self.pass) == .init(flags: [])) }
        // It says nothing about other files.
        #expect(backings.admit(7, Self.pass).flags == .passthrough)
        #expect(log.all == ["warning: a file is served without passthrough: the kernel did not take it: \(errno)"])
        #expect(backings.refused == [errno: 2])
        for node in [5, 6, 7] as [NodeID] { backings.release(node) }
        device.expectBalance(backings)
    }

    @Test func whatHelpsIsTold() {
        let log = CapturedLog()
        let backings = InodeBackings(ScriptedDevice(script: [.tooManySymbolicLinkLevels]), logger: log.logger)
        _ = backings.admit(5, Self.pass)
        #expect(log.all.first?.contains("stacked on others, as overlayfs is") == true)
    }

    /// The next opens that find the inode idle go without another attempt: 1, then 3, 7.
    @Test(arguments: [false, true]) func aRefusedFileIsTriedAgainMoreAndMoreSeldom(chosen: Bool) {
        let device = ScriptedDevice(script: [.tooManySymbolicLinkLevels, .tooManySymbolicLinkLevels, .tooManySymbolicLinkLevels])
        let backings = InodeBackings(device, ids: chosen ? .chosen { _ in BackingID(rawValue: 9) } : .allocated)
        let tried = (0..<20).filter { _ in
            let before = device.backings.withLock { $0.refused + $0.opened }
            _ = backings.admit(5, Self.pass)
            backings.release(5)
            return device.backings.withLock { $0.refused + $0.opened } > before
        }
        #expect(tried.prefix(4) == [0, 2, 6, 14])
        #expect(backings.refused == [.tooManySymbolicLinkLevels: 14])
        // What was taken once is tried at each first open again.
        #expect(tried.dropFirst(3) == Array(14..<20)[...])
        device.expectBalance(backings)
    }

    @Test func aForgottenInodesRefusalIsForgotten() {
        let device = ScriptedDevice(script: [.invalidArgument])
        let backings = InodeBackings(device)
        _ = backings.admit(5, Self.pass)
        backings.release(5)
        backings.drop(5)
        #expect(backings.admit(5, Self.pass).flags == .passthrough)
    }

    /// Refusals of ever new inodes take no ever new memory: the oldest are forgotten.
    @Test func refusalsAreBounded() {
        let device = ScriptedDevice(script: Array(repeating: .invalidArgument, count: 5000))
        let backings = InodeBackings(device)
        for node in 1...5000 as ClosedRange<UInt64> {
            _ = backings.admit(NodeID(rawValue: node), Self.pass)
            backings.release(NodeID(rawValue: node))
        }
        func isTried(_ node: NodeID) -> Bool {
            defer { backings.release(node) }
            return backings.admit(node, Self.pass).flags == .passthrough
        }
        #expect(isTried(1) && !isTried(5000))
    }

    @Test func permissionIsAnswerForTheWholeMount() {
        let log = CapturedLog()
        let device = ScriptedDevice(script: [nil, .notPermitted, .notPermitted])
        let backings = InodeBackings(device, logger: log.logger)
        #expect(backings.admit(4, Self.pass).flags == .passthrough)
        for node in [5, 6, 7] as [NodeID] { #expect(backings.admit(node, Self.pass) == .init(flags: [])) }
        #expect(device.backings.withLock { $0.refused } == 1)
        #expect(log.all == ["warning: no passthrough: the kernel lets only a process with CAP_SYS_ADMIN register backing files; file data goes through this process"])
        #expect(backings.state(.available) == .unprivileged)
        // What is open in passthrough stays so.
        #expect(backings.admit(4, Self.pass).flags == .passthrough)
    }

    @Test(arguments: [(0, 1), (1, 2), (63, 64), (64, 64), (500, 64)])
    func itIsAskedAgainABoundedNumberOfTimes(refusals: Int, calls: Int) {
        let device = ScriptedDevice(script: Array(repeating: .resourceTemporarilyUnavailable, count: refusals))
        let backings = InodeBackings(device)
        let admission = backings.admit(5, Self.pass)
        #expect(device.backings.withLock { $0.refused + $0.opened } == calls)
        #expect(admission.flags == (refusals < 64 ? .passthrough : []))
        #expect(backings.counters.retries.load(ordering: .relaxed) == UInt64(min(refusals, 63)))
    }
}
