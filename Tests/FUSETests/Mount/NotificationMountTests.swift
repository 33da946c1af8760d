// SPDX-License-Identifier: MIT

import Dispatch
import FUSEWire
import Foundation
import Glibc
import Synchronization
import SystemPackage
import Testing

@testable import FUSE

extension MountTests {
    /// What the kernel remembers, and how it is told better.
    @Suite struct NotificationMountTests {
        /// Everything may be remembered for ever; text and names change behind the kernel's back.
        private final class ChangingFS: TinyFS {
            let names = ["file", "other"]
            let timeout = Timeout.forever
            let current = Mutex("one\n")
            let lookups = Atomic(0)
            let forgotten = DispatchSemaphore(value: 0)
            private let connection = Mutex<Connection?>(nil)

            var text: String { current.withLock { $0 } }
            var notifier: Notifier {
                get throws {
                    guard let connection = connection.withLock({ $0 }) else { throw Errno.socketNotConnected }
                    return connection.notifier
                }
            }

            func start(_ connection: Connection) { self.connection.withLock { $0 = connection } }

            func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry {
                lookups.add(1, ordering: .relaxed)
                return try entry(name, in: parent)
            }

            func open(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> Opened { Opened(io: .keepingCache) }

            func read(_ file: OpenFile, at offset: UInt64, into output: inout DataWriter, for request: Request) throws(Errno) {
                output.write(String(decoding: text.utf8.dropFirst(Int(clamping: offset)), as: UTF8.self))
            }

            func forget(_ node: NodeID, lookups: UInt64) { forgotten.signal() }
        }

        /// What is remembered may go at any moment (memory is needed, someone drops caches, other tests do): one of many times
        /// it must be there.
        private func isRemembered(_ look: () throws -> Bool) rethrows -> Bool {
            for _ in 0..<50 where try look() { return true }
            return false
        }

        private func cat(_ path: String) throws -> String { try shell("cat \"$1/file\"", path).output }

        @Test func contentAndAttributes() throws {
            let fileSystem = ChangingFS()
            try withMount(fileSystem) { mount in
                let path = mount.mountpoint
                let notifier = try fileSystem.notifier
                let isContentKept = try isRemembered {
                    fileSystem.current.withLock { $0 = "one\n" }
                    try notifier.sendAndWait(.content(2))
                    #expect(try cat(path) == "one\n")
                    fileSystem.current.withLock { $0 = "two\n" }
                    return try cat(path) == "one\n"
                }
                #expect(isContentKept)
                try notifier.sendAndWait(.content(2))
                #expect(try cat(path) == "two\n")

                // Attributes alone: the new size is seen.
                let size = "stat -c %s \"$1/file\""
                let isSizeKept = try isRemembered {
                    fileSystem.current.withLock { $0 = "two\n" }
                    try notifier.sendAndWait(.attributes(2))
                    #expect(try shell(size, path).output == "4\n")
                    fileSystem.current.withLock { $0 = "longer\n" }
                    return try shell(size, path).output == "4\n"
                }
                #expect(isSizeKept)
                try notifier.sendAndWait(.attributes(2))
                #expect(try shell(size, path).output == "7\n")
                // A node that the kernel has never heard of.
                try notifier.sendAndWait(.content(4711, 0..<10))
            }
        }

        @Test func names() throws {
            let fileSystem = ChangingFS()
            try withMount(fileSystem) { mount in
                let path = mount.mountpoint
                let (notifier, minor) = (try fileSystem.notifier, mount.session.connection.protocolMinor)
                func lookUp() throws -> Int {
                    _ = try shell("stat \"$1/file\"", path)
                    return fileSystem.lookups.exchange(0, ordering: .relaxed)
                }
                #expect(try lookUp() == 1)
                #expect(try isRemembered { try lookUp() == 0 })
                var notifications: [FUSE.Notification] = [.entry(parent: .root, name: "file"), .deleted(parent: .root, child: 2, name: "file")]
                if mount.session.connection.offered.contains(.hasExpireOnly) { notifications.append(.expireEntry(parent: .root, name: "file")) }
                if minor >= 44 { notifications.append(.newEpoch) }
                for notification in notifications {
                    try notifier.sendAndWait(notification)
                    #expect(try lookUp() == 1, "\(notification)")
                    #expect(try isRemembered { try lookUp() == 0 }, "\(notification)")
                }
                try notifier.sendAndWait(.entry(parent: .root, name: "never heard of"))
                if mount.session.connection.offered.contains(.hasResend) { try notifier.sendAndWait(.resend) }
            }
        }

