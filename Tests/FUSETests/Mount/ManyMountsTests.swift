// SPDX-License-Identifier: MIT

import Foundation
import Glibc
import SystemPackage
import Testing

@testable import FUSE

extension MountTests {
    /// Several mounts on one directory, made at once.
    @Suite struct ManyMountsTests {
        private func unmountAll(_ path: String) { while (try? isMounted(path)) ?? false { try? unmount(FilePath(path), lazily: true) } }

        /// Each knows its own number, and unmounts itself and no other.
        @Test(arguments: ["fuse", String(repeating: "long", count: 100)]) func eachHasItsOwnNumber(source: String) throws {
            let directory = try TemporaryDirectory()
            defer { unmountAll(directory.path) }
            let watchdog = Watchdog { unmountAll(directory.path) }
            defer { watchdog.cancel() }
            for _ in 0..<20 {
                // The directory is looked at before it is mounted on, and the first to be mounted answers only once it is served.
                let mounts = try (0..<8).map { _ in
                    started { () -> Mount<OneFileFS> in
                        var options = MountOptions(logger: .silent)
                        options.source = source
                        options.threads = ThreadLimits(initial: 1)
                        return try Mount(OneFileFS(), at: FilePath(directory.path), options: options)
                    }
                }.map { try $0.value() }
                #expect(Set(mounts.map(\.connectionNumber)).count == mounts.count)
                for mount in mounts {
                    #expect(mount.session.connection.device == UInt64(mount.connectionNumber & 0xff | (mount.connectionNumber & ~0xff) << 12))
                    #expect(MountTag.connection(toldOf: mount.file.descriptor) ?? mount.connectionNumber == mount.connectionNumber)
                }
                // From the top down: each can go only when nothing is on top of it, and then it is that one that ends.
                let unmounting = mounts.map { mount in
                    started {
                        while true {
                            do throws(MountError) { try mount.unmount() } catch {
                                guard error.errno == .resourceBusy else { throw error }
                                usleep(1000)
                                continue
                            }
                            return mount.wait()
                        }
                    }
                }
                for one in unmounting { try one.value() }
                #expect(try !isMounted(directory.path))
            }
            #expect(!watchdog.hasBitten)
        }

        /// By the helper of users without privilege: what the kernel tells, and what older ones show in the list of mounts.
        @Test func eachMountOfTheHelperIsFoundByItsTag() throws {
            let directory = try TemporaryDirectory()
            defer { unmountAll(directory.path) }
            let path = directory.path
            let watchdog = Watchdog(seconds: 60) { unmountAll(path) }
            defer { watchdog.cancel() }
            let mounts = try (0..<8).map { _ in
                started { () -> (Int, MountTag, DeviceFile) in
                    let tag = MountTag()
                    let mounted = try Fusermount.mount(at: path, options: MountOptions(logger: .silent), tag)
                    let device = DeviceFile(owning: mounted.device, logger: .silent)
                    // Served at once: the next one of them looks into the directory first.
                    let channel = try device.firstChannel()
                    let session = try Session(OneFileFS(), transport: device, channel: channel, options: SessionOptions(logger: .silent))
                    try WorkerPool(session, transport: device, limits: ThreadLimits(initial: 1)).start(channel)
                    return (mounted.connection, tag, device)
                }
            }.map { try $0.value() }
            let entries = try MountTable.entries()
            #expect(Set(mounts.map(\.0)).count == mounts.count)
            for (connection, tag, device) in mounts {
                #expect(tag.connection(in: entries, at: path) == connection)
                #expect(MountTag.connection(toldOf: device.descriptor) ?? connection == connection)
            }
            #expect(!watchdog.hasBitten)
        }

        /// The options as the list of mounts shows them: of `fsmount(2)`, of `mount(2)` and of the helper alike.
        @Test func optionsAreShown() throws {
            for source in ["a, b\\c", String(repeating: "long", count: 100)] {
                let directory = try TemporaryDirectory()
                defer { unmountAll(directory.path) }
                var options = MountOptions(logger: .silent)
                (options.source, options.subtype) = (source, "some")
                (options.readOnly, options.exec, options.noatime, options.sync, options.dirsync) = (true, false, true, true, true)
                options.allowOther = true
                let mount = try Mount(OneFileFS(), at: FilePath(directory.path), options: options)
                defer { try? mount.abort() }
                let line = try #require(MountTable.contents(of: "/proc/self/mountinfo").split(separator: "\n").last { $0.contains(directory.path) })
                let entry = try #require(MountTableEntry(line))
                #expect(line.split(separator: " ")[5] == "ro,nosuid,nodev,noexec,noatime")
                #expect((entry.type, entry.source) == ("fuse.some", source))
                var shown = entry.options.split(separator: ",")
                shown.removeAll { $0.hasPrefix("max_read=") }
                #expect(shown == ["ro", "sync", "dirsync", "user_id=0", "group_id=0", "default_permissions", "allow_other"])
                try mount.unmount()
                mount.wait()
            }
        }
    }
}
