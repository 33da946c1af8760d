// SPDX-License-Identifier: MIT
//
// What INIT grants: what was asked for, if the kernel offers it and the session can live up to it. A flag in the reply is a
// promise. A kernel that was promised io_uring waits for a ring before it sends the next request; one that was promised id
// mapping without `default_permissions` ends the connection. So only those are granted that are in the list here, and no
// unknown ones, whatever a filesystem asks for.

import FUSEWire
import Logging

struct CapabilityChoice {
    /// What the reply to INIT says.
    private(set) var agreed: Capabilities
    /// What of the filesystem's wishes is not in it, by flag.
    private(set) var missing: [MissingCapability] = []

    /// What the session needs for itself, whatever the filesystem: the flags' second word, and large messages.
    static let own: Capabilities = [.initExt, .bigWrites, .maxPages, .asyncRead, .parallelDirops]

    /// What the session does its part for, or has none in. Left out: splicing, which no transport does; DAX (`mapAlignment`,
    /// `hasInodeDax`) and `submounts`, which are virtiofs's; `overIOUring`, which is a transport's to ask for; `requestTimeout`, as
    /// no option names a time; `noOpenSupport`, as no method answers ENOSYS to an open, and `noOpendirSupport`, which the kernel
    /// offers and wants no answer to (``OmittedRequests/opendir``).
    static let served: Capabilities = [
        .asyncRead, .posixLocks, .atomicOTrunc, .exportSupport, .bigWrites, .dontMask, .flockLocks, .hasIoctlDir,
        .autoInvalData, .doReaddirplus, .readdirplusAuto, .asyncDIO, .writebackCache, .parallelDirops, .handleKillpriv,
        .posixACL, .abortError, .maxPages, .cacheSymlinks, .explicitInvalData, .handleKillprivV2, .setxattrExt, .initExt,
        .securityCtx, .createSuppGroup, .hasExpireOnly, .directIOAllowMmap, .passthrough, .noExportSupport, .hasResend,
        .allowIdmap,
    ]

    /// Without these something is done wrongly, or not at all, and not only more slowly.
    private static let essential: Capabilities = [.posixLocks, .flockLocks, .exportSupport, .securityCtx, .allowIdmap]

    /// The second of each pair goes where both were asked for.
    private static let exclusions: [(stays: Capabilities, goes: Capabilities)] = [
        // The kernel drops passthrough silently where both are agreed on (`process_init_reply`).
        (.passthrough, .writebackCache),
        // It looks at the second only without the first.
        (.autoInvalData, .explicitInvalData),
        // The one has handles opened again, the other refuses it.
        (.exportSupport, .noExportSupport),
    ]

    /// - Parameters:
    ///   - wanted: the filesystem's wishes; `wishes`: the transport's.
    ///   - offered: the kernel's offers; `minor`: the protocol that both speak.
    init(_ wanted: Capabilities, _ wishes: Capabilities = [], offered: Capabilities, minor: UInt32, options: SessionOptions) {
        var asked = wanted.union(Self.own)
        if options.passthrough == .off { asked.remove(.passthrough) } else { asked.insert(.passthrough) }
        agreed = asked.intersection(Self.served).union(wishes).intersection(offered)
        // Before (Linux 5.17 to 6.2, partly 7.38) they came in another place.
        if minor < 39 { agreed.remove(.securityCtx) }
        for (stays, goes) in Self.exclusions where agreed.contains(stays) { agreed.remove(goes) }
        if !options.defaultPermissions, !agreed.contains(.posixACL) { agreed.remove(.allowIdmap) }

        for bit in 0..<64 {
            let flag = Capabilities(rawValue: 1 << UInt64(bit))
            if wanted.contains(flag), !agreed.contains(flag) {
                missing.append(MissingCapability(capability: flag, reason: reason(flag, offered, options)))
            }
        }
    }

    /// Why a wish was not granted.
    private func reason(_ flag: Capabilities, _ offered: Capabilities, _ options: SessionOptions) -> MissingCapability.Reason {
        if !Self.served.contains(flag) { return .notServed }
        if flag == .passthrough, options.passthrough == .off { return .switchedOff }
        if !offered.contains(flag) { return .notOffered }
        let others = Self.exclusions.filter { $0.goes == flag && agreed.contains($0.stays) }.map(\.stays)
        if !others.isEmpty { return .excluded(by: Capabilities(others)) }
        return flag == .securityCtx ? .olderForm : .needsDefaultPermissions
    }

    /// Says once what is missing: one line for what ought to be known, one (debug) for what an older kernel lacks and nobody
    /// misses but for speed, and for what was switched off on purpose.
    static func tell(_ missing: [MissingCapability], _ logger: Logger) {
        func isMinor(_ one: MissingCapability) -> Bool {
            switch one.reason {
            case .notOffered: !essential.contains(one.capability)
            case .switchedOff: true
            default: false
            }
        }
        func list(_ some: [MissingCapability]) -> String { some.map(\.description).joined(separator: ", ") }
        let major = missing.filter { !isMinor($0) }, minor = missing.filter(isMinor)
        if !major.isEmpty { logger.warning("the filesystem asked for what it does not get: \(list(major))") }
        if !minor.isEmpty { logger.debug("the filesystem asked for what is not there: \(list(minor))") }
    }
}