        @Test func unusedNodesAreForgotten() throws {
            let fileSystem = ChangingFS()
            try withMount(fileSystem) { mount in
                guard mount.session.connection.protocolMinor >= 45 else { return print("skipped: the kernel knows no PRUNE (7.45)") }
                _ = try shell("stat \"$1/file\" \"$1/other\"", mount.mountpoint)
                try fileSystem.notifier.sendAndWait(.prune([2, 3]))
                for _ in 0..<2 { #expect(fileSystem.forgotten.wait(timeout: .now() + .seconds(120)) == .success) }
            }
        }

        @Test func storedAndRetrieved() throws {
            let fileSystem = ChangingFS()
            try withMount(fileSystem) { mount in
                let path = mount.mountpoint
                let notifier = try fileSystem.notifier
                _ = try shell("stat \"$1/file\"", path)
                let isThere = try isRemembered {
                    try notifier.sendAndWait(.store(2, at: 0, [UInt8]("six\n".utf8)))
                    return try cat(path) == "six\n"
                }
                #expect(isThere)
                let answer = Mutex("")
                let got = DispatchSemaphore(value: 0)
                try notifier.retrieve(2, at: 0, count: 100) { offset, data in
                    let text = data.text
                    answer.withLock { $0 = "\(offset) \(text)" }
                    got.signal()
                }
                #expect(got.wait(timeout: .now() + .seconds(120)) == .success)
                #expect(answer.withLock { $0 } == "0 six\n")
                // Nothing is there of this one.
                try notifier.retrieve(3, at: 0, count: 100) { _, data in
                    let count = data.byteCount
                    answer.withLock { $0 = "\(count)" }
                    got.signal()
                }
                #expect(got.wait(timeout: .now() + .seconds(120)) == .success)
                #expect(answer.withLock { $0 } == "0")
            }
        }

        /// From within a method, about the very file that is written, whose lock the writer holds: what is asked for next is right,
        /// although it may be remembered for ever and the reply to a write does not tell of it.
        @Test func aMethodHasTheAttributesOfItsOwnFileForgotten() throws {
            final class CountingFS: TinyFS {
                let names = ["file"]
                let timeout = Timeout.forever
                private let writes = Atomic<UInt32>(0)
                private let connection = Mutex<Connection?>(nil)
                func start(_ connection: Connection) { self.connection.withLock { $0 = connection } }
                func getattr(_ node: NodeID, handle: FUSE.FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
                    var attributes = try attributes(of: node)
                    attributes.owner = UserID(rawValue: writes.load(ordering: .relaxed))
                    return AttributesReply(attributes, timeout: timeout)
                }
                func open(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> Opened { Opened(io: .direct) }
                func write(_ file: OpenFile, at offset: UInt64, _ data: RawSpan, _ options: WriteOptions, for request: Request) throws(Errno) -> Int {
                    writes.add(1, ordering: .relaxed)
                    connection.withLock { $0 }?.notifier.forgetAttributes(of: file.node)
                    return data.byteCount
                }
            }
            try withMount(CountingFS()) { mount in
                for count in 1...20 {
                    let seen = try shell("printf x 1<> \"$1/file\" && stat -c %u \"$1/file\"", mount.mountpoint)
                    #expect(seen == Outcome(status: 0, output: "\(count)\n", errors: ""))
                }
            }
        }

        /// From within a method, about the very directory whose lock the caller holds: it goes out when the caller has its
        /// reply. A worker that wrote it itself would wait for ever.
        @Test func aMethodNotifiesOfItsOwnDirectory() throws {
            final class SelfNotifyingFS: TinyFS {
                let names = ["file"]
                let timeout = Timeout.forever
                private let connection = Mutex<Connection?>(nil)
                func start(_ connection: Connection) { self.connection.withLock { $0 = connection } }
                func unlink(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) {
                    guard let notifier = connection.withLock({ $0 })?.notifier else { throw .ioError }
                    do throws(NotificationError) { try notifier.send(.entry(parent: parent, name: name.string)) } catch { throw .ioError }
                }
            }
            try withMount(SelfNotifyingFS()) { mount in
                for _ in 0..<20 {
                    let seen = try shell("stat -c %s \"$1/file\" && rm \"$1/file\"", mount.mountpoint)
                    #expect(seen == Outcome(status: 0, output: "14\n", errors: ""))
                }
            }
        }
    }
}
