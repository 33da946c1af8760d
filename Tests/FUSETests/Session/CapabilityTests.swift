// SPDX-License-Identifier: MIT

import FUSEWire
import Logging
import Testing

@testable import FUSE

/// What INIT grants of what a filesystem asks for.
@Suite struct CapabilityTests {
    static let all = Capabilities(rawValue: .max)

    /// The session, and what its reply to INIT says.
    func agreed(
        _ wanted: Capabilities, offers: InitFlags = all, minor: UInt32 = 45, _ options: SessionOptions = SessionOptions(logger: .silent)
    ) throws -> (InitOut, Connection) {
        let stepped = try Stepped(RecordingFS(capabilities: wanted), opening: initRequest(minor: minor, offers: offers), options: options)
        return (try stepped.initReply.body.load(), stepped.session.connection)
    }

    /// Of a kernel that offers every bit to a filesystem that wants every bit: no promise that nobody keeps.
    @Test func everythingAskedForAndOffered() throws {
        let (reply, connection) = try agreed(Self.all)
        let notServed: Capabilities = [
            .fileOps, .spliceWrite, .spliceMove, .spliceRead, .noOpenSupport, .noOpendirSupport, .mapAlignment, .submounts,
            .initReserved, .hasInodeDax, .overIOUring, .requestTimeout, Capabilities(rawValue: .max << 43),
        ]
        let excluded: Capabilities = [.writebackCache, .explicitInvalData, .noExportSupport]
        #expect(InitFlags(reply) == Self.all.subtracting(notServed).subtracting(excluded))
        #expect(connection.capabilities == InitFlags(reply))
        for missing in connection.missing {
            switch missing.reason {
            case .notServed: #expect(notServed.contains(missing.capability), "\(missing)")
            case .excluded(let others):
                #expect(excluded.contains(missing.capability) && connection.capabilities.isSuperset(of: others), "\(missing)")
            default: Issue.record("\(missing)")
            }
        }
        #expect(Capabilities(connection.missing.map(\.capability)) == notServed.union(excluded))
        #expect((reply.request_timeout, reply.map_alignment) == (0, 0))
    }

    /// One bit alone: granted, or missing; never both, never neither.
    @Test(arguments: 0..<64 as Range<UInt64>) func oneBit(bit: UInt64) throws {
        let flag = Capabilities(rawValue: 1 << bit)
        for offers in [Self.all, .initExt, []] as [InitFlags] {
            let (reply, connection) = try agreed(flag, offers: offers)
            #expect(InitFlags(reply).isSubset(of: connection.offered))
            #expect(connection.capabilities.contains(flag) == connection.missing.isEmpty)
            #expect(connection.missing.allSatisfy { $0.capability == flag })
        }
    }

    /// Promised without, it ends the connection (`process_init_reply`).
    @Test func idMappingTakesChecksByTheKernel() throws {
        var options = SessionOptions(logger: .silent)
        let refused = MissingCapability(capability: .allowIdmap, reason: .needsDefaultPermissions)
        #expect(try agreed(.allowIdmap, options).1.missing == [refused])
        #expect(try agreed([.allowIdmap, .posixACL], options).1.missing == [])
        #expect(try agreed([.allowIdmap, .posixACL], offers: Self.all.subtracting(.posixACL), options).1.missing.contains(refused))
        options.defaultPermissions = true
        #expect(try agreed(.allowIdmap, options).1.missing == [])
    }

    /// A kernel without passthrough writes back what it is asked to.
    @Test func writebackIsExcludedByPassthroughAlone() throws {
        let (_, beside) = try agreed(.writebackCache)
        #expect(beside.missing == [MissingCapability(capability: .writebackCache, reason: .excluded(by: .passthrough))])
        let (_, without) = try agreed(.writebackCache, offers: Self.all.subtracting(.passthrough))
        #expect(without.missing == [] && without.capabilities.contains(.writebackCache))
        var options = SessionOptions(logger: .silent)
        options.passthrough = .off
        let (_, off) = try agreed([.writebackCache, .passthrough], options)
        #expect(off.missing == [MissingCapability(capability: .passthrough, reason: .switchedOff)])
    }

    /// One line of what ought to be known, and none of what an older kernel lacks.
    @Test func theLogHasOneLine() throws {
        let log = CapturedLog()
        _ = try agreed(
            [.overIOUring, .writebackCache, .exportSupport, .createSuppGroup], offers: Self.all.subtracting([.exportSupport, .createSuppGroup]),
            SessionOptions(logger: log.logger))
        #expect(log.all == [
            "warning: the filesystem asked for what it does not get: EXPORT_SUPPORT (the kernel does not offer it), "
                + "WRITEBACK_CACHE (not beside PASSTHROUGH), OVER_IO_URING (not served by this library)"
        ])
        let quiet = CapturedLog()
        _ = try agreed([.createSuppGroup, .handleKillprivV2, .cacheSymlinks], offers: [.initExt, .passthrough], SessionOptions(logger: quiet.logger))
        #expect(quiet.all == [])
    }
}
