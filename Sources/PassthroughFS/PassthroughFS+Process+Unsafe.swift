// SPDX-License-Identifier: MIT

import CLinux
import Glibc
import SystemPackage

extension PassthroughFS {
    /// Readies the process for serving a mirror. It acts on the whole process, so it is for a command to call, once, before
    /// other threads run: the file mode creation mask becomes 0, and the soft limit of descriptors the hard one.
    /// - Returns: how many descriptors the process may have open now.
    @discardableResult
    public static func prepareProcess() -> UInt64 {
        clinux_umask(0)
        var limit = rlimit()
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        guard unsafe getrlimit(resource, &limit) == 0 else { return 0 }
        let soft = limit.rlim_cur
        limit.rlim_cur = limit.rlim_max
        return unsafe setrlimit(resource, &limit) == 0 ? UInt64(limit.rlim_cur) : UInt64(soft)
    }
}

extension SystemCall {
    /// What a file of /proc says, as far as 16 KiB go.
    static func text(of path: String) throws(Errno) -> String {
        // Safe: a string and a buffer, lent for the time of the calls.
        let file = try descriptor(unsafe outcome(clinux_openat(Int32(CLINUX_AT_FDCWD), path, O_RDONLY | O_CLOEXEC, 0)))
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 16384)
        let count = try value(unsafe outcome(Glibc.read(file.rawValue, &bytes, bytes.count)))
        return String(decoding: bytes.prefix(count), as: UTF8.self)
    }

    /// An `O_PATH` descriptor of a directory, symbolic links followed: the user named it.
    static func open(_ path: FilePath) throws(Errno) -> FileDescriptor {
        // Safe: the path lends its own NUL-terminated bytes for the time of the call.
        let result = unsafe path.withPlatformString {
            unsafe outcome(clinux_openat(
                Int32(CLINUX_AT_FDCWD), $0, Int32(CLINUX_O_PATH) | Int32(CLINUX_O_DIRECTORY) | O_CLOEXEC, 0))
        }
        return try descriptor(result)
    }
}
