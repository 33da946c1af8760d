// SPDX-License-Identifier: MIT

import FUSEWire
import Glibc
import Logging
import SystemPackage
import Testing

@testable import FUSE

/// The mode of each open, by what is open already.
@Suite struct IOModeTests {
    static let file = FileDescriptor(rawValue: 0)

    /// What is done to one node, in order.
    enum Step: CustomStringConvertible {
        case open(Wish, OpenFlags, BackingID? = nil)
        case release

        var description: String {
            switch self {
            case .open(let wish, let flags, let backing): "open \(wish) -> \(flags) \(backing?.rawValue ?? 0)"
            case .release: "release"
            }
        }
    }

    struct Sequence: CustomTestStringConvertible {
        let testDescription: String
        let steps: [Step]
        init(_ name: String, _ steps: [Step]) {
            testDescription = name
            self.steps = steps
        }
    }

    static let one = BackingID(rawValue: 1)
    static let two = BackingID(rawValue: 2)
    static let pass = Wish.passthrough(file)
    /// Whose writes leave set-user-id bits; and a reader.
    static let root = Wish.passthrough(file, for: Opened.IO.Opener(leavesPrivileges: true))
    static let reader = Wish.passthrough(file, for: Opened.IO.Opener(writes: false))
    /// With its own limits, whoever the process may act as; another user, with others; one who has CAP_FSETID besides.
    static let user = Wish.passthrough(file, for: Opened.IO.Opener(limits: caller(4001)))
    static let other = Wish.passthrough(file, for: Opened.IO.Opener(limits: caller(4002)))
    static let capable = Wish.passthrough(file, for: Opened.IO.Opener(leavesPrivileges: true, limits: caller(4001)))
    /// The process's own limits.
    static let rootsLimits = Wish.passthrough(file, for: Opened.IO.Opener(limits: caller(0)))
    static let passDirect = Wish.passthroughDirect(file)

    static func caller(_ id: UInt32) -> Caller { Caller(user: UserID(rawValue: id), group: GroupID(rawValue: id)) }

    static let sequences: [Sequence] = [
        Sequence("cached alone", [.open(.cached, []), .release]),
        Sequence("keeping the cache", [.open(.keepingCache, .keepCache), .open(.cached, []), .release, .release]),
        Sequence("direct alone", [.open(.direct, .directIO), .open(.direct, .directIO), .release, .release]),
        Sequence("passthrough, twice", [.open(pass, .passthrough, one), .open(pass, .passthrough, one), .release, .release]),
        Sequence(
            "anew after the last",
            [.open(pass, .passthrough, one), .release, .open(pass, .passthrough, two), .release, .open(.cached, []), .release]),
        Sequence(
            "all join passthrough",
            [
                .open(pass, .passthrough, one), .open(.cached, [.passthrough, .directIO], one),
                .open(.keepingCache, [.passthrough, .directIO], one), .open(.direct, [.passthrough, .directIO], one), .release,
                .release, .release, .open(pass, .passthrough, one), .release, .release,
            ]),
        Sequence(
            "passthrough ends with the last, whatever that one wished",
            [
                .open(pass, .passthrough, one), .open(.cached, [.passthrough, .directIO], one), .release,
                .open(.direct, [.passthrough, .directIO], one), .release, .release, .open(.direct, .directIO), .release,
            ]),
        Sequence(
            "data direct by wish",
            [
                .open(passDirect, [.passthrough, .directIO], one), .open(pass, .passthrough, one), .release,
                .open(passDirect, [.passthrough, .directIO], one), .open(.cached, [.passthrough, .directIO], one), .release, .release,
                .release, .open(.cached, []), .open(passDirect, []), .release, .release, .open(.direct, .directIO),
                .open(passDirect, .directIO), .release, .release,
            ]),
        Sequence(
            "openers of two kinds",
            [
                .open(root, .passthrough, one), .open(pass, [.passthrough, .directIO], one), .open(reader, .passthrough, one),
                .open(root, .passthrough, one), .release, .release, .release, .release,
                .open(reader, .passthrough, two), .open(pass, .passthrough, two), .open(root, [.passthrough, .directIO], two),
                .release, .release, .release,
            ]),
        Sequence(
            "root's limits are the process's",
            [.open(rootsLimits, .passthrough, one), .open(pass, .passthrough, one), .open(reader, .passthrough, one), .release, .release, .release]),
        Sequence(
            "passthrough joins cached",
            [.open(.cached, []), .open(pass, []), .open(.direct, .directIO), .release, .release, .open(pass, []), .release, .release]),
        Sequence(
            "passthrough joins direct, which may be mapped",
            [.open(.direct, .directIO), .open(pass, .directIO), .release, .release, .open(pass, .passthrough, one), .release]),
        Sequence(
            "cached over direct",
            [
                .open(.direct, .directIO), .open(.cached, []), .open(pass, []), .release, .release, .open(pass, []), .release,
                .release, .open(pass, .passthrough, one), .release,
            ]),
    ]

