// SPDX-License-Identifier: MIT

public import FUSEWire
public import SystemPackage

/// What a mount has done so far, and what it holds.
public struct MountStatistics: Sendable {
    /// How many requests of each kind came.
    public var requests: [(opcode: Opcode, count: UInt64)]
    /// How many opens of files went to the kernel.
    public var passthroughOpens: UInt64
    /// How many backing files are registered with the kernel.
    public var backings: Int
    /// How often the kernel did not take a backing file, by error: these files were served by the filesystem.
    public var refusals: [Errno: Int]
    public var passthrough: PassthroughState
    /// How requests come. There is one way yet.
    public var transport: String
    /// How many threads serve the mount.
    public var threads: Int
}

extension Mount {
    /// The numbers of this moment; those of different kinds may be a few requests apart.
    public var statistics: MountStatistics {
        MountStatistics(
            requests: session.counters.all, passthroughOpens: session.backings.passedThrough,
            backings: session.backings.registered, refusals: session.backings.refused,
            passthrough: session.connection.passthrough, transport: "/dev/fuse", threads: pool.threadCount)
    }
}
