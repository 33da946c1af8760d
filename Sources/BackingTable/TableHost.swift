// SPDX-License-Identifier: MIT

/// What a table needs from whoever embeds it: a lock, memory, and grace periods. In Linux a spinlock, `kzalloc` and
/// RCU; in user space a mutex, `calloc` and a reclaimer.
///
/// A conforming type is a small value (a pointer, usually) that the table copies freely. Everything is generic over it
/// and specialised: no call goes through a table of functions.
public protocol TableHost {
    /// What `beginRead` hands to `endRead`.
    associatedtype ReadSection

    /// Excludes other writers of the same table. The table holds it for a bounded number of steps, never across any
    /// other function of its host, and never takes it to look something up.
    func lock()
    func unlock()

    /// A segment of `SegmentPointer.byteCount` bytes, zeroed and aligned to at least 8; nil if there is none. Called
    /// without the lock, so it may sleep.
    func allocateSegment() -> SegmentPointer?
    /// Takes back a segment from `allocateSegment`. Called without the lock.
    func freeSegment(_ segment: SegmentPointer)

    /// Starts a section in which whatever the thread can reach stays allocated. Must not wait for a writer.
    func beginRead() -> ReadSection
    func endRead(_ section: consuming ReadSection)

    /// The last reference to an entry is gone. Its memory may be used for something else once every read section that
    /// has begun by now has ended. Called without the lock, from whichever thread dropped the reference.
    func retire(_ entry: EntryPointer)

    /// Tells about each step, for tests that count or schedule. The default does nothing and costs nothing.
    func observe(_ event: TableEvent)
    /// Tells that a chain was followed to this entry, before the table reads it. The default does nothing.
    func visit(_ entry: EntryPointer)
}

extension TableHost {
    @inlinable @inline(__always)
    public func observe(_ event: TableEvent) {}

    @inlinable @inline(__always)
    public func visit(_ entry: EntryPointer) {}
}

/// What happens inside of an operation.
@frozen
public enum TableEvent: Equatable, Sendable {
    /// A chain was followed to the sentinel of another bucket, and on from there.
    case sentinel
    /// A directory of segments was followed to the next level.
    case directory
    /// A word that several threads share is about to be read or written. Not told for what a writer reads under
    /// its lock: nobody else could change it.
    case access
}

/// What an insertion answers.
@frozen
public enum Insertion: Equatable, Sendable {
    /// The entry is in the table, under this id. (The ioctl returns the id.)
    case inserted(EntryID)
    /// The table needs one more segment. From `insert`: the host has none. Nothing changed. (ENOMEM)
    case needsMemory
    /// As many ids are live as the table's limit allows. Nothing changed. (ENOSPC)
    case full
    /// The id that the server chose is live. Nothing changed. (EEXIST)
    case exists
    /// The counter's id is live. The counter stepped, so that trying again makes progress. (EAGAIN)
    case again
}
