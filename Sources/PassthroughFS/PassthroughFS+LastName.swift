// SPDX-License-Identifier: MIT

import FUSE
import Glibc
import SystemPackage

// An inode is found by its handle as long as it exists, and without a name it exists as long as somebody holds it. So
// before a known inode loses its last name through the mount it is opened, and held until the kernel forgets it: open
// files, working directories and mappings of it go on.
//
// The kernel holds the inode's lock during the removal of a name, so two last names cannot go at once through this mount.
// What others remove in the source at the same time is theirs: ESTALE, where no descriptor happens to be open.

extension PassthroughFS {
    /// Keeps what a name stands for, where this is its last name.
    /// - Returns: what was kept by this, to be given to ``stopKeeping(_:)`` where the name was not removed.
    func keepBeforeRemoval(of name: borrowing Name, in directory: borrowing Inode) -> NodeID? {
        // Where there are no handles everything is kept.
        guard mounts.sourceID != nil, let status = try? SystemCall.status(name, in: directory.descriptor) else { return nil }
        // A directory has but one name.
        guard status.st_nlink <= 1 || status.st_mode & S_IFMT == S_IFDIR else { return nil }
        return inodes.keep(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    }

    func stopKeeping(_ node: NodeID?) {
        if let node { inodes.stopKeeping(node) }
    }
}
