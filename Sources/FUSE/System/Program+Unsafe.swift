// SPDX-License-Identifier: MIT

import CLinux
import Glibc
package import SystemPackage

/// Runs other programs.
package enum Program {
    struct Outcome {
        /// The exit status; 128 and more where a signal ended it.
        var status: Int32
        /// What it wrote to standard error.
        var errors: String
    }

    /// Runs a program, and waits for its end.
    /// - Parameters:
    ///   - name: looked for in PATH.
    ///   - environment: added to this process's.
    ///   - inheriting: a descriptor that the program gets under the same number.
    /// - Throws: ENOENT where there is no such program.
    static func run(
        _ name: String, _ arguments: [String], environment: [String: String] = [:], inheriting: FileDescriptor? = nil
    ) throws(Errno) -> Outcome {
        let (readEnd, writeEnd) = try makePipe()
        defer { try? readEnd.close() }
        let process: Int32
        do {
            defer { try? writeEnd.close() }
            process = try start(
                name, arguments, environment: environment,
                descriptors: [(writeEnd, 2)] + (inheriting.map { [($0, $0.rawValue)] } ?? []))
        }
        var errors: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 4096)
        // Safe: the array is lent for the call.
        while let count = try? unsafe chunk.withUnsafeMutableBytes({ unsafe try readEnd.read(into: $0) }), count > 0 {
            errors += chunk.prefix(count)
        }
        let status: Int32
        do throws(Errno) { status = try wait(for: process) } catch .noChildProcess {
            // This program ignores SIGCHLD, and so is not told: what it had to say tells as well.
            status = errors.isEmpty ? 0 : 1
        }
        return Outcome(status: status, errors: String(decoding: errors, as: UTF8.self))
    }

    /// Starts a program.
    /// - Parameters:
    ///   - name: its path; without a slash it is looked for in PATH.
    ///   - arguments: what follows the name.
    ///   - environment: added to this process's.
    ///   - descriptors: those of this process, and the numbers that the program gets them under.
    ///   - closingFrom: the program inherits no descriptor of this number or above; those without close-on-exec, unless
    ///     given.
    /// - Returns: the process, to be waited for.
    /// - Throws: ENOENT where there is no such program.
    package static func start(
        _ name: String, _ arguments: [String], environment: [String: String] = [:],
        descriptors: [(FileDescriptor, Int32)] = [], closingFrom: Int32? = nil
    ) throws(Errno) -> Int32 {
        // Safe, all of it: what is made is destroyed, strings are copied and freed, and the arrays are NULL-terminated.
        var actions = unsafe posix_spawn_file_actions_t()
        unsafe posix_spawn_file_actions_init(&actions)
        defer { unsafe posix_spawn_file_actions_destroy(&actions) }
        for (descriptor, number) in descriptors {
            // Also onto itself: that clears close-on-exec, in the program alone.
            unsafe posix_spawn_file_actions_adddup2(&actions, descriptor.rawValue, number)
        }
        if let closingFrom { unsafe clinux_spawn_closing_from(&actions, closingFrom) }
        var strings = unsafe ([name] + arguments).map { unsafe strdup($0) }
        let argumentCount = unsafe strings.count
        unsafe strings += environment.map { unsafe strdup("\($0.key)=\($0.value)") }
        defer { for unsafe string in unsafe strings { unsafe free(string) } }
        let argv = unsafe strings.prefix(argumentCount) + [nil]
        var envp = unsafe Array(strings.dropFirst(argumentCount))
        var next = unsafe environ
        while let entry = unsafe next.pointee {
            unsafe envp.append(entry)
            unsafe next += 1
        }
        unsafe envp.append(nil)

        var process: pid_t = 0
        let error = unsafe posix_spawnp(&process, name, &actions, nil, Array(argv), envp)
        guard error == 0 else { throw Errno(rawValue: error) }
        return process
    }

    /// Waits for the end of a program that was started: its exit status; 128 and more where a signal ended it.
    package static func wait(for process: Int32) throws(Errno) -> Int32 {
        var status: Int32 = 0
        // Safe: a number is written within the call.
        while unsafe waitpid(process, &status, 0) < 0 {
            guard errno == EINTR else { throw Errno(rawValue: errno) }
        }
        let signal = status & 0x7f
        return signal == 0 ? status >> 8 & 0xff : 128 + signal
    }
}
