// SPDX-License-Identifier: MIT

import FUSE
import Foundation
import Glibc
import Synchronization
import SystemPackage

// What the threads of a mount do with the signals of their process.

/// Changes the ids of the process, all threads of it, to what they are. glibc waits for each thread to do its part.
func changeIDs(_ directory: String) throws {
    let mount = try Mount(HelpfulFS(), at: FilePath(directory))
    defer { try? mount.abort() }
    guard setgid(getgid()) == 0, setreuid(getuid(), geteuid()) == 0 else { throw Errno(rawValue: errno) }
    print("changed")
    print(try String(contentsOfFile: directory + "/file", encoding: .utf8), terminator: "")
    try mount.unmount()
    mount.wait()
}

/// Prints the blocked signals of the thread that serves a request: only then it is sure to be through with its start.
func showMasks(_ directory: String) throws {
    let line = Mutex("")
    let mount = try Mount(
        HelpfulFS(whenRead: {
            let status = (try? String(contentsOfFile: "/proc/thread-self/status", encoding: .utf8)) ?? ""
            line.withLock { $0 = status.split(separator: "\n").first { $0.hasPrefix("SigBlk:") }.map { String($0) } ?? "none" }
        }), at: FilePath(directory))
    defer { try? mount.abort() }
    _ = try String(contentsOfFile: directory + "/file", encoding: .utf8)
    print(line.withLock { $0 })
    try mount.unmount()
    mount.wait()
}

/// Crashes in a method of the filesystem, with a handler that reports it.
func crash(_ directory: String) throws {
    // Safe: the handler makes two calls that one may make (signal-safety(7)).
    var action = sigaction()
    unsafe action.__sigaction_handler.sa_handler = { _ in
        _ = unsafe write(1, "reported\n", 9)
        _exit(42)
    }
    guard unsafe sigaction(SIGSEGV, &action, nil) == 0 else { throw Errno(rawValue: errno) }
    let mount = try Mount(
        HelpfulFS(whenRead: {
            // Not safe at all, and meant.
            unsafe UnsafeMutablePointer<Int>(bitPattern: 8)?.pointee = 1
        }), at: FilePath(directory))
    // By another process: one of this process would keep it from ending, waiting for an answer that nobody gives.
    let reader = Process()
    reader.executableURL = URL(fileURLWithPath: "/bin/cat")
    reader.arguments = [directory + "/file"]
    try reader.run()
    reader.waitUntilExit()
    try mount.abort()
}
