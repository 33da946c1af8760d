// SPDX-License-Identifier: MIT

public import FUSE
import Glibc
public import SystemPackage

// File locks, where they are taken on the source: the kernel asks only then.

extension PassthroughFS {
    public func getlk(
        _ file: OpenFile, _ lock: FileLock, owner: LockOwner, for request: Request
    ) throws(Errno) -> FileLock? {
        guard let locks else { throw .notSupported }
        return try locks.find(lock, on: file, owner: owner) { (access) throws(Errno) in try openForLocks(file.node, access) }
    }

    public func setlk(
        _ file: OpenFile, _ lock: FileLock, owner: LockOwner, wait: Bool, isFlock: Bool, for request: Request
    ) throws(Errno) {
        guard let locks else { throw .notSupported }
        try locks.set(lock, on: file, owner: owner, wait: wait, isFlock: isFlock) { (access) throws(Errno) in
            try openForLocks(file.node, access)
        }
        // Whoever had it before may have changed the file, and not through this mount: who has it now sees what was left.
        if lock.kind != .unlock { tellChange(of: file.node) }
    }

    /// The kernel has seen to it that the user's own descriptor is good for the kind of lock. An owner may take both kinds
    /// with one description, so it is open for both, where that can be. For flock(2) it is not open for writing, as running
    /// the source's file would then fail with ETXTBSY.
    private func openForLocks(_ node: NodeID, _ access: SourceLocks.Access) throws(Errno) -> FileDescriptor {
        let inode = try inodes.pin(node)
        return try relief.relieving { () throws(Errno) in
            // What cannot be had, by anybody or by us, is not needed, or will be missed by the lock.
            var modes = access == .any ? [O_RDONLY, O_WRONLY] : [O_RDWR, O_RDONLY, O_WRONLY]
            while true {
                let mode = modes.removeFirst()
                do throws(Errno) { return try SystemCall.reopen(inode.descriptor, mode | O_APPEND | O_NONBLOCK) } catch {
                    let isDenied = [.readOnlyFileSystem, .textFileBusy, .permissionDenied, .notPermitted].contains(error)
                    guard isDenied, !modes.isEmpty else { throw error }
                }
            }
        }
    }
}
