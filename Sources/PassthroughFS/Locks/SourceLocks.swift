// SPDX-License-Identifier: MIT

import FUSE
import Synchronization
import SystemPackage

// Locks that are taken on the source's files, so that they hold against who works there directly.
//
// To the source this process is one process, whoever asks it. So each owner's locks on a file belong to an open file
// description of their own ("open file description locks", fcntl(2)): descriptions exclude each other as processes do.
// The kernel says who an owner is, and when it is through: with FLUSH (a process closed a descriptor of the file, so
// its POSIX locks on it go), or with RELEASE, which is all that the owner of an open file description's lock, and of one
// of flock(2), ever sends: it owns them by that very open file.
//
// What each owner holds is written down beside that, for what the source cannot tell of descriptions: which process holds
// a lock, and whether two would wait for each other for ever.
//
// Shared state: all of it behind one mutex, held for a few instructions and never over a system call. A description is
// closed with its last reference: the table's, or that of a thread that is in a call with it.
//
// An owner may be many threads. Each counts itself in before its call and out after it, which is also when it writes down what
// it got: a description without locks stays as long as somebody is in a call with it. One that has left the table
// meanwhile (a process closed the file) is good for nothing: who gets a lock by it gives that back, and starts over.

/// The locks of a mirror's users on the source's files.
final class SourceLocks: Sendable {
    /// Whose locks on a file.
    fileprivate struct Holder: Hashable {
        var owner: LockOwner
        var isFlock: Bool
    }

    /// For what a descriptor is to be good.
    enum Access {
        /// Locks of flock(2): for them it may be open in any way.
        case any
        /// Locks for reading and for writing; of flock(2) too, where a filesystem makes them of such (NFS).
        case both
    }

    fileprivate final class Description: Sendable {
        let descriptor: FileDescriptor
        let access: Access

        init(_ descriptor: FileDescriptor, _ access: Access) {
            self.descriptor = descriptor
            self.access = access
        }

        deinit { SystemCall.close(descriptor) }
    }

    fileprivate struct Held {
        let description: Description
        var ranges = LockRanges()
        /// The open file by which the last lock came; its release ends what no flush has ended.
        var file: FileHandle
        /// How many threads are in a call with it.
        var users = 1
    }

    fileprivate struct Wait {
        let node: NodeID
        let holder: Holder
        let lock: FileLock
    }

    fileprivate struct State {
        var held: [NodeID: [Holder: Held]] = [:]
        /// One for each thread that waits, by a number of its own.
        var waits: [UInt64: Wait] = [:]
        var nextWait: UInt64 = 0
    }

    private let state = Mutex(State())
    private let waiterLimit: Int

    /// - Parameter waiterLimit: how many may wait for a lock at the same time, for each takes a thread; ENOLCK beyond.
    init(waiterLimit: Int) { self.waiterLimit = waiterLimit }

    /// What is in the way of a lock; nil if nothing is.
    /// - Parameter open: a descriptor of the source's file, for this alone.
    func find(
        _ lock: FileLock, on file: OpenFile, owner: LockOwner, open: (Access) throws(Errno) -> FileDescriptor
    ) throws(Errno) -> FileLock? {
        let holder = Holder(owner: owner, isFlock: false)
        let own: Description? = state.withLock { $0.held[file.node]?[holder]?.description }
        let description: Description
        if let own { description = own } else { description = Description(try open(.both), .both) }
        guard let found = try SystemCall.lock(description.descriptor, findingConflictWith: lock) else { return nil }
        if found.process > 0 { return found }
        // Of an open file description: one of ours, if we know of it.
        return state.withLock { $0.conflict(with: lock, on: file.node, of: holder) } ?? found
    }

    /// Locks, or unlocks. Throws EAGAIN where it is held by another, EDEADLK where waiting could never end, EINTR where
    /// the wait was interrupted, ENOLCK where too many wait.
    /// - Parameter open: a descriptor of the source's file, for the owner's first lock.
    func set(
        _ lock: FileLock, on file: OpenFile, owner: LockOwner, wait: Bool, isFlock: Bool,
        open: (Access) throws(Errno) -> FileDescriptor
    ) throws(Errno) {
        let holder = Holder(owner: owner, isFlock: isFlock)
        var access = isFlock ? Access.any : .both
        while let description = try enter(holder, lock, file, access, open) {
            do throws(Errno) {
                do throws(Errno) { try apply(lock, to: description, wait: false, isFlock: isFlock) } catch {
                    guard wait, error == .resourceTemporarilyUnavailable || error == .permissionDenied else { throw error }
                    try self.wait(lock, Wait(node: file.node, holder: holder, lock: lock), description)
                }
            } catch .badFileDescriptor where description.access == .any {
                // As flock(2) has it: the lock that there is goes before the other one is taken.
                discard(description, of: holder, on: file.node)
                access = .both
                continue
            } catch {
                leave(holder, file, description)
                throw error
            }
            if leave(holder, file, description, with: lock) { return }
            try? apply(.everything, to: description, wait: false, isFlock: isFlock)
        }
    }

    /// Counts a thread in. Returns nil where there is nothing to unlock.
    private func enter(
        _ holder: Holder, _ lock: FileLock, _ file: OpenFile, _ access: Access, _ open: (Access) throws(Errno) -> FileDescriptor
    ) throws(Errno) -> Description? {
        if let known = state.withLock({ $0.enter(holder, on: file.node) }) { return known }
        if lock.kind == .unlock { return nil }
        let opened = Description(try open(access), access)
        return state.withLock { state in
            if let other = state.enter(holder, on: file.node) { return other }
            state.held[file.node, default: [:]][holder] = Held(description: opened, file: file.handle)
            return opened
        }
    }

