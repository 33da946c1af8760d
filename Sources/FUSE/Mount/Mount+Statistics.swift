// SPDX-License-Identifier: MIT

public import FUSEWire
import Synchronization
public import SystemPackage

/// What a mount has done so far, and what it holds.
public struct MountStatistics: Sendable {
    /// How many requests of each kind came.
    public var requests: [(opcode: Opcode, count: UInt64)]
    /// How many opens of files went to the kernel.
    public var passthroughOpens: UInt64
    /// How many backing files are registered with the kernel.
    public var backings: Int
    /// How many of them nobody has open.
    public var keptBackings: Int
    /// How many were registered so far.
    public var registrations: UInt64
    /// How often the kernel had no id at once, and was asked again (EAGAIN).
    public var registrationRetries: UInt64
    /// Who chooses their ids; nil where the kernel takes none.
    public var backingDialect: BackingDialect?
    /// How many opens were served by the filesystem because the kernel did not take the backing file, by error.
    public var refusals: [Errno: Int]
    /// As it was found at the start, or became since.
    public var passthrough: PassthroughState
    /// How requests come: `/dev/fuse` or `io_uring`.
    public var transport: String
    /// How many requests the kernel can hand over before one is answered: entries of io_uring; 0 with `/dev/fuse`, which has no such
    /// bound.
    public var entries: Int
    /// How many threads serve the mount.
    public var threads: Int
}

extension Mount {
    /// The numbers of this moment; those of different kinds may be a few requests apart.
    public var statistics: MountStatistics {
        let backings = session.backings.counters
        return MountStatistics(
            requests: session.counters.all, passthroughOpens: backings.passthroughOpens.load(ordering: .relaxed),
            backings: backings.registered.load(ordering: .relaxed),
            keptBackings: max(0, backings.kept.load(ordering: .relaxed)),
            registrations: backings.registrations.load(ordering: .relaxed),
            registrationRetries: backings.retries.load(ordering: .relaxed),
            backingDialect: session.connection.backingDialect,
            refusals: session.backings.refused, passthrough: session.backings.state(session.connection.passthrough), transport: transport.name,
            entries: transport.entryCount, threads: pool.threadCount)
    }
}
