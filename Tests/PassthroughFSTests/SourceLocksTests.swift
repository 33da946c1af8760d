// SPDX-License-Identifier: MIT

import CLinux
import Dispatch
import Foundation
import FUSE
import Glibc
@testable import PassthroughFS
import SystemPackage
import Testing

/// Locks that are taken on the source's files.
@Suite(.timeLimit(.minutes(10))) struct SourceLocksTests {
    private func lock(_ kind: FileLock.Kind, _ start: UInt64 = 0, _ end: UInt64 = .init(Int64.max), process: Int32 = 0) -> FileLock {
        FileLock(kind: kind, start: start, end: end, process: process)
    }

    private func owner(_ number: UInt64) -> LockOwner { LockOwner(rawValue: number) }

    // MARK: Ranges

    @Test func rangesAreReplacedSplitAndTakenAway() {
        var ranges = LockRanges()
        ranges.set(lock(.read, 0, 99))
        ranges.set(lock(.write, 40, 49))
        #expect(ranges.locks == [lock(.read, 0, 39), lock(.write, 40, 49), lock(.read, 50, 99)])
        #expect(ranges.conflict(with: lock(.read, 0, 39)) == nil)
        #expect(ranges.conflict(with: lock(.read, 39, 40)) == lock(.write, 40, 49))
        #expect(ranges.conflict(with: lock(.write, 99, 120)) == lock(.read, 50, 99))
        #expect(ranges.conflict(with: lock(.write, 100, 120)) == nil)
        ranges.set(lock(.unlock, 10, 89))
        #expect(ranges.locks == [lock(.read, 0, 9), lock(.read, 90, 99)])
        ranges.set(lock(.unlock))
        #expect(ranges.isEmpty)
    }

    /// Against a table of single bytes.
    @Test func rangesAgreeWithATableOfBytes() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<300 {
            var ranges = LockRanges()
            var bytes = [FileLock.Kind?](repeating: nil, count: 24)
            for _ in 0..<12 {
                let start = Int.random(in: 0..<24, using: &random)
                let end = Int.random(in: start..<24, using: &random)
                let kind = [FileLock.Kind.read, .write, .unlock].randomElement(using: &random)!
                ranges.set(lock(kind, UInt64(start), UInt64(end)))
                for byte in start...end { bytes[byte] = kind == .unlock ? nil : kind }
            }
            for byte in 0..<24 {
                let seen = ranges.locks.filter { $0.start <= byte && byte <= $0.end }.map(\.kind)
                #expect(seen == (bytes[byte].map { [$0] } ?? []))
            }
        }
    }

    // MARK: On a source

    private func mirror(waiters: Int = 8) throws -> Mirror {
        let mirror = try Mirror(PassthroughOptions(locks: .source, lockWaiters: waiters))
        try mirror.write("f", "0123456789")
        return mirror
    }

    private func set(
        _ lock: FileLock, on file: OpenFile, by number: UInt64, wait: Bool = false, isFlock: Bool = false, in fs: PassthroughFS
    ) throws(Errno) {
        try fs.setlk(file, lock, owner: owner(number), wait: wait, isFlock: isFlock, for: Mirror.root)
    }

    /// What somebody sees who works in the source: whether it could be locked.
    private func isFreeInTheSource(_ mirror: Mirror, flock isFlock: Bool = false) throws -> Bool {
        let file = try FileDescriptor.open(FilePath(mirror.path("f")), .readWrite)
        defer { try? file.close() }
        do throws(Errno) {
            if isFlock {
                try SystemCall.flock(file, .write, wait: false)
                try SystemCall.flock(file, .unlock, wait: false)
            } else {
                try SystemCall.lock(file, lock(.write), wait: false)
                try SystemCall.lock(file, lock(.unlock), wait: false)
            }
            return true
        } catch {
            #expect(error == .resourceTemporarilyUnavailable)
            return false
        }
    }

    /// A program that another test is just starting has copies of all descriptors of this process until it runs: what ends with
    /// a descriptor may take as long.
    private func soon(_ condition: () throws -> Bool) rethrows -> Bool {
        for _ in 0..<1000 {
            if try condition() { return true }
            usleep(10_000)
        }
        return false
    }

    @Test func ownersExcludeEachOtherAndTheSource() throws {
        let mirror = try mirror()
        let file = try mirror.open("f")
        try set(lock(.write, 0, 4, process: 4242), on: file, by: 1, in: mirror.fs)
        try set(lock(.read, 2, 3), on: file, by: 1, in: mirror.fs)
        #expect(throws: Errno.resourceTemporarilyUnavailable) { try set(lock(.read, 0, 0), on: file, by: 2, in: mirror.fs) }
        try set(lock(.read, 2, 3), on: file, by: 2, in: mirror.fs)
        #expect(try !isFreeInTheSource(mirror))
        let found = try mirror.fs.getlk(file, lock(.write), owner: owner(3), for: Mirror.root)
        #expect(found?.process == 4242 && found?.kind == .write && found?.start == 0 && found?.end == 1)
        #expect(try mirror.fs.getlk(file, lock(.write, 5, 9), owner: owner(3), for: Mirror.root) == nil)
        mirror.fs.locks?.flush(file, owner: owner(1))
        mirror.fs.locks?.flush(file, owner: owner(2))
        #expect(try soon { try isFreeInTheSource(mirror) })
        #expect(mirror.fs.locks?.count == 0)
    }

    @Test func whatTheSourceHoldsIsInTheWay() throws {
        let mirror = try mirror()
        let file = try mirror.open("f")
        let native = try FileDescriptor.open(FilePath(mirror.path("f")), .readWrite)
        try SystemCall.lock(native, lock(.write, 3, 3), wait: false)
        #expect(throws: Errno.resourceTemporarilyUnavailable) { try set(lock(.read), on: file, by: 1, in: mirror.fs) }
        #expect(mirror.fs.locks?.count == 0, "who got nothing holds no descriptor")
        #expect(try mirror.fs.getlk(file, lock(.read), owner: owner(1), for: Mirror.root)?.start == 3)
        try SystemCall.lock(native, lock(.unlock), wait: false)
        try native.close()
        try set(lock(.read), on: file, by: 1, in: mirror.fs)
    }

    @Test func theReleaseEndsWhatNoFlushDoes() throws {
        let mirror = try mirror()
        let one = try mirror.open("f"), two = try mirror.open("f")
        try set(lock(.write), on: one, by: 1, in: mirror.fs)
        try set(lock(.write), on: one, by: 1, isFlock: true, in: mirror.fs)
        #expect(throws: Errno.resourceTemporarilyUnavailable) { try set(lock(.read), on: two, by: 2, isFlock: true, in: mirror.fs) }
        mirror.fs.release(two, for: Mirror.root)
        #expect(try !isFreeInTheSource(mirror) && !isFreeInTheSource(mirror, flock: true))
        mirror.fs.release(one, for: Mirror.root)
        #expect(try soon { try isFreeInTheSource(mirror) && isFreeInTheSource(mirror, flock: true) })
    }

    /// Until the other thread has come so far: then it is told of a deadlock who comes second, and no one else.
    private func somebodyWaits(in fs: PassthroughFS, count: Int = 1) -> Bool {
        for _ in 0..<6000 {
            if fs.locks?.waiterCount == count { return true }
            usleep(10_000)
        }
        return false
    }

    @Test func whoWaitsGetsItWhenItIsFree() throws {
        let mirror = try mirror()
        let file = try mirror.open("f")
        try set(lock(.write), on: file, by: 1, in: mirror.fs)
        let fs = mirror.fs
        let done = DispatchSemaphore(value: 0)
        let thread = Thread { [self] in
            #expect(throws: Never.self) { try set(lock(.write), on: file, by: 2, wait: true, in: fs) }
            done.signal()
        }
        thread.start()
        #expect(somebodyWaits(in: fs))
        try set(lock(.unlock), on: file, by: 1, in: fs)
        #expect(done.wait(timeout: .now() + 120) == .success)
        #expect(throws: Errno.resourceTemporarilyUnavailable) { try set(lock(.read), on: file, by: 1, in: fs) }
    }

    @Test func waitingForEachOtherIsToldAndTooManyWaitersAreRefused() throws {
        let mirror = try mirror(waiters: 1)
        try mirror.write("g")
        let f = try mirror.open("f"), g = try mirror.open("g")
        try set(lock(.write), on: f, by: 1, in: mirror.fs)
        try set(lock(.write), on: g, by: 2, in: mirror.fs)
        let fs = mirror.fs
        let done = DispatchSemaphore(value: 0)
        Thread { [self] in
            #expect(throws: Never.self) { try set(lock(.write), on: g, by: 1, wait: true, in: fs) }
            done.signal()
        }.start()
        try #require(somebodyWaits(in: fs))
        #expect(throws: Errno.noLocks) { try set(lock(.write), on: f, by: 3, wait: true, in: fs) }
        mirror.fs.locks?.flush(g, owner: owner(2))
        #expect(done.wait(timeout: .now() + 120) == .success)

        // 1 has both now. 2 holds the rest of f's, and waits for g; 1 must not wait for that.
        let wide = try self.mirror(waiters: 8)
        let file = try wide.open("f")
        try set(lock(.write, 0, 0), on: file, by: 1, in: wide.fs)
        try set(lock(.write, 1, 1), on: file, by: 2, in: wide.fs)
        let other = wide.fs
        Thread { [self] in
            #expect(throws: Never.self) { try set(lock(.write, 0, 0), on: file, by: 2, wait: true, in: other) }
            done.signal()
        }.start()
        try #require(somebodyWaits(in: other))
        #expect(throws: Errno.deadlock) { try set(lock(.write, 1, 1), on: file, by: 1, wait: true, in: other) }
        wide.fs.locks?.flush(file, owner: owner(1))
        #expect(done.wait(timeout: .now() + 120) == .success)
    }

    /// Waits for a lock on a thread of its own; the semaphore tells when it has it.
    private func waitElsewhere(for lock: FileLock, on file: OpenFile, by number: UInt64, in fs: PassthroughFS) -> DispatchSemaphore {
        let done = DispatchSemaphore(value: 0)
        Thread { [self] in
            #expect(throws: Never.self) { try set(lock, on: file, by: number, wait: true, in: fs) }
            done.signal()
        }.start()
        return done
    }

    @Test func theLimitIsOfThreadsNotOfOwners() throws {
        let mirror = try mirror(waiters: 2)
        let file = try mirror.open("f")
        try set(lock(.write), on: file, by: 1, in: mirror.fs)
        let one = waitElsewhere(for: lock(.write, 0, 0), on: file, by: 2, in: mirror.fs)
        let two = waitElsewhere(for: lock(.write, 1, 1), on: file, by: 2, in: mirror.fs)
        try #require(somebodyWaits(in: mirror.fs, count: 2))
        #expect(throws: Errno.noLocks) { try set(lock(.write, 2, 2), on: file, by: 2, wait: true, in: mirror.fs) }
        try set(lock(.unlock), on: file, by: 1, in: mirror.fs)
        #expect(one.wait(timeout: .now() + 120) == .success && two.wait(timeout: .now() + 120) == .success)
        #expect(mirror.fs.locks?.waiterCount == 0)
    }

    @Test func oneThreadsWaitIsNotTheOthers() throws {
        let mirror = try mirror()
        let file = try mirror.open("f")
        try set(lock(.write, 0, 0), on: file, by: 2, in: mirror.fs)
        try set(lock(.write, 1, 1), on: file, by: 3, in: mirror.fs)
        let one = waitElsewhere(for: lock(.write, 0, 0), on: file, by: 1, in: mirror.fs)
        let two = waitElsewhere(for: lock(.write, 1, 1), on: file, by: 1, in: mirror.fs)
        try #require(somebodyWaits(in: mirror.fs, count: 2))
        try set(lock(.unlock), on: file, by: 3, in: mirror.fs)
        #expect(two.wait(timeout: .now() + 120) == .success)
        #expect(mirror.fs.locks?.waiterCount == 1)
        // The first one waits still.
        #expect(throws: Errno.deadlock) { try set(lock(.write, 1, 1), on: file, by: 2, wait: true, in: mirror.fs) }
        // What the second one has and gives back takes nothing from under it.
        try set(lock(.unlock, 1, 1), on: file, by: 1, in: mirror.fs)
        try set(lock(.unlock), on: file, by: 2, in: mirror.fs)
        #expect(one.wait(timeout: .now() + 120) == .success)
        #expect(mirror.fs.locks?.count == 1)
        mirror.fs.locks?.flush(file, owner: owner(1))
        #expect(mirror.fs.locks?.count == 0)
        #expect(try soon { try isFreeInTheSource(mirror) })
    }

    /// Who gets nothing must not take away what another thread of the same owner is just getting.
    @Test func threadsOfOneOwnerLockAndFailAtOnce() throws {
        let mirror = try mirror()
        let file = try mirror.open("f")
        try set(lock(.write, 5, 5), on: file, by: 2, in: mirror.fs)
        let fs = mirror.fs
        let done = DispatchSemaphore(value: 0)
        Thread { [self] in
            for _ in 0..<20_000 {
                do { try set(lock(.write, 5, 5), on: file, by: 1, in: fs) } catch Errno.resourceTemporarilyUnavailable {} catch {
                    Issue.record("\(error)")
                }
            }
            done.signal()
        }.start()
        var failures: [Errno] = []
        for _ in 0..<20_000 {
            do throws(Errno) {
                try set(lock(.write, 0, 0), on: file, by: 1, in: fs)
                try set(lock(.unlock, 0, 0), on: file, by: 1, in: fs)
            } catch { failures.append(error) }
        }
        done.wait()
        #expect(failures == [])
        #expect(fs.locks?.count == 1)
    }

    /// Natively a close takes what is locked by then; who waits goes on waiting.
    @Test func aCloseLeavesOtherThreadsWaits() throws {
        let mirror = try mirror()
        let one = try mirror.open("f"), two = try mirror.open("f")
        try set(lock(.write, 0, 0), on: one, by: 2, in: mirror.fs)
        try set(lock(.write, 1, 1), on: one, by: 1, in: mirror.fs)
        let done = waitElsewhere(for: lock(.write, 0, 0), on: two, by: 1, in: mirror.fs)
        try #require(somebodyWaits(in: mirror.fs))
        try mirror.fs.flush(one, owner: owner(1), for: Mirror.root)
        try set(lock(.write, 1, 1), on: one, by: 3, in: mirror.fs)
        mirror.fs.locks?.flush(one, owner: owner(3))
        mirror.fs.locks?.flush(one, owner: owner(2))
        #expect(done.wait(timeout: .now() + 120) == .success)
        mirror.fs.release(one, for: Mirror.root)
        #expect(try !isFreeInTheSource(mirror))
        #expect(throws: Errno.resourceTemporarilyUnavailable) { try set(lock(.read, 0, 0), on: two, by: 3, in: mirror.fs) }
    }

    @Test func flockDoesNotOpenTheSourceForWriting() throws {
        let mirror = try mirror()
        let file = try mirror.open("f", flags: O_RDONLY)
        let source = try FileDescriptor.open(FilePath(mirror.path("f")), .readOnly)
        defer { try? source.close() }
        for kind in [FileLock.Kind.read, .write] {
            try set(lock(kind), on: file, by: 1, isFlock: true, in: mirror.fs)
            #expect(try soon { try !SystemCall.isOpenForWriting(source) })
        }
        #expect(try !isFreeInTheSource(mirror, flock: true))
    }

    /// As with NFS, which makes locks of flock(2) of those that want a descriptor for the kind.
    @Test func flockOpensForWritingWhereItMust() throws {
        let mirror = try mirror()
        let locks = SourceLocks(waiterLimit: 1)
        let file = OpenFile(node: NodeID(rawValue: 7), handle: FileHandle(rawValue: 5))
        let path = FilePath(mirror.path("f"))
        for wait in [false, true] {
            try locks.set(lock(.write), on: file, owner: owner(1), wait: wait, isFlock: true) { (access) throws(Errno) in
                do {
                    // The descriptor of a path alone is what flock(2) answers EBADF to.
                    return try FileDescriptor.open(path, .readWrite, options: access == .any ? .init(rawValue: CInt(CLINUX_O_PATH)) : [])
                } catch { throw error as? Errno ?? .ioError }
            }
            #expect(try !isFreeInTheSource(mirror, flock: true))
            #expect(locks.count == 1)
        }
        locks.release(file)
        #expect(try soon { try isFreeInTheSource(mirror, flock: true) })
        #expect(locks.count == 0)
    }

    @Test func withoutThemTheKernelIsNotAskedToSendAny() throws {
        #expect(try Mirror().fs.capabilities.isDisjoint(with: [.posixLocks, .flockLocks]))
        let mirror = try mirror()
        #expect(mirror.fs.capabilities.isSuperset(of: [.posixLocks, .flockLocks]))
        let node = try mirror.lookup("f").node
        #expect(try !mirror.fs.open(node, OpenRequest(flags: O_RDONLY), for: Mirror.root).skipsFlush, "or no FLUSH would tell of a close")
    }
}
