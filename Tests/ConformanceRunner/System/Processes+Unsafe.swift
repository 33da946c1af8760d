// SPDX-License-Identifier: MIT

import ConformanceCalls

extension Sys {
    /// Runs `body` in a process of its own, which ends with what `body` returns.
    static func start(_ body: () -> Int) -> Int {
        let process = k_fork()
        guard process == 0 else { return process }
        k_exit(Int32(truncatingIfNeeded: body()))
        return 0
    }

    /// The exit status, or 1000 and the number of the signal.
    static func wait(for process: Int) -> Int { k_wait(Int32(process)) }

    static func run(_ body: () -> Int) -> Int { wait(for: start(body)) }

    /// As ``run(_:)``, and nothing that it started outlives it; nor does it last longer than it may.
    static func contain(seconds: UInt32, _ body: () -> Int) -> Int {
        let process = start {
            _ = setpgid(0, 0)
            _ = alarm(seconds)
            return body()
        }
        let status = wait(for: process)
        _ = k_kill(Int32(-process), SIGKILL)
        return status
    }

    /// The signal is to end this process as it does without a runtime that reports where it came from.
    static func dieQuietly(of signal: Int32) { k_die_quietly(signal) }

    static func kill(_ process: Int) { _ = k_kill(Int32(process), SIGKILL) }

    /// Runs a program, its output in `output` where that is wanted: its exit status, or the negative errno of running it.
    static func execute(_ path: String, _ argument: String, output: Int? = nil) -> Int {
        let status = run {
            if let output { _ = k_dup2(Int32(output), 1) }
            return -(unsafe k_execve(path, argument))
        }
        return status
    }

    /// Becomes a program; returns where it cannot.
    static func replace(by path: String, _ argument: String) -> Int { unsafe k_execve(path, argument) }

    static func pipe() -> (reading: Int, writing: Int) {
        var ends: [Int32] = [0, 0]
        _ = unsafe k_pipe(&ends)
        return (Int(ends[0]), Int(ends[1]))
    }

    /// Acts as a user from now on; root can be had back.
    static func become(_ user: UInt32, _ group: UInt32, _ groups: [UInt32]) -> Int { unsafe k_become(user, group, groups, groups.count) }

    /// Has one of the capabilities that the process may have, or does without it, until it acts as somebody else.
    static func set(capability: Int, _ isOn: Bool) -> Int { k_set_capability(Int32(capability), isOn ? 1 : 0) }

    /// Goes into a user namespace of its own, where that is allowed.
    static func leaveUserNamespace() { _ = k_new_user_namespace() }

    /// Mounts a directory once more, with the ids of a user namespace.
    static func mount(_ from: String, at to: String, mappedAs namespace: Int) -> Int { unsafe k_mount_mapped(from, to, Int32(namespace)) }
    static func limitFileSize(_ size: UInt64) -> Int { k_limit_file_size(size) }

    static func umask(_ mask: UInt32) { _ = ConformanceCalls.umask(mask) }

    static var isRoot: Bool { getuid() == 0 }

    static func name(ofError error: Int) -> String {
        guard let name = unsafe k_errno_name(Int32(error)) else { return "errno \(error)" }
        return unsafe String(cString: name)
    }

    static func print(_ line: String) { write(1, line + "\n") }
}

/// By the kernel's own call: nothing is kept between calls, so that what is removed meanwhile is the filesystem's affair.
extension DirectoryReader {
    /// The next entries, as many as go into so many bytes; nil where reading fails.
    func some(_ room: Int = 4096) -> [Entry]? {
        var buffer = [UInt8](repeating: 0, count: room)
        let count = unsafe k_getdents(Int32(truncatingIfNeeded: directory), &buffer, room)
        guard count >= 0 else { return nil }
        var entries: [Entry] = []
        var offset = 0
        // Safe: the kernel wrote whole records, each with its length.
        unsafe buffer.withUnsafeBytes { bytes in
            while offset < count {
                let length = Int(unsafe bytes.loadUnaligned(fromByteOffset: offset + 16, as: UInt16.self))
                let name = unsafe bytes[(offset + 19)..<(offset + length)].prefix { $0 != 0 }
                entries.append(unsafe Entry(
                    name: String(decoding: name, as: UTF8.self), type: bytes[offset + 18],
                    next: bytes.loadUnaligned(fromByteOffset: offset + 8, as: Int.self),
                    inode: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
                offset += length
            }
        }
        return entries
    }
}
