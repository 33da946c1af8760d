// SPDX-License-Identifier: MIT

import CLinux
public import FUSE
import Glibc
import SystemPackage

// What the source's mounts rule out: nosuid, nodev, noexec, nosymfollow.
//
// Of the source's own mount the mirror's mount rules out the same, and the kernel sees to it. What is mounted within the
// source may rule out more, and the mirror's mount has one set of flags for all. So of an inode on such a mount (`Inode`
// knows what is ruled out there besides) that does not show which would do there what is ruled out:
//   nosuid: set-user-id, set-group-id where the group may execute, and file capabilities. What means nothing to execve(2)
//     stays: set-group-id of directories, and of files that the group may not execute.
//   nodev: which device a node stands for. It shows one that no driver has.
//   noexec: nothing is hidden, for the kernel says what it opens a file for. What a program maps of a file by itself it
//     does not say.
//   nosymfollow: where a link leads; to readlink(2) too, for the kernel asks no differently when it follows one.
//
// This does not depend on how the mirror is mounted: that root can change at any time, and nobody is told.

extension PassthroughFS {
    /// What the mount that the source is on ruled out when the source was opened.
    public var mountRestrictions: MountRestrictions { mounts.restrictions }

    /// What the mount of something besides rules out, where that is not held by handle: asked each time it is looked up. All,
    /// where the answer is an error.
    func restrictions(of found: FileDescriptor, on mount: UInt64) -> MountRestrictions {
        if mount != 0, mount == mounts.rootMount { return [] }
        guard let statistics = try? SystemCall.statistics(of: found) else { return .all.subtracting(mounts.restrictions) }
        return MountRestrictions(statistics).subtracting(mounts.restrictions)
    }

    /// The mode to set, where a user sets one who does not see all: what is hidden stays, unless it would not be hidden any
    /// more. To be taken away it takes a write, another owner, or somebody who works in the source.
    func mode(_ new: FilePermissions, of inode: borrowing Inode) throws(Errno) -> FilePermissions {
        guard inode.restrictions.contains(.noSuid) else { return new }
        let hidden = try SystemCall.status(of: inode.descriptor).st_mode.privileges
        return FilePermissions(rawValue: new.rawValue | (inode.type | new.rawValue | hidden).privileges & hidden)
    }
}

extension MountRestrictions {
    init(_ statistics: statfs) { self.init(statisticsFlags: UInt64(truncatingIfNeeded: statistics.f_flags)) }
}

extension mode_t {
    /// The bits with which execve(2) gives a program other ids. Source: `bprm_fill_uid` in Linux.
    fileprivate var privileges: mode_t {
        guard self & S_IFMT == S_IFREG else { return 0 }
        return self & (self & S_IXGRP == 0 ? S_ISUID : S_ISUID | S_ISGID)
    }
}

extension Attributes {
    /// Hides what would do what is ruled out.
    mutating func hide(_ restrictions: MountRestrictions) {
        if restrictions.contains(.noSuid) { mode = FileMode(rawValue: mode.rawValue & ~mode.rawValue.privileges) }
        // Opening it is ENXIO. Not 0:0, which as a character device is what an overlayfs has for a removed name, unless it is
        // that.
        if restrictions.contains(.noDev), device != DeviceNumber(major: 0, minor: 0) { device = DeviceNumber(major: 0, minor: 1) }
    }
}
