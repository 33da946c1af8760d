// SPDX-License-Identifier: MIT

@testable import FUSE
import Glibc
@testable import PassthroughFS
import Synchronization
import SystemPackage
import Testing

/// Descriptors that nobody uses are closed, and nothing wakes up once there are none.
@Suite(.timeLimit(.minutes(2))) struct IdleTests {
    @Test(.enabled(if: geteuid() == 0, "opening by handle needs CAP_DAC_READ_SEARCH"))
    func descriptorsThatNobodyUses() throws {
        let mirror = try Mirror(PassthroughOptions(idleFor: .milliseconds(20)))
        try mirror.write("file", "text")
        try mirror.write("used", "text")
        let used = try mirror.lookup("used").node
        let node = try mirror.lookup("file").node
        let pinned = try mirror.fs.inodes.pin(used)
        while mirror.fs.inodes.isOpen(node) { usleep(1000) }
        #expect(mirror.fs.inodes.isOpen(used))
        #expect(mirror.fs.inodes.isHolding)
        _ = consume pinned
        while mirror.fs.inodes.isHolding { usleep(1000) }
        #expect(!mirror.fs.inodes.isOpen(used))
        // Opened again when it is wanted, and given up again.
        #expect(try mirror.fs.getattr(node, handle: nil, for: Mirror.root).attributes.size == 4)
        #expect(mirror.fs.inodes.isOpen(node))
        while mirror.fs.inodes.isOpen(node) { usleep(1000) }
    }

    final class Counted: Watched {
        let left: Atomic<Int>
        let looks = Atomic<Int>(0)
        init(_ left: Int) { self.left = Atomic(left) }
        var isHolding: Bool { left.load(ordering: .sequentiallyConsistent) > 0 }
        func look() -> Int {
            looks.add(1, ordering: .relaxed)
            left.subtract(1, ordering: .sequentiallyConsistent)
            return 1
        }
    }

    @Test func aWatchLooksAsLongAsThereIsSomething() throws {
        let watch = Watch()
        let counted = Counted(3)
        watch.start(counted, after: 1)
        while counted.isHolding { usleep(1000) }
        usleep(20_000)
        #expect(counted.looks.load(ordering: .relaxed) == 3)
        // Again, and from many threads at once: what is given to it is looked after, whoever has ended it just now.
        for _ in 0..<200 {
            counted.left.add(1, ordering: .sequentiallyConsistent)
            watch.start(counted, after: 0)
            while counted.left.load(ordering: .sequentiallyConsistent) > 0 { sched_yield() }
        }
        #expect(counted.looks.load(ordering: .relaxed) == 203)
        watch.end()
        counted.left.store(1, ordering: .sequentiallyConsistent)
        watch.start(counted, after: 0)
        usleep(20_000)
        #expect(counted.left.load(ordering: .sequentiallyConsistent) == 1)
    }
}
