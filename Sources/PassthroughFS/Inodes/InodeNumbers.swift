// SPDX-License-Identifier: MIT

import Synchronization
import SystemPackage

// Shared state: a list that only grows, by compare-and-exchange into the first place that is 0, without a lock. Relaxed:
// a place says all that there is to know.

/// The inode numbers that users see.
///
/// A mount shows one device to its users, and where in the source something else is mounted (or a btrfs subvolume begins)
/// numbers come twice, which `tar`, `find` and `du` would take for one file. So what is on the source's own device
/// shows its own number; what is on another has the ordinal of that device (in the order in which they were first seen)
/// in the upper 16 bits, or, where the number needs more than the other 48, a hash of both with the highest bit set. A bind
/// mount of the source's own device shows the source's numbers: it is the same files.
final class InodeNumbers: Sendable {
    private let source: UInt64
    private let devices: MappedArray<Atomic<UInt64>>

    init(source: UInt64) throws(Errno) {
        self.source = source
        devices = try MappedArray(count: 1 << 12, least: 1 << 12)
    }

    func shown(_ inode: UInt64, on device: UInt64) -> UInt64 {
        if device == source { return inode }
        if inode >> 48 == 0, let ordinal = ordinal(of: device) { return UInt64(ordinal) << 48 | inode }
        return 1 << 63 | InodeTable.hash(device: device, inode: inode) >> 1
    }

    /// 1 and up; nil where there are more devices than places.
    private func ordinal(of device: UInt64) -> Int? {
        // No device is numbered 0 here: it stands for an empty place.
        let device = device &+ 1
        for place in 0..<devices.count {
            var known = devices[place].load(ordering: .relaxed)
            if known == 0 {
                let (exchanged, original) = devices[place].compareExchange(expected: 0, desired: device, ordering: .relaxed)
                known = exchanged ? device : original
            }
            if known == device { return place &+ 1 }
        }
        return nil
    }
}
