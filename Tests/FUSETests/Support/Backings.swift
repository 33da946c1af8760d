// SPDX-License-Identifier: MIT

import Logging
import Synchronization

@testable import FUSE

extension InodeBackings {
    /// On a scripted device, in the dialect that it speaks.
    convenience init(
        _ device: ScriptedDevice, isAvailable: Bool = true, ids: BackingOptions.IDs = .allocated, kept: Int = 0,
        keptFor: Duration? = nil, logger: Logger = .silent, now: @escaping @Sendable () -> UInt64 = InodeBackings.uptime
    ) {
        let calls: any DialectCalls = device.takesServerIDs ? ServerChosenIDs() : KernelAllocatedIDs()
        self.init(
            device, calls: isAvailable ? calls : nil, options: BackingOptions(ids: ids, kept: kept, keptFor: keptFor),
            logger: logger, now: now)
    }

    var registered: Int { counters.registered.load(ordering: .relaxed) }
    var kept: Int { counters.kept.load(ordering: .relaxed) }
}

/// A clock that goes on by one with each look.
final class TestClock: Sendable {
    private let time = Atomic<UInt64>(0)

    var now: @Sendable () -> UInt64 { { self.time.wrappingAdd(1, ordering: .relaxed).newValue } }

    func advance(_ nanoseconds: UInt64) { time.wrappingAdd(nanoseconds, ordering: .relaxed) }
}