    /// Counts a thread out, and writes down what it has locked or unlocked. False: the description has left the table.
    @discardableResult
    private func leave(_ holder: Holder, _ file: OpenFile, _ description: Description, with lock: FileLock? = nil) -> Bool {
        // Closed after the lock, as it goes out of scope.
        let (isKnown, unused): (Bool, Held?) = state.withLock { state in
            guard var held = state.held[file.node]?[holder], held.description === description else { return (false, nil) }
            if let lock {
                held.ranges.set(lock)
                held.file = file.handle
            }
            held.users -= 1
            guard held.users == 0, held.ranges.isEmpty else {
                state.held[file.node]?[holder] = held
                return (true, nil)
            }
            return (true, state.remove(holder, on: file.node))
        }
        _ = consume unused
        return isKnown
    }

    /// Takes a description off the table, unless that has been done.
    private func discard(_ description: Description, of holder: Holder, on node: NodeID) {
        let gone: Held? = state.withLock { state in
            state.held[node]?[holder]?.description === description ? state.remove(holder, on: node) : nil
        }
        if let gone { try? apply(.everything, to: gone.description, wait: false, isFlock: holder.isFlock) }
    }

    private func apply(_ lock: FileLock, to description: Description, wait: Bool, isFlock: Bool) throws(Errno) {
        if isFlock {
            try SystemCall.flock(description.descriptor, lock.kind, wait: wait)
        } else {
            try SystemCall.lock(description.descriptor, lock, wait: wait)
        }
    }

    private func wait(_ lock: FileLock, _ wait: Wait, _ description: Description) throws(Errno) {
        let number: Result<UInt64, Errno> = state.withLock { state in
            guard state.waits.count < waiterLimit else { return .failure(.noLocks) }
            if !wait.holder.isFlock, state.isDeadlock(wait) { return .failure(.deadlock) }
            defer { state.nextWait += 1 }
            state.waits[state.nextWait] = wait
            return .success(state.nextWait)
        }
        let own = try number.get()
        defer { state.withLock { state in state.waits[own] = nil } }
        try apply(lock, to: description, wait: true, isFlock: wait.holder.isFlock)
    }

    /// A process closed a descriptor of the file: its POSIX locks on it go.
    func flush(_ file: OpenFile, owner: LockOwner) {
        let holder = Holder(owner: owner, isFlock: false)
        let held = state.withLock { $0.remove(holder, on: file.node) }
        // At once: a thread that waits may keep the description a while longer.
        if let held { try? apply(.everything, to: held.description, wait: false, isFlock: false) }
    }

    /// The open file is gone, and with it what was locked by it.
    func release(_ file: OpenFile) {
        let gone: [Held] = state.withLock { state in
            guard let there = state.held[file.node] else { return [] }
            return there.filter { $0.value.file == file.handle }.keys.compactMap { state.remove($0, on: file.node) }
        }
        _ = consume gone
    }

    /// How many owners hold locks on how many files.
    var count: Int { state.withLock { $0.held.values.reduce(0) { $0 + $1.count } } }

    /// How many threads wait for one.
    var waiterCount: Int { state.withLock { $0.waits.count } }

    /// Only when no operation is running.
    func closeAll() {
        let all = state.withLock { state in
            defer { state.held = [:] }
            return state.held
        }
        _ = consume all
    }
}

extension SourceLocks.State {
    /// The description that there is, with one thread more in calls with it.
    fileprivate mutating func enter(_ holder: SourceLocks.Holder, on node: NodeID) -> SourceLocks.Description? {
        held[node]?[holder]?.users += 1
        return held[node]?[holder]?.description
    }

    fileprivate mutating func remove(_ holder: SourceLocks.Holder, on node: NodeID) -> SourceLocks.Held? {
        let removed = held[node]?.removeValue(forKey: holder)
        if held[node]?.isEmpty == true { held[node] = nil }
        return removed
    }

    /// What another owner of this mount holds that is in the way: the first of it in the file.
    fileprivate func conflict(with lock: FileLock, on node: NodeID, of holder: SourceLocks.Holder) -> FileLock? {
        others(of: holder, on: node).compactMap { $0.value.ranges.conflict(with: lock) }.min { $0.start < $1.start }
    }

    private func others(of holder: SourceLocks.Holder, on node: NodeID) -> [SourceLocks.Holder: SourceLocks.Held] {
        held[node]?.filter { $0.key != holder && $0.key.isFlock == holder.isFlock } ?? [:]
    }

    /// Whether somebody who is in the way waits, directly or through others, for this owner.
    fileprivate func isDeadlock(_ wait: SourceLocks.Wait) -> Bool {
        var seen: Set<LockOwner> = []
        var next = [wait]
        while let waiter = next.popLast() {
            for (other, held) in others(of: waiter.holder, on: waiter.node) where held.ranges.conflict(with: waiter.lock) != nil {
                if other.owner == wait.holder.owner { return true }
                guard seen.insert(other.owner).inserted else { continue }
                // An owner is a process: it may wait for locks on other files, and a thread for each.
                next += waits.values.filter { $0.holder.owner == other.owner && !$0.holder.isFlock }
            }
        }
        return false
    }
}

extension FileLock {
    fileprivate static var everything: FileLock { FileLock(kind: .unlock, start: 0, end: UInt64(Int64.max)) }
}
