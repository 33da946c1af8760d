// SPDX-License-Identifier: MIT

import BackingTableHost

/// What goes wrong in a simulated kernel's backing side, and when.
public struct BackingFaults: Equatable, Sendable {
    /// The caller has CAP_SYS_ADMIN; without it every BACKING ioctl answers EPERM.
    public var isPrivileged = true

    /// The table cannot be allocated when passthrough is negotiated: passthrough stays off, and the mount goes on.
    public var refusesTable = false

    /// How many of the next registrations find no memory (ENOMEM): for an entry, or for more buckets.
    public var refusedEntries = 0
    public var refusedSegments = 0

    /// How many of the next registrations without a server id find their candidate taken (EAGAIN); the counter steps, as
    /// it does when one really is. Kernels without server ids look for a free id themselves, and never answer that.
    public var takenCandidates = 0

    /// How many of the next registrations are of files that are stacked too deep (ELOOP).
    public var stackedFiles = 0

    public init() {}

    /// Whether this one is to fail. Counts it down.
    static func takes(_ fault: inout Int) -> Bool {
        guard fault > 0 else { return false }
        fault -= 1
        return true
    }
}

/// The faults, where the allocations find them too.
final class SharedFaults: Sendable {
    private let faults = Locked(BackingFaults())

    var current: BackingFaults {
        get { faults.withLock { $0 } }
        set { faults.withLock { $0 = newValue } }
    }

    /// Changes them in one step.
    func update<Result>(_ body: (inout BackingFaults) -> Result) -> Result { faults.withLock(body) }
}
