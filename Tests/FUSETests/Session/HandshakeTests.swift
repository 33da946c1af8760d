// SPDX-License-Identifier: MIT

import FUSE
import FUSEWire
import Logging
import SystemPackage
import Testing

/// INIT: what is agreed on, and with whom.
@Suite struct HandshakeTests {
    let fileSystem = RecordingFS()

    func answer(_ stepped: Stepped<some FileSystem>) throws -> InitOut {
        #expect(stepped.initReply.error == nil)
        #expect(stepped.initReply.body.count == InitOut.wireSize)
        return try stepped.initReply.body.load()
    }

    func refusal(_ requests: [[UInt8]], options: SessionOptions = SessionOptions(logger: .silent)) throws -> (SessionError, [Sent]) {
        let channel = ScriptedChannel(requests)
        let error = try #require(throws: SessionError.self) {
            try Session(fileSystem, transport: ScriptedDevice(), channel: channel, options: options)
        }
        #expect(fileSystem.record.withLock { $0.connection == nil }, "a filesystem was started without a connection")
        return (error, channel.takeReplies())
    }

    @Test(arguments: [31, 35, 36, 38, 40, 44, 45, 46, 99] as [UInt32])
    func theLowerMinorIsSpoken(kernel: UInt32) throws {
        let stepped = try Stepped(fileSystem, opening: initRequest(minor: kernel))
        let answer = try answer(stepped)
        #expect(answer.major == 7)
        #expect(answer.minor == min(kernel, 45))
        #expect(stepped.session.connection.protocolMinor == min(kernel, 45))
        #expect(stepped.initReply.unique == 2)
        #expect(fileSystem.record.withLock { $0.connection?.protocolMinor } == min(kernel, 45))
    }

    /// They came in another place before.
    @Test(arguments: [(36, false), (38, false), (39, true)] as [(UInt32, Bool)])
    func securityContextsWhereTheyAreAnExtension(kernel: UInt32, isAgreed: Bool) throws {
        let log = CapturedLog()
        let stepped = try Stepped(
            RecordingFS(capabilities: [.securityCtx]), opening: initRequest(minor: kernel), options: SessionOptions(logger: log.logger))
        #expect(stepped.session.connection.capabilities.contains(.securityCtx) == isAgreed)
        #expect(stepped.session.connection.missing.map(\.reason) == (isAgreed ? [] : [.olderForm]))
        let line = "warning: the filesystem asked for what it does not get: SECURITY_CTX (it takes Linux 6.6 or newer)"
        #expect(log.all == (isAgreed ? [] : [line]))
    }

    @Test func aShortInitHasNoSecondWord() throws {
        let offered = InitFlags(rawValue: .max).subtracting(.initExt)
        let stepped = try Stepped(RecordingFS(capabilities: [.allowIdmap, .posixACL]), opening: initRequest(minor: 35, offers: offered, count: 16))
        let answer = try answer(stepped)
        #expect(answer.flags2 == 0)
        #expect(InitFlags(low: answer.flags, high: 0).contains(.posixACL))
        #expect(answer.max_stack_depth == 0)
        #expect(stepped.session.connection.offered.high == 0)
    }

    @Test func aSecondWordThatIsNotAnnouncedIsNotLookedAt() throws {
        let offered = InitFlags(rawValue: .max).subtracting(.initExt)
        let stepped = try Stepped(RecordingFS(capabilities: [.allowIdmap]), opening: initRequest(offers: offered))
        #expect(try answer(stepped).flags2 == 0)
        #expect(stepped.session.connection.capabilities.high == 0)
        #expect(stepped.session.connection.offered == InitFlags(low: offered.low, high: 0))
    }

    @Test func whatIsRequiredMustBeOffered() throws {
        let demanding = RecordingFS(capabilities: [.allowIdmap, .posixACL], required: [.allowIdmap])
        _ = try Stepped(demanding, opening: initRequest(offers: [.initExt, .allowIdmap, .posixACL]))
        let other = RecordingFS(capabilities: [.allowIdmap, .posixACL], required: [.allowIdmap])
        let error = try #require(throws: SessionError.self) {
            try Session(
                other, transport: ScriptedDevice(), channel: ScriptedChannel([initRequest(offers: [.initExt, .posixACL])]),
                options: SessionOptions(logger: .silent))
        }
        #expect(error == .missing(.allowIdmap))
        #expect("\(error)" == "the kernel does not offer ALLOW_IDMAP (id-mapped mounts): Linux 6.12 or newer is needed")
        #expect(other.record.withLock { $0.connection == nil })
    }

    @Test func onlyWhatIsWantedAndOfferedIsAgreedOn() throws {
        let wanted: Capabilities = [.posixACL, .doReaddirplus, .handleKillprivV2]
        let offered: InitFlags = [.initExt, .doReaddirplus, .handleKillprivV2, .bigWrites, .flockLocks]
        let stepped = try Stepped(RecordingFS(capabilities: wanted), opening: initRequest(offers: offered))
        let agreed = InitFlags(try answer(stepped))
        #expect(agreed == [.initExt, .doReaddirplus, .handleKillprivV2, .bigWrites])
        #expect(stepped.session.connection.capabilities == agreed)
        #expect(stepped.session.connection.offered == offered)
    }

    @Test func nothingIsAskedForThatNobodyNamed() throws {
        let agreed = InitFlags(try answer(try Stepped(fileSystem)))
        #expect(agreed == [.initExt, .bigWrites, .maxPages, .asyncRead, .parallelDirops, .passthrough])
    }

    @Test(arguments: SessionOptions.Passthrough.allCases)
    func passthroughAndWritebackNeverMeet(passthrough: SessionOptions.Passthrough) throws {
        var options = SessionOptions(logger: .silent)
        options.passthrough = passthrough
        let stepped = try Stepped(RecordingFS(capabilities: [.writebackCache, .passthrough]), options: options)
        let agreed = InitFlags(try answer(stepped))
        #expect(!agreed.contains([.passthrough, .writebackCache]))
        #expect(agreed.contains(.passthrough) || agreed.contains(.writebackCache))
    }

    @Test func passthroughNamesAStackDepth() throws {
        var options = SessionOptions(logger: .silent)
        options.maxStackDepth = 2
        #expect(try answer(try Stepped(fileSystem, options: options)).max_stack_depth == 2)
        options.passthrough = .off
        let off = try Stepped(fileSystem, options: options)
        #expect(try answer(off).max_stack_depth == 0)
        #expect(off.session.connection.passthrough == .off)
    }

    @Test func largeWritesTakeMaxPages() throws {
        let large = try answer(try Stepped(fileSystem))
        #expect(large.max_write == 1 << 20)
        #expect(large.max_pages == 256)
        let small = try Stepped(fileSystem, opening: initRequest(offers: InitFlags(rawValue: .max).subtracting(.maxPages)))
        #expect(try answer(small).max_write == 32 * 4096)
        #expect(small.session.connection.maxWrite == 32 * 4096)
    }

    @Test func theRestOfTheAnswer() throws {
        var options = SessionOptions(logger: .silent)
        options.maxBackground = 100
        let answer = try answer(try Stepped(fileSystem, options: options))
        #expect(answer.max_readahead == 131072)
        #expect(answer.max_background == 100)
        #expect(answer.congestion_threshold == 75)
        #expect(answer.time_gran == 1)
        #expect(answer.request_timeout == 0)
    }

    @Test func aNewerMajorIsToldOursAndAsksAgain() throws {
        let channel = ScriptedChannel([initRequest(major: 8, minor: 3), initRequest(major: 7, minor: 40)])
        let session = try Session(fileSystem, transport: ScriptedDevice(), channel: channel, options: SessionOptions(logger: .silent))
        let replies = channel.takeReplies()
        try #require(replies.count == 2)
        #expect(try replies[0].body.load(InitOut.self).major == 7)
        #expect(session.connection.protocolMinor == 40)
    }

    @Test(arguments: [(7, 30), (7, 0), (6, 45)] as [(UInt32, UInt32)])
    func anOldKernelIsRefused(major: UInt32, minor: UInt32) throws {
        let (error, replies) = try refusal([initRequest(major: major, minor: minor)])
        #expect(error == .kernelTooOld(major: major, minor: minor))
        #expect(replies == [Sent(unique: 2, error: .protocolError, body: [])])
        #expect("\(error)" == "the kernel speaks FUSE protocol \(major).\(minor), and 7.31 is the oldest served here: Linux 5.4 or newer is needed")
    }

    @Test func aTruncatedInitIsRefused() throws {
        for count in [0, 4, 8, 15] {
            let (error, replies) = try refusal([initRequest(count: count)])
            #expect(error == .notAnInit)
            #expect(replies == [Sent(unique: 2, error: .protocolError, body: [])])
        }
    }

    @Test func anotherRequestFirstIsRefused() throws {
        let (error, replies) = try refusal([request(.getattr, structure: bytes(GetattrIn()))])
        #expect(error == .notAnInit)
        #expect(replies.map(\.error) == [.protocolError])
        #expect("\(error)" == "the kernel's first request was no INIT: the descriptor was in use before")
    }

    @Test func aConnectionThatEndsFirst() throws {
        let (error, replies) = try refusal([])
        #expect(error == .ended)
        #expect(replies.isEmpty)
    }

    /// ENOENT is what the kernel says to a reply once the connection is aborted.
    @Test(arguments: [Errno.noSuchFileOrDirectory, .operationNotSupportedByDevice])
    func aConnectionThatEndsBeforeTheReply(errno: Errno) throws {
        let channel = ScriptedChannel([initRequest()])
        channel.failReply(with: errno)
        #expect(throws: SessionError.ended) {
            try Session(fileSystem, transport: ScriptedDevice(), channel: channel, options: SessionOptions(logger: .silent))
        }
    }

    @Test func aDeviceThatFails() throws {
        let channel = ScriptedChannel([initRequest()])
        channel.failReceive(with: .notPermitted)
        #expect(throws: SessionError.system(.notPermitted)) {
            try Session(fileSystem, transport: ScriptedDevice(), channel: channel, options: SessionOptions(logger: .silent))
        }
    }

    // MARK: Whether passthrough works is tried

    @Test func theProbeRegistersOneFileAndTakesItBack() throws {
        let stepped = try Stepped(fileSystem)
        #expect(stepped.session.connection.passthrough == .available)
        let (opened, closed, live) = stepped.device.backings.withLock { ($0.opened, $0.closed, $0.live.count) }
        #expect((opened, closed, live) == (1, 1, 0))
    }

    @Test func aKernelWithoutPassthrough() throws {
        let log = CapturedLog()
        let opening = initRequest(offers: InitFlags(rawValue: .max).subtracting(.passthrough))
        let stepped = try Stepped(fileSystem, opening: opening, options: SessionOptions(logger: log.logger))
        #expect(
            stepped.session.connection.passthrough
                == .unavailable(
                    reason: "the kernel does not offer it",
                    remedy: "it takes Linux 6.9 or newer, built with CONFIG_FUSE_PASSTHROUGH"))
        #expect(stepped.device.backings.withLock { $0.opened } == 0)
        #expect(log.all == ["warning: no passthrough: the kernel does not offer it; file data goes through this process"])
    }

    @Test(arguments: [
        (Errno.notPermitted, "the kernel lets only a process with CAP_SYS_ADMIN register backing files"),
        (.noMemory, "registering a backing file failed: Cannot allocate memory"),
    ])
    func aKernelThatRefusesRegistrations(errno: Errno, reason: String) throws {
        let stepped = try Stepped(fileSystem, device: ScriptedDevice(script: [errno]))
        guard case .unavailable(let told, _) = stepped.session.connection.passthrough else {
            Issue.record("passthrough counts as \(stepped.session.connection.passthrough)")
            return
        }
        #expect(told == reason)
    }

    @Test func requiredPassthroughThatIsMissingIsAnError() throws {
        var options = SessionOptions(logger: .silent)
        options.passthrough = .require
        let (error, _) = try refusal([initRequest(minor: 39, offers: .initExt)], options: options)
        #expect(
            "\(error)"
                == "passthrough is required, and not to be had: the kernel does not offer it; it takes Linux 6.9 or newer, built with CONFIG_FUSE_PASSTHROUGH"
        )
    }
}
