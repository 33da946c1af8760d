// SPDX-License-Identifier: MIT

import CLinux
import FUSE
import Glibc
import SystemPackage

// A mirror that is mounted within its own source meets itself there, by its mountpoint or by a bind mount of it. Shown, it
// would hold itself again and so on, and each step down would be a request to this process from this process, which takes
// a thread more each. So it is recognised before anything is asked of it, by the number of its device, and what it is
// mounted on shows instead, as `mount --bind` has it.

extension PassthroughFS {
    /// Whether this is the mirror itself, or something in it.
    func isSelf(_ status: stat) -> Bool {
        options.submounts == .cross && UInt64(status.st_dev) == ownDevice.load(ordering: .relaxed)
    }

    /// Finds a name below what is mounted on it. It takes CAP_SYS_ADMIN: ELOOP without.
    func findBeneath(
        _ directory: FileDescriptor, _ find: (FileDescriptor) throws(Errno) -> FileDescriptor
    ) throws(Errno) -> FileDescriptor {
        let clone: FileDescriptor
        do throws(Errno) { clone = try SystemCall.cloneMount(of: directory) } catch .notPermitted {
            throw .tooManySymbolicLinkLevels
        }
        defer { SystemCall.close(clone) }
        let found = try find(clone)
        // On the mount that the directory is on, and not on the copy of it, it is the same inode each time. Without
        // handles it is known by its numbers.
        guard mounts.sourceID != nil, let (handle, _) = try? SystemCall.handle(of: found), !handle.isNone,
            let mount = try? SystemCall.openDirectory(directory)
        else { return found }
        defer { SystemCall.close(mount) }
        guard let original = try? SystemCall.open(handle, on: mount) else { return found }
        SystemCall.close(found)
        return original
    }
}
