// SPDX-License-Identifier: MIT

import ConformanceCalls

// The system calls, with strings and arrays for pointers. Each returns what the kernel returned, or -errno.
//
// Pointers are safe for one reason: they point to strings, arrays and local variables lent for the time of the call.

enum Sys {
    // MARK: Names

    static func open(_ path: String, _ flags: Int32, _ mode: UInt32 = 0) -> Int { unsafe k_open(path, flags, mode) }
    static func openat(_ at: Int, _ path: String, _ flags: Int32, _ mode: UInt32 = 0) -> Int {
        unsafe k_openat(Int32(at), path, flags, mode)
    }
    @discardableResult static func close(_ file: Int) -> Int { k_close(Int32(truncatingIfNeeded: file)) }
    @discardableResult static func mkdir(_ path: String, _ mode: UInt32 = 0o755) -> Int { unsafe k_mkdir(path, mode) }
    @discardableResult static func rmdir(_ path: String) -> Int { unsafe k_rmdir(path) }
    @discardableResult static func chdir(_ path: String) -> Int { unsafe k_chdir(path) }
    @discardableResult static func fchdir(_ directory: Int) -> Int { k_fchdir(Int32(directory)) }
    @discardableResult static func mknod(_ path: String, _ mode: Int32, _ major: UInt32 = 0, _ minor: UInt32 = 0) -> Int {
        unsafe k_mknod(path, mode_t(mode), major, minor)
    }
    @discardableResult static func symlink(_ target: String, _ path: String) -> Int { unsafe k_symlink(target, path) }
    @discardableResult static func link(_ from: String, _ to: String, _ flags: Int32 = 0, at: Int = Int(K_AT_FDCWD)) -> Int {
        unsafe k_linkat(Int32(at), from, Int32(K_AT_FDCWD), to, flags)
    }
    @discardableResult static func unlink(_ path: String) -> Int { unsafe k_unlink(path) }
    @discardableResult static func rename(_ from: String, _ to: String, _ flags: UInt32 = 0) -> Int { unsafe k_rename(from, to, flags) }

