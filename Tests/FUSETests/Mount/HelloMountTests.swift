// SPDX-License-Identifier: MIT

import FUSEWire
import Foundation
import Logging
import Synchronization
import SystemPackage
import Testing

@testable import FUSE

extension MountTests {
    /// What users see of a filesystem of a few lines.
    @Suite struct HelloMountTests {
        @Test func readListAndStat() throws {
            try withMount(OneFileFS()) { mount in
                let seen = try shell("cd \"$1\" && ls -1 && cat hello && stat -c '%F %s %i' hello", mount.mountpoint)
                #expect(seen == Outcome(status: 0, output: "hello\nHello, world!\nregular file 14 2\n", errors: ""))
                #expect(mount.session.counters[.read] == 1)
                let missing = try shell("cat \"$1/none\"", mount.mountpoint)
                #expect(missing.status == 1)
                #expect(missing.errors.hasSuffix("/none: No such file or directory\n"))
                let write = try shell("echo x > \"$1/new\"", mount.mountpoint)
                #expect(write.status != 0)
            }
        }

        @Test func whatIsMountedShows() throws {
            try withMount(OneFileFS(), configure: { options in
                options.source = "a source"
                options.subtype = "hello"
                options.readOnly = true
            }) { mount in
                let entry = try #require(try MountTable.topmost(at: mount.mountpoint))
                #expect(entry.source == "a source")
                #expect(entry.type == "fuse.hello")
                #expect(entry.isFUSE)
                #expect(entry.connection == mount.connectionNumber)
                let write = try shell("echo x > \"$1/hello\"", mount.mountpoint)
                #expect(write.errors.hasSuffix("Read-only file system\n"))
            }
        }

        @Test func aListingOfManyEntries() throws {
            struct ManyFS: TinyFS {
                let names = (0..<5000).map { "entry-\($0)" }
            }
            try withMount(ManyFS()) { mount in
                let seen = try shell("ls -1U \"$1\"", mount.mountpoint)
                #expect(seen.status == 0)
                #expect(seen.output.split(separator: "\n").map(String.init) == ManyFS().names)
            }
        }

        /// The kernel says what it said no more, and hears ENOSYS once only.
        @Test func whatIsNotImplementedIsAskedForOnce() throws {
            try withMount(OneFileFS()) { mount in
                let script = "for i in 1 2 3; do cat \"$1/hello\"; done; sync -d \"$1/hello\" && sync -d \"$1/hello\""
                let seen = try shell(script, mount.mountpoint)
                #expect(seen.status == 0)
                #expect(mount.session.counters[.flush] == 1)
                #expect(mount.session.counters[.fsync] == 1)
            }
        }

        @Test func lookupsAndForgetsBalance() throws {
            final class CountingFS: TinyFS {
                let names = (0..<200).map { "n\($0)" }
                let timeout = Timeout.zero
                let balance = Mutex<[NodeID: Int]>([:])
                let total = Atomic(0)

                func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry {
                    let entry = try entry(name, in: parent)
                    balance.withLock { $0[entry.node, default: 0] += 1 }
                    total.add(1, ordering: .relaxed)
                    return entry
                }

                func forget(_ node: NodeID, lookups: UInt64) {
                    balance.withLock { balance in
                        let left = balance[node, default: 0] - Int(lookups)
                        balance[node] = left == 0 ? nil : left
                        if balance.isEmpty { even.signal() }
                    }
                }

                let even = DispatchSemaphore(value: 0)
            }
            let fileSystem = CountingFS()
            try withMount(fileSystem) { mount in
                let seen = try shell("cd \"$1\" && for i in 1 2 3; do stat n* > /dev/null || exit 1; done", mount.mountpoint)
                #expect(seen.status == 0)
                #expect(fileSystem.total.load(ordering: .relaxed) >= 600)
                // A remount drops what the kernel knows of names: it forgets all but the root.
                let isEven = try {
                    for _ in 0..<120 {
                        try MountCalls.mount("none", at: mount.mountpoint, type: "fuse", flags: 32, data: "")
                        if fileSystem.even.wait(timeout: .now() + .seconds(1)) == .success { return true }
                    }
                    return false
                }()
                #expect(isEven, "left: \(fileSystem.balance.withLock { $0 })")
                #expect(fileSystem.balance.withLock { $0 } == [:])
            }
        }

        /// Programs that the server starts must not hold its connection, nor hide its end.
        @Test func noDescriptorIsInherited() throws {
            try withMount(OneFileFS()) { mount in
                let files = FileManager.default
                // Both ends of a pipe have its name.
                let pipe = try files.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(mount.pool.ended.rawValue)")
                var (inherited, seen) = ([] as [String], 0)
                for number in try files.contentsOfDirectory(atPath: "/proc/self/fd") {
                    guard let target = try? files.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(number)"),
                        target == "/dev/fuse" || target == pipe,
                        let info = try? String(contentsOfFile: "/proc/self/fdinfo/\(number)", encoding: .utf8),
                        let flags = info.firstMatch(of: /flags:\s+([0-7]+)/).flatMap({ Int($0.1, radix: 8) }),
                        // The number may be another's by now.
                        target == (try? files.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(number)"))
                    else { continue }
                    seen += 1
                    if flags & 0o2000000 == 0 { inherited.append(target) }
                }
                #expect(seen >= 3)
                #expect(inherited == [])
            }
        }
    }
}
