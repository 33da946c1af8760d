// SPDX-License-Identifier: MIT

import CLinux
import FUSE
import Glibc
import SystemPackage

// Locks of open file descriptions (fcntl(2), F_OFD_SETLK), and flock(2). All but unlocking may be interrupted.

extension SystemCall {
    static func lock(_ file: FileDescriptor, _ lock: FileLock, wait: Bool) throws(Errno) {
        var native = Glibc.flock(lock)
        // Safe: the structure outlives the call.
        try check(unsafe outcome(clinux_ofd_lock(file.rawValue, Int32(wait ? CLINUX_OFD_SETLKW : CLINUX_OFD_SETLK), &native)))
    }

    /// A lock that is in the way; nil where none is. Its process is -1 where an open file description holds it.
    static func lock(_ file: FileDescriptor, findingConflictWith lock: FileLock) throws(Errno) -> FileLock? {
        var native = Glibc.flock(lock)
        // Safe: the structure outlives the call.
        try check(unsafe outcome(clinux_ofd_lock(file.rawValue, Int32(CLINUX_OFD_GETLK), &native)))
        guard native.l_type != Int16(F_UNLCK) else { return nil }
        return FileLock(
            kind: native.l_type == Int16(F_WRLCK) ? .write : .read, start: UInt64(native.l_start),
            end: native.l_len == 0 ? UInt64(Int64.max) : UInt64(native.l_start + native.l_len - 1), process: native.l_pid)
    }

    static func flock(_ file: FileDescriptor, _ kind: FileLock.Kind, wait: Bool) throws(Errno) {
        let operation =
            switch kind {
            case .read: LOCK_SH
            case .write: LOCK_EX
            case .unlock: LOCK_UN
            }
        try check(outcome(clinux_flock(file.rawValue, operation | (wait ? 0 : LOCK_NB))))
    }
}

extension Glibc.flock {
    fileprivate init(_ lock: FileLock) {
        self.init()
        l_type =
            switch lock.kind {
            case .read: Int16(F_RDLCK)
            case .write: Int16(F_WRLCK)
            case .unlock: Int16(F_UNLCK)
            }
        l_whence = Int16(SEEK_SET)
        l_start = Int(clamping: lock.start)
        // 0: to the end of the file, wherever it moves.
        l_len = lock.end >= UInt64(Int64.max) ? 0 : Int(clamping: lock.end - lock.start + 1)
        // The description's owner is told by the descriptor alone.
        l_pid = 0
    }
}
