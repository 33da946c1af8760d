// SPDX-License-Identifier: MIT

import FUSE
import Synchronization
import SystemPackage

/// One file, `file`, and something to happen at its start or when it is read.
final class HelpfulFS: FileSystem {
    let starts = Atomic(0)
    let stops = Atomic(0)
    private let whenStarted: @Sendable () -> Void
    private let whenStopped: @Sendable () -> Void
    private let whenRead: @Sendable () -> Void

    init(
        whenStarted: @escaping @Sendable () -> Void = {}, whenStopped: @escaping @Sendable () -> Void = {},
        whenRead: @escaping @Sendable () -> Void = {}
    ) {
        self.whenStarted = whenStarted
        self.whenStopped = whenStopped
        self.whenRead = whenRead
    }

    func start(_ connection: Connection) {
        starts.add(1, ordering: .relaxed)
        whenStarted()
    }

    func stop() {
        stops.add(1, ordering: .relaxed)
        whenStopped()
    }

    private func attributes(_ node: NodeID) -> Attributes {
        node == .root ? .directory(inode: 1) : .file(inode: 2, size: 6)
    }

    func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry {
        guard name.string == "file" else { throw .noSuchFileOrDirectory }
        let node = NodeID(rawValue: 2)
        return Entry(node: node, attributes: attributes(node), entryTimeout: .seconds(1), attributesTimeout: .seconds(1))
    }

    func getattr(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        AttributesReply(attributes(node), timeout: .seconds(1))
    }

    func read(_ file: OpenFile, at offset: UInt64, into output: inout DataWriter, for request: Request) throws(Errno) {
        whenRead()
        for byte in "hello\n".utf8.dropFirst(Int(clamping: offset)).prefix(output.freeCapacity) { output.append(byte) }
    }
}
