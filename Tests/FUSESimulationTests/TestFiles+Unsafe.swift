// SPDX-License-Identifier: MIT

import Glibc
import SystemPackage

/// Glibc's module leaves out what the header has for GNU sources alone; the value is x86's and arm64's.
let O_PATH: Int32 = 0o10000000

/// Descriptors of real files of every kind, closed with this.
final class TestFiles {
    private var descriptors: [Int32] = []

    deinit {
        for descriptor in descriptors { close(descriptor) }
    }

    private func keep(_ descriptor: Int32) throws -> Int32 {
        guard descriptor >= 0 else { throw Errno(rawValue: errno) }
        descriptors.append(descriptor)
        return descriptor
    }

    /// A regular file without a name.
    func regular() throws -> Int32 { try keep(temporary()) }

    // Safe, all below: C is passed strings and arrays of the length that it asks for.

    private func temporary() -> Int32 {
        var path = Array("/tmp/backing-XXXXXX".utf8CString)
        let descriptor = unsafe mkstemp(&path)
        if descriptor >= 0 { unsafe unlink(path) }
        return descriptor
    }

    func open(_ path: String, _ flags: Int32) throws -> Int32 {
        try unsafe keep(Glibc.open(path, flags | O_CLOEXEC))
    }

    func pipe() throws -> Int32 {
        var ends: [Int32] = [-1, -1]
        guard unsafe Glibc.pipe(&ends) == 0 else { throw Errno(rawValue: errno) }
        descriptors += ends
        return ends[0]
    }

    func socket() throws -> Int32 { try keep(Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)) }

    /// A number that is no descriptor: the highest that there can be, since the system gives the lowest that is free. (None is
    /// opened there to be closed again: tests that do so at once would be in each other's way.)
    func closed() -> Int32 {
        var limit = rlimit()
        unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return Int32(min(limit.rlim_cur, 20_000)) - 1
    }

    func write(_ text: String, to descriptor: Int32) throws {
        try FileDescriptor(rawValue: descriptor).writeAll(text.utf8)
    }
}

/// What a descriptor's file holds.
func contents(of descriptor: FileDescriptor) throws -> String {
    try unsafe withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 1) { buffer in
        let count = try unsafe descriptor.read(fromAbsoluteOffset: 0, into: buffer)
        return unsafe String(decoding: buffer[..<count], as: UTF8.self)
    }
}
