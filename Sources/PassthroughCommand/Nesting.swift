// SPDX-License-Identifier: MIT

import FUSE
import Glibc
import PassthroughFS
import SystemPackage

/// A source and a mountpoint that lie in one another.
///
/// The source within the mountpoint, or the same: the source is opened first, and what is mounted over it is not seen.
/// The mountpoint within the source: the mirror recognises itself, and shows the directory that it is mounted on. It takes
/// CAP_SYS_ADMIN to look below a mount.
enum Nesting {
    /// Throws where the mirror would show itself, or another that shows it: there would be no end to the tree; and where it
    /// is mounted already.
    static func check(source: String, mountpoint: String, submounts: PassthroughOptions.Submounts) throws(MountError) {
        // What cannot be resolved is told by those who open it.
        guard let source = try? MountCalls.realPath(source), let target = try? MountCalls.realPath(mountpoint) else { return }
        try checkIsNew(source, target)
        guard submounts == .cross, target != source, isWithin(target, source) else { return }
        if geteuid() != 0 {
            throw MountError(
                target, "is inside the source \(source), and the mirror would show itself there",
                remedy: "mount it elsewhere, or with --submounts refuse, or as root")
        }
        guard let mounts = try? MountTable.entries() else { return }
        for mount in mounts where mount.type == "fuse.passthroughfs" && mount.mountpoint != source && isWithin(mount.mountpoint, source) {
            guard isWithin(target, mount.source), !isWithin(target, mount.mountpoint) else { continue }
            throw MountError(
                target, "the mirror would show itself: \(mount.mountpoint), inside its source \(source), is a mirror of \(mount.source)",
                remedy: "mount it elsewhere, or with --submounts refuse")
        }
    }

    private static func checkIsNew(_ source: String, _ target: String) throws(MountError) {
        guard let entry = try? MountTable.topmost(at: target), entry.type == "fuse.passthroughfs", entry.source.hasPrefix("/"),
            (try? MountCalls.realPath(entry.source)) == source
        else { return }
        var statistics = statvfs()
        // A dead one is told of by those who mount. Safe: a string, and a structure that is filled within the call.
        guard unsafe statvfs(target, &statistics) == 0 else { return }
        throw MountError(target, "already a mirror of \(source)", remedy: "to mount it anew, unmount it first")
    }

    private static func isWithin(_ path: String, _ directory: String) -> Bool {
        path == directory || path.hasPrefix(directory == "/" ? "/" : directory + "/")
    }
}
