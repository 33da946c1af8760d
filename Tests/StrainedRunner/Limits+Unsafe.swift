// SPDX-License-Identifier: MIT

import FUSE
import Foundation
import Glibc
import Logging
import PassthroughFS
import SystemPackage

// What is done where the limits of the process stand against it.

enum Need { case descriptors, memory }

/// Sets the soft limit: what must not be exceeded, or the hard one again.
private func limit(_ need: Need, to value: UInt?) {
    let resource = need == .descriptors ? RLIMIT_NOFILE : __rlimit_resource(RLIMIT_AS.rawValue)
    var limit = rlimit()
    // Safe: filled, and read, within the calls.
    unsafe getrlimit(__rlimit_resource_t(resource.rawValue), &limit)
    limit.rlim_cur = value.map { rlim_t($0) } ?? limit.rlim_max
    unsafe setrlimit(__rlimit_resource_t(resource.rawValue), &limit)
}

/// The address space that the process has, in bytes.
private func addressSpace() throws -> UInt {
    let pages = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ").first
    return (pages.flatMap { UInt($0) } ?? 0) * UInt(getpagesize())
}

/// Mounts with no more descriptors, or memory for no thread's stack, once the filesystem was started.
func mountInNeed(of need: Need, at directory: String) throws {
    // Room for small things; a thread's stack is 8 MiB.
    let room = need == .descriptors ? 0 : try addressSpace() + 4 << 20
    let fileSystem = HelpfulFS(whenStarted: { limit(need, to: room) }, whenStopped: { limit(need, to: nil) })
    var options = MountOptions(logger: Logger(label: "strained", factory: { _ in SwiftLogNoOpLogHandler() }))
    options.threads = ThreadLimits(initial: 1)
    do {
        let mount = try Mount(fileSystem, at: FilePath(directory), options: options)
        try? mount.abort()
        print("mounted")
    } catch {
        limit(need, to: nil)
        print("refused: \(error.errno.map { "\($0)" } ?? "\(error)")")
    }
    print("started \(fileSystem.starts.load(ordering: .relaxed)), stopped \(fileSystem.stops.load(ordering: .relaxed))")
    print(try MountTable.topmost(at: directory) == nil ? "nothing is mounted" : "something is mounted")
}

/// Makes mirrors with too little memory for one, of all amounts. Each that fails lets go of the directory once: were it
/// twice, the second time would end the process, or close what another thread had just opened.
func mirrorInLittleMemory(_ directory: String) throws {
    let descriptors = { try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count }
    let before = try descriptors()
    // Small things come from here.
    var spare = unsafe (0..<20_000).map { _ in unsafe malloc(1000) }
    for unsafe memory in unsafe spare.dropLast() { unsafe free(memory) }
    unsafe spare = unsafe spare.suffix(1)
    var failures = 0, successes = 0
    for quarters in 0..<400 {
        limit(.memory, to: try addressSpace() + UInt(quarters) << 18)
        do {
            try PassthroughFS(source: FilePath(directory)).stop()
            successes += 1
        } catch {
            failures += 1
        }
        limit(.memory, to: nil)
    }
    print("\(failures > 50 ? "many" : "\(failures)") failed, \(successes > 50 ? "many" : "\(successes)") did not")
    print("descriptors: \(try descriptors() - before) more")
    for unsafe memory in unsafe spare { unsafe free(memory) }
}
