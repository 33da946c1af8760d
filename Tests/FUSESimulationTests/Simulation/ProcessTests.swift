// SPDX-License-Identifier: MIT

import FUSE
import FUSESimulation
import Foundation
import Synchronization
import SystemPackage
import Testing

@testable import MemoryFS

/// What processes of the simulated kernel have of each other, and of files that are open.
@Suite(.timeLimit(.minutes(10))) struct ProcessTests {
    @Test func aChildHasTheSameOpenFiles() throws {
        let simulation = try Simulation(MemoryFS(), session: .quiet)
        let parent = try simulation.makeProcess()
        try parent.mkdir("/d")
        try parent.chdir("/d")
        let file = try parent.open("f", O_RDWR | O_CREAT)
        _ = try parent.write(file, Array("text".utf8))
        let child = try parent.fork()
        #expect(try child.stat("f").size == 4, "it is in the same directory")
        #expect(try child.lseek(file, 0, SEEK_CUR) == 4, "one position")
        try parent.close(file)
        #expect(simulation.kernel.openFileCount == 1)
        #expect(try child.pread(file, 9, at: 0) == Array("text".utf8))
        child.exit()
        #expect(simulation.kernel.openFileCount == 0)
        try parent.unlink("f")
        try parent.rmdir("/d")
        #expect(simulation.end() == Leftover())
    }

    @Test func aFileIsOpenedAnewWhateverHasBecomeOfItsName() throws {
        let simulation = try Simulation(MemoryFS(), session: .quiet)
        let user = try simulation.makeProcess()
        let file = try user.open("/f", O_WRONLY | O_CREAT)
        _ = try user.write(file, Array("text".utf8))
        try user.link("/proc/self/fd/\(file.rawValue)", "/g", followsLinks: true)
        try user.unlink("/f")
        try user.unlink("/g")
        let again = try user.open("/proc/self/fd/\(file.rawValue)", O_RDWR)
        #expect(try user.read(again, 9) == Array("text".utf8))
        #expect(try user.stat("/proc/self/fd/\(file.rawValue)").size == 4)
        #expect(throws: Errno.noSuchFileOrDirectory) { try user.open("/proc/self/fd/99", O_RDWR) }
        #expect(throws: Errno.noSuchFileOrDirectory, "it has no name left") {
            try user.link("/proc/self/fd/\(file.rawValue)", "/h", followsLinks: true)
        }
        #expect(simulation.end() == Leftover())
    }

    @Test func flagsOfAnOpenFileChange() throws {
        let simulation = try Simulation(MemoryFS(), session: .quiet)
        let user = try simulation.makeProcess()
        let file = try user.open("/f", O_RDWR | O_CREAT)
        _ = try user.write(file, Array("text".utf8))
        try user.setFlags(file, O_APPEND | O_WRONLY)
        #expect(try user.flags(file) == O_RDWR | O_APPEND)
        _ = try user.pwrite(file, Array("s".utf8), at: 0)
        #expect(try user.text(of: "/f") == "texts")
        #expect(throws: Errno.badFileDescriptor) { try user.flags(Descriptor(rawValue: 99)) }
    }

    @Test func aTimeOfBirthIsAskedForEachTime() throws {
        let mirror = try SimulatedMirror(.allocatesIDs)
        let user = try mirror.simulation.makeProcess()
        try user.write("text", to: "/f")
        let first = try #require(try user.statx("/f").created)
        try user.write("more text", to: "/f")
        #expect(try user.statx("/f").created == first)
        #expect(try user.statx("/f").size == 9)
        #expect(mirror.simulation.kernel.requestCount(.statx) == 3)
        mirror.simulation.end()
        // A filesystem without it is asked once.
        let simulation = try Simulation(MemoryFS(), session: .quiet)
        for _ in 0..<3 { #expect(try simulation.makeProcess().statx("/").created == nil) }
        #expect(simulation.kernel.requestCount(.statx) == 1)
    }

    // MARK: Locks

    /// A lock, from one byte to another.
    private func lock(_ kind: FileLock.Kind, _ start: UInt64 = 0, _ end: UInt64 = UInt64(Int64.max)) -> FileLock {
        FileLock(kind: kind, start: start, end: end)
    }

    @Test func locksThatTouchAreOne() throws {
        let simulation = try Simulation(MemoryFS(), session: .quiet)
        let (one, other) = (try simulation.makeProcess(), try simulation.makeProcess())
        let file = try one.open("/f", O_RDWR | O_CREAT)
        try one.setLock(file, lock(.write, 4, 5))
        try one.setLock(file, lock(.write, 0, 3))
        let theirs = try other.open("/f", O_RDWR)
        #expect(try other.findLock(theirs, lock(.read)) == FileLock(kind: .write, start: 0, end: 5, process: one.id))
        try one.setLock(file, lock(.read, 2, 2))
        #expect(try other.findLock(theirs, lock(.read)) == FileLock(kind: .write, start: 0, end: 1, process: one.id))
        #expect(throws: Errno.resourceTemporarilyUnavailable) { try other.setLock(theirs, lock(.write, 2, 2)) }
    }

    /// Two processes, each of which has what the other one waits for: who comes last is told.
    @Test func waitingForLocks() throws {
        let simulation = try Simulation(MemoryFS(), session: .quiet, serving: .threads(ThreadLimits(initial: 1, maximum: 2)))
        let (one, other) = (try simulation.makeProcess(), try simulation.makeProcess())
        let file = try one.open("/f", O_RDWR | O_CREAT)
        let theirs = try other.open("/f", O_RDWR)
        try one.setLock(file, lock(.write, 0, 0))
        try other.setLock(theirs, lock(.write, 1, 1))
        let outcomes = Mutex<[Errno?]>([])
        func waiting(_ process: SimulatedProcess, _ file: Descriptor, _ byte: UInt64) -> Thread {
            let wanted = lock(.write, byte, byte)
            let thread = Thread {
                do throws(Errno) {
                    try process.setLock(file, wanted, waits: true)
                    outcomes.withLock { $0.append(nil) }
                } catch {
                    outcomes.withLock { $0.append(error) }
                    // Closing gives all back, and lets the other one have its lock.
                    try? process.close(file)
                }
            }
            thread.start()
            return thread
        }
        let threads = [waiting(one, file, 1), waiting(other, theirs, 0)]
        while threads.contains(where: { !$0.isFinished }) { usleep(1000) }
        #expect(Set(outcomes.withLock { $0 }) == [nil, Errno(rawValue: EDEADLK)])
        simulation.end()
    }
}
