// SPDX-License-Identifier: MIT

/// The files that a connection has handed to the kernel: ``Connection/backings``. For any thread, at any time.
public struct Backings: Sendable {
    let inodes: InodeBackings

    /// A node's file must not stay registered when nobody has it open: it has no name left, or the node is to stand for
    /// another file. Taken back now, or with the last release.
    ///
    /// When the kernel forgets a node the session does this by itself.
    public func drop(_ node: NodeID) { inodes.drop(node) }

    /// Takes back registrations that nobody uses, up to so many, the longest unused first: the system is short of
    /// files or memory.
    /// - Returns: how many there were.
    @discardableResult
    public func relieve(_ count: Int) -> Int { inodes.relieve(count) }

    /// What there is, for tests.
    package var census: BackingCensus {
        BackingCensus(
            registered: inodes.counters.registered.load(ordering: .relaxed),
            registrations: inodes.counters.registrations.load(ordering: .relaxed), looksUpNodes: inodes.withShard(0) { $0.places != nil },
            allocated: inodes.allocator.withLock { $0.count })
    }
}

package struct BackingCensus: Sendable {
    package var registered: Int
    package var registrations: UInt64
    /// The session has a dictionary of nodes.
    package var looksUpNodes: Bool
    /// Ids that it has handed out by itself.
    package var allocated: Int
}