    static func readlink(_ path: String, at: Int = Int(K_AT_FDCWD)) -> (outcome: Int, target: String) {
        var buffer = [CChar](repeating: 0, count: 8192)
        let outcome = unsafe k_readlinkat(Int32(at), path, &buffer, buffer.count)
        return (outcome, String(decoding: buffer.prefix(max(0, outcome)).map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }

    // MARK: Attributes

    static func stat(_ path: String, _ flags: Int32 = AT_SYMLINK_NOFOLLOW) -> (outcome: Int, status: ConformanceCalls.stat) {
        var status = ConformanceCalls.stat()
        let outcome = unsafe k_stat(Int32(K_AT_FDCWD), path, flags, &status)
        return (outcome, status)
    }
    static func stat(of file: Int) -> ConformanceCalls.stat {
        var status = ConformanceCalls.stat()
        _ = unsafe k_stat(Int32(truncatingIfNeeded: file), "", Int32(K_AT_EMPTY_PATH), &status)
        return status
    }
    static func statx(_ path: String, _ mask: UInt32) -> (outcome: Int, status: ConformanceCalls.statx) {
        var status = ConformanceCalls.statx()
        let outcome = unsafe k_statx(Int32(K_AT_FDCWD), path, AT_SYMLINK_NOFOLLOW, mask, &status)
        return (outcome, status)
    }
    @discardableResult static func chmod(_ path: String, _ mode: UInt32) -> Int { unsafe k_chmod(path, mode) }
    @discardableResult static func fchmod(_ file: Int, _ mode: UInt32) -> Int { k_fchmod(Int32(file), mode) }
    @discardableResult static func chown(_ path: String, _ user: UInt32, _ group: UInt32) -> Int {
        unsafe k_chown(path, user, group, AT_SYMLINK_NOFOLLOW)
    }
    @discardableResult static func fchown(_ file: Int, _ user: UInt32, _ group: UInt32) -> Int { k_fchown(Int32(file), user, group) }
    @discardableResult static func truncate(_ path: String, _ size: Int) -> Int { unsafe k_truncate(path, Int64(size)) }
    @discardableResult static func ftruncate(_ file: Int, _ size: Int) -> Int { k_ftruncate(Int32(file), Int64(size)) }
    @discardableResult static func utimens(_ path: String, _ accessed: timespec, _ modified: timespec, _ flags: Int32 = AT_SYMLINK_NOFOLLOW) -> Int {
        unsafe k_utimens(path, [accessed, modified], flags)
    }
    /// Both times now: without an argument, which asks for less than UTIME_NOW twice does.
    static func touch(_ path: String) -> Int { unsafe k_utimens(path, nil, 0) }
    static func access(_ path: String, _ mode: Int32, effective: Bool = false) -> Int {
        unsafe k_faccess(path, mode, effective ? AT_EACCESS : 0)
    }
    static func statvfs(_ path: String) -> (outcome: Int, statistics: ConformanceCalls.statvfs) {
        var statistics = ConformanceCalls.statvfs()
        let outcome = unsafe k_statvfs(path, &statistics)
        return (outcome, statistics)
    }

    // MARK: Open files

    static func read(_ file: Int, _ count: Int) -> (outcome: Int, bytes: [UInt8]) {
        var bytes = [UInt8](repeating: 0, count: count)
        let outcome = unsafe k_read(Int32(truncatingIfNeeded: file), &bytes, count)
        return (outcome, Array(bytes.prefix(max(0, outcome))))
    }
    static func pread(_ file: Int, _ count: Int, at offset: Int) -> (outcome: Int, bytes: [UInt8]) {
        var bytes = [UInt8](repeating: 0, count: count)
        let outcome = unsafe k_pread(Int32(truncatingIfNeeded: file), &bytes, count, Int64(offset))
        return (outcome, Array(bytes.prefix(max(0, outcome))))
    }
    @discardableResult static func write(_ file: Int, _ bytes: [UInt8]) -> Int {
        unsafe k_write(Int32(truncatingIfNeeded: file), bytes, bytes.count)
    }
    @discardableResult static func write(_ file: Int, _ text: String) -> Int { write(file, Array(text.utf8)) }
    /// `flags`: `RWF_APPEND` and the like.
    @discardableResult static func pwrite(_ file: Int, _ text: String, at offset: Int, _ flags: Int) -> Int {
        let bytes = Array(text.utf8)
        return unsafe k_pwrite2(Int32(truncatingIfNeeded: file), bytes, bytes.count, Int64(offset), Int32(flags))
    }
    @discardableResult static func pwrite(_ file: Int, _ text: String, at offset: Int) -> Int {
        let bytes = Array(text.utf8)
        return unsafe k_pwrite(Int32(truncatingIfNeeded: file), bytes, bytes.count, Int64(offset))
    }
    /// Writes, or reads back, zeros from memory aligned for O_DIRECT.
    static func aligned(_ file: Int, _ count: Int, at offset: Int, writing: Bool) -> Int {
        let memory = UnsafeMutableRawPointer.allocate(byteCount: count, alignment: 4096)
        defer { unsafe memory.deallocate() }
        unsafe memory.initializeMemory(as: UInt8.self, repeating: 0x61, count: count)
        return writing
            ? unsafe k_pwrite(Int32(file), memory, count, Int64(offset)) : unsafe k_pread(Int32(file), memory, count, Int64(offset))
    }
    static func lseek(_ file: Int, _ offset: Int, _ whence: Int32) -> Int { k_lseek(Int32(truncatingIfNeeded: file), Int64(offset), whence) }
    @discardableResult static func fcntl(_ file: Int, _ command: Int32, _ argument: Int = 0) -> Int { k_fcntl(Int32(file), command, argument) }
    /// - Returns: the outcome, and the lock as the kernel left it.
    static func lock(_ file: Int, _ command: Int32, _ type: Int32, from start: Int = 0, count: Int = 0) -> (outcome: Int, lock: flock) {
        var lock = ConformanceCalls.flock(type, from: start, count: count)
        let outcome = unsafe k_lock(Int32(file), command, &lock)
        return (outcome, lock)
    }
    static func flock(_ file: Int, _ operation: Int32) -> Int { k_flock(Int32(file), operation) }
    static func fallocate(_ file: Int, _ mode: Int, _ offset: Int, _ length: Int) -> Int {
        k_fallocate(Int32(truncatingIfNeeded: file), Int32(mode), Int64(offset), Int64(length))
    }
    static func copy(_ from: Int, at fromOffset: Int, _ to: Int, at toOffset: Int, _ count: Int) -> Int {
        var fromOffset = Int64(fromOffset), toOffset = Int64(toOffset)
        return unsafe k_copy(Int32(from), &fromOffset, Int32(to), &toOffset, count)
    }
    static func sendfile(_ to: Int, _ from: Int, _ count: Int) -> Int {
        var offset: Int64 = 0
        return unsafe k_sendfile(Int32(to), Int32(from), &offset, count)
    }
    static func fsync(_ file: Int) -> Int { k_fsync(Int32(file)) }
    static func fdatasync(_ file: Int) -> Int { k_fdatasync(Int32(file)) }
    static func syncfs(_ file: Int) -> Int { k_syncfs(Int32(file)) }
    static func ioctl(_ file: Int, _ request: UInt, _ value: inout Int) -> Int { unsafe k_ioctl(Int32(file), request, &value) }
    /// With a number for an argument.
    static func ioctl(_ file: Int, _ request: UInt, number: Int) -> Int {
        unsafe k_ioctl(Int32(file), request, UnsafeMutableRawPointer(bitPattern: number))
    }
    static func ioctl(_ file: Int, _ request: UInt, bytes count: Int) -> (outcome: Int, bytes: [UInt8]) {
        var bytes = [UInt8](repeating: 0, count: count)
        let outcome = unsafe k_ioctl(Int32(file), request, &bytes)
        return (outcome, bytes)
    }

    // MARK: Extended attributes

    static func getxattr(_ path: String, _ name: String, room: Int = 4096) -> (outcome: Int, value: [UInt8]) {
        var value = [UInt8](repeating: 0, count: room)
        let outcome = unsafe k_getxattr(path, name, &value, room)
        return (outcome, Array(value.prefix(max(0, outcome))))
    }
    @discardableResult static func setxattr(_ path: String, _ name: String, _ value: [UInt8], _ flags: Int32 = 0) -> Int {
        unsafe k_setxattr(path, name, value, value.count, flags)
    }
    @discardableResult static func setxattr(_ path: String, _ name: String, _ value: String, _ flags: Int32 = 0) -> Int {
        setxattr(path, name, Array(value.utf8), flags)
    }
    static func fsetxattr(_ file: Int, _ name: String, _ value: String) -> Int {
        let bytes = Array(value.utf8)
        return unsafe k_fsetxattr(Int32(file), name, bytes, bytes.count)
    }
    /// The names, sorted.
    static func listxattr(_ path: String, room: Int = 65536) -> (outcome: Int, names: [String]) {
        var buffer = [CChar](repeating: 0, count: room)
        let outcome = unsafe k_listxattr(path, &buffer, room)
        guard room > 0 else { return (outcome, []) }
        let bytes = buffer.prefix(max(0, outcome)).map { UInt8(bitPattern: $0) }
        return (outcome, bytes.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }.sorted())
    }
    @discardableResult static func removexattr(_ path: String, _ name: String) -> Int { unsafe k_removexattr(path, name) }

    // MARK: Handles and sockets

    static func handle(_ path: String) -> (outcome: Int, handle: [UInt8]) {
        var buffer = [UInt8](repeating: 0, count: 256)
        var mount: Int32 = 0
        let outcome = unsafe k_name_to_handle(path, &buffer, &mount)
        return (outcome, buffer)
    }
    static func open(_ handle: [UInt8], on mount: Int, _ flags: Int32) -> Int {
        var handle = handle
        return unsafe k_open_by_handle(Int32(mount), &handle, flags)
    }
    static func socket(_ path: String, isServer: Bool) -> Int { unsafe k_socket(path, isServer ? 1 : 0) }
}
