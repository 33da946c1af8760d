// SPDX-License-Identifier: MIT
//
// How `mount` goes to the background: the command starts itself a second time, with the same arguments and a pipe, and
// ends once the second process has written to the pipe that the mount is live. A fork would do with one program start
// less, but after it only the forking thread exists, and whatever lock another one held stays locked for good: nothing
// of Swift's run time promises to be usable then. A program started anew has nothing of the kind behind it.
//
// Until the mount is live the second process has the terminal, so that its errors are the command's, and ^C ends both.
// It inherits no other descriptor than the pipe.

import ArgumentParser
import FUSE
import Glibc
import SystemPackage

enum Background {
    /// Names the number of the pipe's descriptor to the second process.
    private static let variable = "_PASSTHROUGHFS_READY"
    private static let number: Int32 = 3

    /// Whether this is the second process.
    static let isHere: Bool = {
        // Safe, both: strings lent for the call, and no other thread runs yet that could read the environment.
        guard let value = unsafe getenv(variable), unsafe String(cString: value) == "\(number)" else { return false }
        unsafe unsetenv(variable)
        return fcntl(number, F_SETFD, FD_CLOEXEC) == 0
    }()

    /// Starts the second process. Returns when the mount is live; throws its exit status where it ended instead, which it
    /// has told the reason of.
    static func start() throws {
        let (readEnd, writeEnd) = try FileDescriptor.pipe()
        let program = try MountCalls.realPath("/proc/self/exe")
        let process = try Program.start(
            program, Array(CommandLine.arguments.dropFirst()), environment: [variable: "\(number)"],
            descriptors: [(writeEnd, number)], closingFrom: number + 1)
        try writeEnd.close()
        var byte: [UInt8] = [0]
        // Safe: the array is lent for the call.
        if try unsafe byte.withUnsafeMutableBytes({ unsafe try readEnd.read(into: $0) }) == 1 { return }
        let status = try Program.wait(for: process)
        if status > 128 {
            throw MountError("the process that was to serve the mount", "ended by signal \(status - 128)", remedy: "try -f, and --verbose")
        }
        throw ExitCode(status == 0 ? 1 : status)
    }

    /// In the second process: leaves the terminal, the session and the directory of whoever started it, and lets the
    /// command end. Throws where that has been ended already.
    static func enter(output: FileDescriptor?) throws(Errno) {
        setsid()
        // Safe: a literal, NUL-terminated.
        _ = unsafe chdir("/")
        try output?.becomeStandardOutput()
        do {
            let pipe = FileDescriptor(rawValue: number)
            _ = try pipe.writeAll([1])
            try pipe.close()
        } catch {
            throw error as? Errno ?? .ioError
        }
    }
}
