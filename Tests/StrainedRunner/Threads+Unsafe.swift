// SPDX-License-Identifier: MIT

import FUSE
import Foundation
import Glibc
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

/// Prints the blocked signals of each thread but the first.
func showMasks(_ directory: String) throws {
    var options = MountOptions()
    options.threads = ThreadLimits(initial: 3)
    let mount = try Mount(HelpfulFS(), at: FilePath(directory), options: options)
    defer { try? mount.abort() }
    // A thread lets the signal for interrupts through before it serves. One of them reads this, the others wait.
    _ = try String(contentsOfFile: directory + "/file", encoding: .utf8)
    for thread in try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task") where thread != "\(getpid())" {
        let status = try String(contentsOfFile: "/proc/self/task/\(thread)/status", encoding: .utf8)
        print(status.split(separator: "\n").first { $0.hasPrefix("SigBlk:") } ?? "none")
    }
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
