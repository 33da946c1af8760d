// SPDX-License-Identifier: MIT

import Synchronization
import SystemPackage

// The filesystems within the source, by device.
//
// Shared state: a list that only grows. Places are filled in under a mutex, and then published by their device with release;
// who reads goes through the list with acquire, and without the lock. No system call is made under the mutex.

/// What is known of the filesystems that the source spans, and what inode numbers users see.
///
/// A mount shows one device to its users, and where in the source something else is mounted (or a btrfs subvolume begins)
/// numbers come twice, which `tar`, `find` and `du` would take for one file. So what is on the source's own device shows its own
/// number; what is on another shows its number, moved by a distance that follows from that filesystem's identity, from
/// 2^62 on and below 2^63, for there are programs that know no larger ones. The distance is one of 2^62, so that two filesystems' numbers meet only by a very rare chance; and as it
/// depends on nothing else, numbers are the same after each mount, whichever filesystem is looked at first. A bind mount of the
/// source's own device shows the source's numbers: it is the same files.
///
/// The identity is what `statfs(2)` says (`f_fsid`): ext4, btrfs and F2FS make it of the UUID (btrfs of the subvolume's, too), so
/// that it outlives the machine's restart, others of the device. Where a filesystem has the identity of another one (a copy
/// of its disk), the one that is seen later is told from it by its device.
final class SourceDevices: Sendable {
    struct Traits: OptionSet {
        let rawValue: UInt32
        /// What its files hold is made when they are read; their sizes say nothing, and no change shows in their times.
        static var isGenerated: Traits { Traits(rawValue: 1) }
        /// Closing a file reports nothing, whatever was written to it.
        static var closesSilently: Traits { Traits(rawValue: 2) }
        /// It is stacked on another filesystem.
        static var isStacked: Traits { Traits(rawValue: 4) }

        /// Its ctimes are this machine's, and nobody can set them: every change shows there, sooner or later.
        static var tellsChanges: Traits { Traits(rawValue: 8) }
        /// And so that each change has a time of its own, see `SystemCall.hasFineTimes`.
        static var hasFineTimes: Traits { Traits(rawValue: 16) }
        /// A place in a directory stays good, also for who opens the directory anew.
        static var hasLastingPlaces: Traits { Traits(rawValue: 32) }
        /// A copy shares nothing with what it is made of: it is read and written.
        static var copiesByWriting: Traits { Traits(rawValue: 64) }

        /// By a filesystem's type, its `f_type` of `linux/magic.h`.
        init(type: Int64) {
            switch type & 0xffff_ffff {
            // procfs, sysfs, debugfs, tracefs, cgroup, cgroup2, securityfs, configfs, selinuxfs, the control files of FUSE.
            case 0x9fa0, 0x6265_6572, 0x6462_6720, 0x7472_6163, 0x27_e0eb, 0x6367_7270, 0x7363_6673, 0x6265_6570, 0xf97c_ff8c,
                0x6573_5543:
                self = .isGenerated
            // Filesystems that have no `flush` of their own in Linux: ext2 to ext4, F2FS; XFS, btrfs; tmpfs. NFS hands out places in
            // directories of the first four, so they last (a hash of the name, a number that is given once).
            case 0xef53, 0xf2f5_2010: self = [.closesSilently, .tellsChanges, .hasLastingPlaces, .copiesByWriting]
            case 0x5846_5342, 0x9123_683e: self = [.closesSilently, .tellsChanges, .hasLastingPlaces]
            case 0x0102_1994:
                self = [.closesSilently, .tellsChanges, .copiesByWriting]
                // Until Linux 6.6 a place was a number of steps from the newest entry.
                if SystemCall.isKernel(atLeast: 6, 6) { insert(.hasLastingPlaces) }
            // overlayfs, eCryptfs.
            case 0x794c_7630, 0xf15f: self = .isStacked
            default: self = []
            }
        }

        init(rawValue: UInt32) { self.rawValue = rawValue }
    }

    /// All zeros where nothing is known.
    private struct Place: ~Copyable {
        let device: Atomic<UInt64>
        let distance: Atomic<UInt64>
        let traits: Atomic<UInt32>
    }

    let source: UInt64
    let sourceTraits: Traits
    private let places: MappedArray<Place>
    private let count = Mutex(0)
    private let triesTimes: Bool

    /// `triesTimes`: whether to find out how fine the times of other filesystems are.
    init(source: UInt64, traits: Traits, triesTimes: Bool = false) throws(Errno) {
        self.source = source
        self.triesTimes = triesTimes
        sourceTraits = traits
        places = try MappedArray(count: 1 << 12, least: 1 << 12)
    }

    /// Gets to know a device other than the source's, of which a descriptor is at hand.
    func learn(_ device: UInt64, from file: FileDescriptor) {
        guard device != source, place(of: device) == nil, let statistics = try? SystemCall.statistics(of: file) else { return }
        let traits = Self.traits(Int64(truncatingIfNeeded: statistics.f_type), file, triesTimes: triesTimes)
        let words = statistics.f_fsid.__val
        let identity = UInt64(UInt32(bitPattern: words.0)) | UInt64(UInt32(bitPattern: words.1)) << 32
        count.withLock { count in
            guard place(of: device) == nil, count < places.count else { return }
            var distance = Self.distance(identity, 0)
            if identity == 0 || (0..<count).contains(where: { places[$0].distance.load(ordering: .relaxed) == distance }) {
                distance = Self.distance(identity, device &+ 1)
            }
            places[count].distance.store(distance, ordering: .relaxed)
            places[count].traits.store(traits.rawValue, ordering: .relaxed)
            // No device is numbered 0 here: it stands for an empty place.
            places[count].device.store(device &+ 1, ordering: .releasing)
            count += 1
        }
    }

    /// Of the filesystem that a file is on.
    static func traits(_ type: Int64, _ file: FileDescriptor, triesTimes: Bool) -> Traits {
        var traits = Traits(type: type)
        if triesTimes, traits.contains(.tellsChanges), SystemCall.hasFineTimes(file) { traits.insert(.hasFineTimes) }
        return traits
    }

    private static func distance(_ identity: UInt64, _ device: UInt64) -> UInt64 {
        InodeChains.hash(device: device, inode: identity) >> 1
    }

    private func place(of device: UInt64) -> Int? {
        for place in 0..<places.count {
            let known = places[place].device.load(ordering: .acquiring)
            if known == device &+ 1 { return place }
            if known == 0 { return nil }
        }
        return nil
    }

    /// What users see as the number of an inode. Its device is known, or the source's.
    func shown(_ inode: UInt64, on device: UInt64) -> UInt64 {
        if device == source { return inode }
        // Beyond as many devices as there are places: by the device.
        let distance = place(of: device).map { places[$0].distance.load(ordering: .relaxed) } ?? Self.distance(0, device &+ 1)
        return 1 << 62 | (distance &+ inode) & (1 << 62 - 1)
    }

    func traits(of device: UInt64) -> Traits {
        if device == source { return sourceTraits }
        return place(of: device).map { Traits(rawValue: places[$0].traits.load(ordering: .relaxed)) } ?? []
    }

    func clock(of device: UInt64) -> SourceClock {
        let traits = traits(of: device)
        return traits.contains(.hasFineTimes) ? .fine : traits.contains(.tellsChanges) ? .coarse : .foreign
    }
}