    /// All users alike, and none of them as the process itself. Registering with another's limits takes its ids.
    static let limited: [Sequence] = [
        Sequence(
            "a user first",
            [
                .open(user, .passthrough, one), .open(other, .passthrough, one), .open(pass, [.passthrough, .directIO], one),
                .open(root, [.passthrough, .directIO], one), .open(capable, [.passthrough, .directIO], one),
                .open(reader, .passthrough, one), .release, .release, .release, .release, .release, .release,
            ]),
        Sequence(
            "the process first",
            [
                .open(root, .passthrough, one), .open(user, [.passthrough, .directIO], one), .open(capable, [.passthrough, .directIO], one),
                .release, .release, .release, .open(capable, .passthrough, two), .open(user, [.passthrough, .directIO], two), .release,
                .release,
            ]),
    ]

    @Test(.enabled(if: geteuid() == 0, "taking on others' ids takes root"), arguments: limited)
    func limitsAreOneKindOfRights(sequence: Sequence) { everyOpenJoinsTheModeThatIsThere(sequence: sequence) }

    @Test(arguments: sequences)
    func everyOpenJoinsTheModeThatIsThere(sequence: Sequence) {
        let device = ScriptedDevice()
        let backings = InodeBackings(device)
        for (index, step) in sequence.steps.enumerated() {
            switch step {
            case .open(let wish, let flags, let backing):
                #expect(backings.admit(5, wish) == .init(flags: flags, backing: backing), "step \(index): \(step)")
            case .release: backings.release(5)
            }
        }
        device.expectBalance(backings)
    }

    /// Where it is not passed through: idle, next to cached opens, next to direct ones.
    @Test(arguments: [
        (Opened.IO.Served.cached, OpenFlags([]), OpenFlags([])), (.keepingCache, .keepCache, .keepCache),
        (.direct, .directIO, .directIO),
    ])
    func whatIsNotPassedThroughIsServedAsTheFilesystemSays(served: Opened.IO.Served, idle: OpenFlags, besideCached: OpenFlags) {
        let backings = InodeBackings(ScriptedDevice(), isAvailable: false)
        let wish = Wish.passthrough(Self.file, otherwise: served)
        #expect(backings.admit(1, wish) == .init(flags: idle, backing: nil))
        _ = backings.admit(2, .cached)
        #expect(backings.admit(2, wish) == .init(flags: besideCached, backing: nil))
        _ = backings.admit(3, .direct)
        #expect(backings.admit(3, wish) == .init(flags: .directIO, backing: nil))
        // Among those that are passed through it is too.
        let available = InodeBackings(ScriptedDevice())
        for _ in 0..<2 { #expect(available.admit(1, wish) == .init(flags: .passthrough, backing: Self.one)) }
    }

    @Test func nodesHaveNothingToDoWithEachOther() {
        let device = ScriptedDevice()
        let backings = InodeBackings(device)
        // 5 and 21 share a shard.
        #expect(backings.admit(5, Self.pass).backing == Self.one)
        #expect(backings.admit(21, .cached) == .init(flags: [], backing: nil))
        #expect(backings.admit(6, Self.pass).backing == Self.two)
        #expect(backings.registered == 2)
        for node in [21, 6, 5] as [NodeID] { backings.release(node) }
        device.expectBalance(backings)
    }

    @Test func whereItIsNotAvailableNothingIsRegistered() {
        let device = ScriptedDevice()
        let backings = InodeBackings(device, isAvailable: false)
        #expect(backings.admit(5, Self.pass) == .init(flags: [], backing: nil))
        backings.release(5)
        #expect(device.backings.withLock { $0.opened } == 0)
    }

    @Test func eachKindOfFailureIsTold() {
        let log = CapturedLog()
        let device = ScriptedDevice(script: [.noMemory, .isDirectory, .noMemory])
        let backings = InodeBackings(device, logger: log.logger)
        for node in [1, 2, 3] as [NodeID] { _ = backings.admit(node, Self.pass) }
        #expect(log.all.count == 2)
    }

    @Test func anIDThatTheKernelDoesNotKnowAnyMoreIsTold() throws {
        let log = CapturedLog()
        let device = ScriptedDevice()
        let backings = InodeBackings(device, logger: log.logger)
        let id = try #require(backings.admit(5, Self.pass).backing)
        try device.closeBacking(id)
        backings.release(5)
        #expect(log.all == ["error: backing 1 was not closed: No such file or directory"])
        #expect(backings.registered == 0)
    }

    @Test func aReleaseWithoutAnOpenChangesNothing() {
        let device = ScriptedDevice()
        let backings = InodeBackings(device)
        backings.release(5)
        #expect(backings.admit(5, Self.pass).backing == Self.one)
        backings.release(5)
        backings.release(5)
        device.expectBalance(backings)
    }
}

extension ScriptedDevice {
    /// Everything that was registered was taken back, once.
    func expectBalance(_ inodes: InodeBackings, sourceLocation: SourceLocation = #_sourceLocation) {
        let state = backings.withLock { $0 }
        #expect(state.live == [:], sourceLocation: sourceLocation)
        #expect(state.closed == state.opened, sourceLocation: sourceLocation)
        #expect(state.wronglyClosed == [], sourceLocation: sourceLocation)
        #expect(inodes.registered == 0, sourceLocation: sourceLocation)
    }
}
