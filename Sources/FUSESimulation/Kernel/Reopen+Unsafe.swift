// SPDX-License-Identifier: MIT

import CLinux
import Glibc
import SystemPackage

/// Opens a backing file anew, as the kernel does it by its path: with flags of its own, also where the descriptor was
/// opened for naming the file alone. Nil where that fails.
func reopen(_ descriptor: FileDescriptor, _ flags: Int32) -> FileDescriptor? {
    // Safe: the string lives until the call is over.
    let opened = unsafe clinux_openat(Int32(CLINUX_AT_FDCWD), "/proc/self/fd/\(descriptor.rawValue)", flags, 0)
    return opened < 0 ? nil : FileDescriptor(rawValue: opened)
}

extension FileDescriptor {
    /// What is there, up to so many bytes.
    func bytes(at offset: UInt64, count: Int) throws(Errno) -> [UInt8] {
        // Aligned, as callers of O_DIRECT have it. Safe, here and below: the memory has so many bytes, and lives until the end.
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, count), alignment: 4096)
        defer { unsafe memory.deallocate() }
        let got = unsafe Glibc.pread(rawValue, memory.baseAddress, count, off_t(clamping: offset))
        guard got >= 0 else { throw Errno(rawValue: errno) }
        return unsafe Array(memory.prefix(got))
    }

    /// Writes; with `O_APPEND` at the end, wherever that is.
    func put(_ bytes: [UInt8], at offset: UInt64) throws(Errno) -> Int {
        let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: max(1, bytes.count), alignment: 4096)
        defer { unsafe memory.deallocate() }
        unsafe memory.copyBytes(from: bytes)
        let count = unsafe Glibc.pwrite(rawValue, memory.baseAddress, bytes.count, off_t(clamping: offset))
        guard count >= 0 else { throw Errno(rawValue: errno) }
        return count
    }
}
