// SPDX-License-Identifier: MIT

import Foundation
import PassthroughFS
import SystemPackage
import Testing

@testable import FUSE
@testable import MemoryFS
@testable import PolicyFS
@testable import SlowFS
@testable import TickFS

extension MountTests {
    /// Each example, mounted, with what it promises.
    @Suite struct ExampleMountTests {
        // MARK: MemoryFS

        @Test func memoryTakesATarAndGivesItBack() throws {
            let fileSystem = MemoryFS()
            try withMount(fileSystem) { mount in
                let script = """
                    set -e
                    cd "$1"; mkdir tree; cd tree
                    mkdir -p a/b/c; echo one > a/one; head -c 300000 /dev/urandom > a/b/large; ln -s ../one a/b/link; ln a/one a/again
                    chmod 640 a/one; mkfifo a/pipe; touch -d '2001-02-03 04:05:06' a/b/c
                    cd ..; tar -cf one.tar tree; mkdir copy; tar -C copy -xpf one.tar
                    tar -C copy -cf two.tar tree; cmp one.tar two.tar && diff -r --no-dereference tree/a/b copy/tree/a/b
                    stat -c '%h %a %s' copy/tree/a/one; readlink copy/tree/a/b/link
                    mv copy/tree moved; mv moved/a moved/z; ls moved/z; rm -r tree copy moved one.tar two.tar; ls -A
                    """
                let seen = try shell(script, mount.mountpoint)
                #expect(seen == Outcome(status: 0, output: "2 640 4\n../one\nagain\nb\none\npipe\n", errors: ""))
                // What has no name any more goes when the kernel has forgotten it.
                try mount.session.connection.notifier.sendAndWait(.newEpoch)
            }
        }

        @Test func memoryHoldsARepository() throws {
            try withMount(MemoryFS()) { mount in
                let script = """
                    set -e
                    command -v git > /dev/null || { echo skipped; exit 0; }
                    export HOME="$1" GIT_CONFIG_NOSYSTEM=1; cd "$1"; git init -q repository; cd repository
                    git config user.name n; git config user.email e
                    for i in 1 2 3; do echo $i > file$i; git add .; git commit -qm "commit $i"; done
                    git mv file1 renamed; git commit -qm rename; git gc -q; git fsck --strict 2> /dev/null; git status --short; git log --format=%s
                    """
                let seen = try shell(script, mount.mountpoint)
                #expect(seen.output == "skipped\n" || seen == Outcome(status: 0, output: "rename\ncommit 3\ncommit 2\ncommit 1\n", errors: ""))
            }
        }

        @Test func memoryRenamesAndKeepsAttributes() throws {
            try withMount(MemoryFS()) { mount in
                let script = """
                    cd "$1"; mkdir full empty; touch full/x; echo a > a; echo b > b
                    mv -T full empty && ls empty; mkdir other; touch other/y; mv -T empty other 2>/dev/null || echo "not empty"
                    mv -n a b; cat a; mv a b; cat b; rmdir other 2>/dev/null || echo "not empty"
                    exec 5> gone; rm gone; echo still >&5; cat /proc/self/fd/5 2>/dev/null; stat -L -c '%h %s' /proc/self/fd/5
                    stat -c %h .
                    """
                let seen = try shell(script, mount.mountpoint)
                #expect(seen == Outcome(status: 0, output: "x\nnot empty\na\na\nnot empty\nstill\n0 6\n4\n", errors: ""))
            }
        }

        /// Everything that was removed is gone, once the kernel has let go of it.
        @Test func memoryKeepsNothing() throws {
            let fileSystem = MemoryFS()
            try withMount(fileSystem) { mount in
                let seen = try shell(
                    "cd \"$1\"; for i in 1 2 3 4 5 6 7 8; do mkdir d$i; echo $i > d$i/f; done; rm -r d*; ls -A", mount.mountpoint)
                #expect(seen == Outcome(status: 0, output: "", errors: ""))
                // Forgets are requests like others, and nobody waits for them; what comes after them does.
                for _ in 0..<1000 where fileSystem.nodeCount > 1 { _ = try shell("stat \"$1\"/none 2> /dev/null", mount.mountpoint) }
                #expect(fileSystem.nodeCount == 1)
            }
        }

        // MARK: TickFS

        @Test func aTickIsSeenAndNothingElseCosts() throws {
            let fileSystem = TickFS()
            try withMount(fileSystem) { mount in
                let script = "for i in 1 2 3 4 5; do cat \"$1/clock\"; done"
                for tick in 0..<12 {
                    let seen = try shell(script, mount.mountpoint)
                    #expect(seen.output == String(repeating: "tick \(tick)\n", count: 5))
                    fileSystem.tick()
                    // Behind it in the queue: when this is done, so is the tick.
                    try mount.session.connection.notifier.sendAndWait(.attributes(4711))
                }
                // One each tick, and another where the file has grown; 60 have read it.
                let reads = mount.session.counters[.read]
                #expect((12...24).contains(reads), "\(reads)")
            }
        }

        // MARK: SlowFS

        @Test func hundredsOfReadsWaitOnTwoThreads() throws {
            try withMount(SlowFS(milliseconds: 200), configure: { $0.threads = ThreadLimits(initial: 1, maximum: 2) }) { mount in
                // (No `wait` of the shell: it may have inherited a mask without SIGCHLD.)
                let seen = try shell("seq 300 | xargs -P 300 -I{} cat \"$1/slow\"", mount.mountpoint)
                #expect(seen == Outcome(status: 0, output: String(repeating: "worth waiting for\n", count: 300), errors: ""))
                // Over io_uring each queue has its own, and a thread that answers at once keeps the entry that it was handed.
                #expect(mount.pool.threadCount <= 2 || mount.statistics.transport == "io_uring" && mount.pool.threadCount < 100)
                #expect(mount.session.interrupts.deferredCount == 0)
            }
        }

        /// The read would take an hour.
        @Test func aReaderThatIsKilledIsGone() throws {
            try withMount(SlowFS(milliseconds: 3_600_000)) { mount in
                let path = mount.mountpoint + "/slow"
                let seen = try shell("timeout -s INT 1 cat \"$1\"; echo $?", path)
                #expect(seen.output == "124\n")
            }
        }

        // MARK: PolicyFS

        @Test func whatThePolicySays() throws {
            PassthroughFS.prepareProcess()
            let source = try TemporaryDirectory()
            let mirror = try PassthroughFS(source: FilePath(source.path), logger: .silent, policy: Policy.decide)
            try withMount(mirror) { mount in
                let script = "cd \"$1\" && echo plain > plain && echo own > own && chmod +t own && echo no > file.locked; ls"
                let made = try shell(script, mount.mountpoint)
                #expect(made.output == "own\nplain\n")
                #expect(made.errors.contains("Permission denied"))

                let before = mount.session.counters[.read]
                #expect(try shell("cat \"$1/plain\"", mount.mountpoint).output == "plain\n")
                let isAvailable = mount.session.connection.passthrough == .available
                #expect(mount.session.counters[.read] == before + (isAvailable ? 0 : 1))
                #expect(try shell("cat \"$1/own\"", mount.mountpoint).output == "own\n")
                #expect(mount.session.counters[.read] > before)
            }
        }
    }
}
