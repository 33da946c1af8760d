// SPDX-License-Identifier: MIT
//
// A filesystem may keep its `Connection`, and the session keeps the filesystem: what a connection offers reaches its
// session by a weak reference, or none of them would ever go.

import FUSEWire
import Synchronization
import SystemPackage

/// What a connection's parts need of their session, whatever its filesystem.
protocol SessionCore: AnyObject, Sendable {
    var faults: FaultLog { get }
    /// Sends a deferred reply: with what `encode` leaves in the room, or with the error it throws.
    func finish(_ pending: PendingReply, capacity: Int, _ encode: (inout OutputRawSpan) throws(Errno) -> Void)
    func abandon(_ pending: PendingReply)
    func openOut(_ node: NodeID, _ opened: consuming Opened) -> OpenOut
    func entryOut(_ entry: Entry, for opcode: Opcode, type: FileType?) throws(Errno) -> EntryOut
    func createdOut(_ created: consuming Created, for opcode: Opcode, _ request: Request) throws(Errno) -> (EntryOut, OpenOut)
    func takeBack(_ nodes: [NodeID])
    func interrupted(_ request: RequestID)
}

/// The way from a connection to its session, while there is one.
final class SessionLink: Sendable {
    private struct Target {
        weak var session: (any SessionCore)?
    }

    private let target = Mutex(Target())

    var session: (any SessionCore)? { target.withLock { $0.session } }

    func connect(_ session: any SessionCore) { target.withLock { $0.session = session } }
}
