// SPDX-License-Identifier: MIT

import CLinux
import FUSE
import Glibc
import SystemPackage

// Kernel file handles. Pointers are safe as in `SystemCall`.

extension SystemCall {
    /// `struct file_handle`, with room for what ``InodeHandle`` holds.
    private struct HandleBuffer {
        var handle_bytes: UInt32
        var handle_type: Int32
        var f_handle: InlineArray<6, UInt64>
    }

    /// The handle of the file that an `O_PATH` descriptor stands for, and the id of the mount that it is on.
    ///
    /// Without a handle where it is longer than ``InodeHandle/capacity``. Throws EOPNOTSUPP where the filesystem has none.
    /// The handle's `mount` is for the caller to fill in.
    static func handle(of file: FileDescriptor) throws(Errno) -> (handle: InodeHandle, mountID: Int32) {
        try unsafe handle("", in: file, Int32(CLINUX_AT_EMPTY_PATH))
    }

    /// As above, of what a name stands for; of a symbolic link itself.
    static func handle(
        _ name: UnsafePointer<CChar>, in directory: FileDescriptor, _ flags: Int32 = 0
    ) throws(Errno) -> (handle: InodeHandle, mountID: Int32) {
        var buffer = HandleBuffer(handle_bytes: UInt32(InodeHandle.capacity), handle_type: 0, f_handle: InlineArray(repeating: 0))
        var mountID: Int32 = -1
        let result = unsafe withUnsafeMutablePointer(to: &buffer) {
            unsafe outcome(clinux_name_to_handle_at(directory.rawValue, name, $0, &mountID, flags))
        }
        if result == -Int(EOVERFLOW) { return (.none, mountID) }
        try check(result)
        let count = min(UInt16(truncatingIfNeeded: buffer.handle_bytes), UInt16(InodeHandle.capacity))
        return (InodeHandle(type: buffer.handle_type, count: count, mount: 0, words: buffer.f_handle), mountID)
    }

    /// An `O_PATH` descriptor of the inode that a handle names; of a symbolic link itself.
    ///
    /// It takes CAP_DAC_READ_SEARCH: never while a caller's ids are assumed. Throws ESTALE where the inode is gone.
    /// - Parameter mount: a descriptor of anything on the inode's mount, and not `O_PATH`.
    static func open(_ handle: InodeHandle, on mount: FileDescriptor) throws(Errno) -> FileDescriptor {
        var buffer = HandleBuffer(handle_bytes: UInt32(handle.count), handle_type: handle.type, f_handle: handle.words)
        do throws(Errno) {
            return try descriptor(retrying {
                unsafe withUnsafeMutablePointer(to: &buffer) {
                    unsafe outcome(clinux_open_by_handle_at(
                        mount.rawValue, $0, Int32(CLINUX_O_PATH) | Int32(CLINUX_O_NOFOLLOW) | O_CLOEXEC))
                }
            })
        } catch .noSuchFileOrDirectory {
            throw .staleNFSFileHandle
        }
    }

    /// A copy of the mount that a directory is on, with the directory for its root and without what is mounted within it,
    /// now and later: what is below those mount points shows. As `mount --bind` has it. An `O_PATH` descriptor; the mount
    /// goes with the last one. It takes CAP_SYS_ADMIN.
    static func cloneMount(of directory: FileDescriptor) throws(Errno) -> FileDescriptor {
        let clone = try unsafe descriptor(outcome(clinux_open_tree(
            directory.rawValue, "", UInt32(CLINUX_OPEN_TREE_CLONE | CLINUX_O_CLOEXEC | CLINUX_AT_EMPTY_PATH))))
        // So that nothing that is mounted in the original appears in it.
        do throws(Errno) {
            try check(outcome(clinux_make_private(clone.rawValue)))
            return clone
        } catch {
            close(clone)
            throw error
        }
    }

    /// What a name stands for, without opening it, and without a question to a server: it may be this one.
    static func status(_ name: borrowing Name, in directory: FileDescriptor) throws(Errno) -> stat {
        try unsafe name.withCString { name throws(Errno) in try unsafe status(name, in: directory) }
    }

    static func status(_ name: UnsafePointer<CChar>, in directory: FileDescriptor) throws(Errno) -> stat {
        var status = stat()
        try unsafe check(outcome(Glibc.fstatat(
            directory.rawValue, name, &status, Int32(CLINUX_AT_SYMLINK_NOFOLLOW | CLINUX_AT_STATX_DONT_SYNC))))
        return status
    }
}
