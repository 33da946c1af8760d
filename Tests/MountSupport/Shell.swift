// SPDX-License-Identifier: MIT

import Foundation
public import Testing

/// What a command left behind.
public struct ShellResult: Equatable {
    public let status: Int32
    public let output: String

    public init(status: Int32, output: String) {
        self.status = status
        self.output = output
    }
}

/// The programs of this package are built beside the tests.
public func builtProgram(_ name: String) -> String {
    URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().appendingPathComponent(name).path
}

/// Runs a script with `sh -e`, in a process of its own and for so many seconds at the most: a bound for what hangs, which a
/// busy machine does not reach. Standard error comes with the output. No signal is blocked in it: the threads that run tests
/// block nearly all, and a child inherits that (a command with a time limit of its own would never see its alarm).
public func shell(_ script: String, in directory: String, seconds: Int = 240, environment: [String: String] = [:]) throws -> ShellResult {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
    process.arguments = ["--kill-after=5", "\(seconds)", "/bin/sh", "-ec", script]
    process.currentDirectoryURL = URL(fileURLWithPath: directory)
    // Nothing of the user's settings: commands behave alike everywhere.
    process.environment = [
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "HOME": "/nonexistent",
        "GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@example.org", "GIT_AUTHOR_DATE": "2001-02-03T04:05:06Z",
        "GIT_COMMITTER_NAME": "a", "GIT_COMMITTER_EMAIL": "a@example.org", "GIT_COMMITTER_DATE": "2001-02-03T04:05:06Z",
        "GIT_CONFIG_NOSYSTEM": "1",
    ].merging(environment) { _, new in new }
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    process.standardInput = FileHandle.nullDevice
    try withNoSignalBlocked { try process.run() }
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return ShellResult(status: process.terminationStatus, output: String(decoding: data, as: UTF8.self))
}

private func withNoSignalBlocked(_ body: () throws -> Void) rethrows {
    var none = sigset_t()
    var blocked = sigset_t()
    unsafe sigemptyset(&none)
    unsafe pthread_sigmask(SIG_SETMASK, &none, &blocked)
    defer { unsafe pthread_sigmask(SIG_SETMASK, &blocked, nil) }
    try body()
}

/// As `shell`, for a script that must succeed: its output.
@discardableResult
public func succeed(
    _ script: String, in directory: String, seconds: Int = 240, sourceLocation: SourceLocation = #_sourceLocation
) throws -> String {
    let result = try shell(script, in: directory, seconds: seconds)
    #expect(result.status == 0, "\(script)\n\(result.output)", sourceLocation: sourceLocation)
    return result.output
}
