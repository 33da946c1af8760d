// SPDX-License-Identifier: MIT

import FUSESimulation
import Glibc
import Logging
import Synchronization
import SystemPackage
import Testing

@testable import FUSE

/// As on a mount, in the simulated kernel, which tells what it still knows at the end: so the books must balance to the last
/// lookup.
@Suite(.timeLimit(.minutes(10))) struct OddAuthorTests {
    /// A user's calls, of all kinds.
    private final class User {
        let process: SimulatedProcess
        private var generator: SplitMix64
        private var files: [Descriptor] = []
        private(set) var outcomes = (0, 0)

        init(_ process: SimulatedProcess, seed: UInt64) {
            self.process = process
            generator = SplitMix64(state: seed)
        }

        private func number(_ end: Int) -> Int { Int.random(in: 0..<end, using: &generator) }

        private func path() -> String {
            let names = ["a", "b", "c", "d"]
            let path = "/" + names[number(4)]
            return number(3) == 0 ? path + "/" + names[number(4)] : path
        }

        func call() {
            do throws(Errno) {
                try attempt(number(40))
                outcomes.0 += 1
            } catch {
                outcomes.1 += 1
            }
        }

        private func attempt(_ kind: Int) throws(Errno) {
            switch kind {
            case 0: try process.mkdir(path())
            case 1: try process.rmdir(path())
            case 2: try process.unlink(path())
            case 3: try process.rename(path(), path(), RenameFlags(rawValue: UInt32(number(3))))
            case 4: try process.link(path(), path())
            case 5: try process.symlink("a", path())
            case 6: _ = try process.readlink(path())
            case 7: try process.mknod(path(), UInt32(S_IFREG) | 0o600)
            case 8, 9: _ = try process.stat(path(), followsLinks: number(2) == 0)
            case 10: _ = try process.statx(path())
            case 11: try process.chmod(path(), 0o700)
            case 12: try process.truncate(path(), Int64(number(9000)))
            case 13: _ = try process.getxattr(path(), "user.x")
            case 14: _ = try process.listxattr(path())
            case 15: try process.setxattr(path(), "user.x", [1, 2])
            case 16: try process.removexattr(path(), "user.x")
            case 17: _ = try process.statfs(path())
            case 18: process.kernel.dropCaches()
            case 19..<26:
                let flags = [O_RDONLY, O_RDWR, O_WRONLY, O_RDWR | O_CREAT, O_WRONLY | O_CREAT | O_TRUNC, O_RDONLY | O_DIRECTORY]
                files.append(try process.open(path(), flags[number(flags.count)] | O_NONBLOCK))
                if files.count > 4 { try process.close(files.removeFirst()) }
            default:
                guard let file = files.randomElement(using: &generator) else { return }
                try onFile(file, kind)
            }
        }

        private func onFile(_ file: Descriptor, _ kind: Int) throws(Errno) {
            let offset = Int64([0, 5, 4000, 1 << 40][number(4)])
            switch kind {
            case 26, 27, 28: _ = try process.pread(file, [0, 1, 10, 65_536][number(4)], at: offset)
            case 29, 30, 31: _ = try process.pwrite(file, [UInt8](repeating: 1, count: [1, 10, 65_536][number(3)]), at: offset)
            case 32: _ = try process.readdir(file)
            case 33: _ = try process.lseek(file, offset, Int32(number(5)))
            case 34: try process.fallocate(file, mode: 0, offset: offset, length: 10)
            case 35: try process.fsync(file)
            case 36: _ = try process.findLock(file, FileLock(kind: .write, start: 0, end: 9))
            case 37: try process.setLock(file, FileLock(kind: .write, start: 0, end: 9))
            case 38: _ = try process.copyFileRange(file, at: 0, files[number(files.count)], at: 0, count: 100)
            default:
                files.removeAll { $0 == file }
                try process.close(file)
            }
        }
    }

    @Test(arguments: [false, true]) func nothingIsLeft(serverIDs: Bool) throws {
        let seed = seed(of: "odd author in the simulation")
        let source = try TemporaryDirectory()
        let file = try FileDescriptor.open(FilePath(source.path + "/file"), .readWrite, options: .create, permissions: .ownerReadWrite)
        let folder = try FileDescriptor.open(FilePath(source.path), .readOnly)
        defer { for file in [file, folder] { try? file.close() } }
        let fileSystem = OddFS(seed: seed, files: [file, file, folder])
        let log = CapturedLog()
        var options = KernelOptions()
        options.backings = serverIDs ? .takesServerIDs : .allocatesIDs
        let simulation = try Simulation(
            fileSystem, kernel: options, session: SessionOptions(logger: log.logger), serving: .threads(ThreadLimits(initial: 2, maximum: 8)))
        let isOver = Atomic(false)
        let late = started {
            while !isOver.load(ordering: .relaxed) {
                fileSystem.answerLate()
                usleep(500)
            }
        }
        let calls = environmentNumber("SWIFT_FUSE_ODD_CALLS") ?? 1500
        let users = (0..<3).map { index in
            started {
                let user = User(try simulation.makeProcess(), seed: seed &+ UInt64(index))
                for _ in 0..<calls { user.call() }
                user.process.exit()
                return user.outcomes
            }
        }
        let outcomes = try users.map { try $0.value() }
        let reader = try simulation.makeProcess()
        let good = try reader.open("/good", O_RDONLY)
        #expect(String(decoding: try reader.pread(good, 100, at: 0), as: UTF8.self) == OddFS.goodText)
        #expect(String(decoding: try reader.getxattr("/good", "user.x"), as: UTF8.self) == "fine")
        let backings = simulation.session.connection.backings
        let left = simulation.end()
        isOver.store(true, ordering: .relaxed)
        try late.value()
        #expect(left == Leftover(), "SWIFT_FUSE_SEED=\(seed)")
        #expect(backings.census.registered == 0)
        #expect(simulation.session.interrupts.deferredCount == 0)
        fileSystem.books.withLock { books in
            #expect(books.wrong == [], "SWIFT_FUSE_SEED=\(seed)")
            #expect(books.open == [], "SWIFT_FUSE_SEED=\(seed)")
            #expect(books.lookups == [:], "SWIFT_FUSE_SEED=\(seed)")
        }
        for lender in fileSystem.lenders {
            #expect(lender.lent > 0 && lender.out == 0, "SWIFT_FUSE_SEED=\(seed)")
            #expect(lender.wrong == [], "SWIFT_FUSE_SEED=\(seed)")
        }
        #expect(outcomes.allSatisfy { $0.0 > calls / 20 && $0.1 > calls / 20 }, "both happen: \(outcomes)")
        #expect(log.all.count { $0.contains("(told once") } > 20)
    }
}
