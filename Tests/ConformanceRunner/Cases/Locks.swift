// SPDX-License-Identifier: MIT

import ConformanceCalls

// POSIX locks, open-file-description locks and flock(2), between processes.

/// What a lock call gave.
private func name(_ outcome: Int) -> String { outcome < 0 ? Sys.name(ofError: -outcome) : "ok" }

/// In another process, with a descriptor of its own: what the call gives. The status carries the errno.
private func elsewhere(_ path: String = "f", _ flags: Int32 = O_RDWR, _ body: (Int) -> Int) -> String {
    name(-Sys.run { -min(0, body(Sys.open(path, flags))) })
}

/// A process that does something, holds on to it until it is told, and ends.
private struct Holder {
    let process: Int
    private let done: (reading: Int, writing: Int)
    private let end: (reading: Int, writing: Int)

    init(_ body: @escaping () -> Int) {
        let done = Sys.pipe(), end = Sys.pipe()
        self.done = done
        self.end = end
        process = Sys.start {
            Sys.close(end.writing)
            let outcome = body()
            Sys.write(done.writing, outcome < 0 ? "-" : "+")
            _ = Sys.read(end.reading, 1)
            return outcome < 0 ? 1 : 0
        }
        Sys.close(done.writing)
        // Until it has done it.
        _ = Sys.read(done.reading, 1)
    }

    func finish() -> Int {
        Sys.close(end.writing)
        return Sys.wait(for: process)
    }
}

extension Case {
    static let locking: [Case] = [
        Case("locks: POSIX") { place in
            place.make("f", "0123456789")
            let file = place.open("f", O_RDWR), reader = place.open("f", O_RDONLY)
            place.ok("write lock", Sys.lock(file, F_SETLK, F_WRLCK, from: 2, count: 4).outcome)
            place.ok("again", Sys.lock(file, F_SETLK, F_WRLCK, from: 0, count: 4).outcome)
            place.expect("elsewhere", elsewhere { Sys.lock($0, F_SETLK, F_WRLCK).outcome }, "EAGAIN")
            place.expect("to read", elsewhere { Sys.lock($0, F_SETLK, F_RDLCK, from: 5, count: 1).outcome }, "EAGAIN")
            place.expect("beside it", elsewhere { Sys.lock($0, F_SETLK, F_WRLCK, from: 6).outcome }, "ok")
            let me = getpid()
            place.expect("who", Sys.run {
                let found = Sys.lock(Sys.open("f", O_RDWR), F_GETLK, F_RDLCK).lock
                return found.l_pid == me && found.l_type == Int16(F_WRLCK) && found.l_start == 0 && found.l_len == 6 ? 0 : 1
            }, 0)
            place.ok("downgrade", Sys.lock(file, F_SETLK, F_RDLCK, from: 0, count: 6).outcome)
            place.expect("to read", elsewhere { Sys.lock($0, F_SETLK, F_RDLCK).outcome }, "ok")
            place.expect("to write", elsewhere { Sys.lock($0, F_SETLK, F_WRLCK).outcome }, "EAGAIN")
            place.ok("hole", Sys.lock(file, F_SETLK, F_UNLCK, from: 2, count: 2).outcome)
            place.expect("in the hole", elsewhere { Sys.lock($0, F_SETLK, F_WRLCK, from: 2, count: 2).outcome }, "ok")
            place.fails("write lock by a reader", Sys.lock(reader, F_SETLK, F_WRLCK).outcome, EBADF)
            // Closing any descriptor of the file ends all of the process's locks.
            Sys.close(reader)
            place.expect("after a close", elsewhere { Sys.lock($0, F_SETLK, F_WRLCK).outcome }, "ok")
            place.ok("far out", Sys.lock(file, F_SETLK, F_WRLCK, from: 1 << 40, count: 1 << 40).outcome)
            place.expect("far out", elsewhere { Sys.lock($0, F_SETLK, F_RDLCK, from: (1 << 40) + 7, count: 1).outcome }, "EAGAIN")
            place.fails("nonsense", Sys.lock(file, F_SETLK, 77).outcome, EINVAL)
        },
        Case("locks: POSIX, waiting and dying") { place in
            place.make("f")
            let holder = Holder { Sys.lock(Sys.open("f", O_RDWR), F_SETLK, F_WRLCK).outcome }
            let file = place.open("f", O_RDWR)
            place.fails("held", Sys.lock(file, F_SETLK, F_RDLCK).outcome, EAGAIN)
            let waiter = Sys.start { -Sys.lock(Sys.open("f", O_RDWR), F_SETLKW, F_WRLCK).outcome }
            Sys.kill(holder.process)
            place.expect("killed", holder.finish(), 1000 + Int(SIGKILL))
            place.expect("waited for it", Sys.wait(for: waiter), 0)
            place.ok("free", Sys.lock(file, F_SETLKW, F_WRLCK).outcome)
            // Not inherited.
            place.expect("a child has none", Sys.run { -Sys.lock(file, F_SETLK, F_WRLCK).outcome }, Int(EAGAIN))
            place.expect("it ends", Sys.run { 0 }, 0)
            place.expect("still held", elsewhere { Sys.lock($0, F_SETLK, F_WRLCK).outcome }, "EAGAIN")
        },
        Case("locks: POSIX, a deadlock is told") { place in
            place.make("f")
            let file = place.open("f", O_RDWR)
            place.ok("first byte", Sys.lock(file, F_SETLK, F_WRLCK, from: 0, count: 1).outcome)
            let waiter = Sys.pipe()
            let process = Sys.start {
                let own = Sys.open("f", O_RDWR)
                let second = Sys.lock(own, F_SETLK, F_WRLCK, from: 1, count: 1).outcome
                Sys.write(waiter.writing, "1")
                let first = Sys.lock(own, F_SETLKW, F_WRLCK, from: 0, count: 1).outcome
                return second == 0 && (first == 0 || first == -Int(EDEADLK)) ? (first == 0 ? 0 : 1) : 2
            }
            _ = Sys.read(waiter.reading, 1)
            // Whichever of the two waits last is told.
            let mine = Sys.lock(file, F_SETLKW, F_WRLCK, from: 1, count: 1).outcome
            if mine < 0 { Sys.close(file) }
            let theirs = Sys.wait(for: process)
            place.expect("one of the two", (mine == -Int(EDEADLK) && theirs == 0) || (mine == 0 && theirs == 1), true)
        },
        Case("locks: of open file descriptions") { place in
            place.make("f", "0123456789")
            let one = place.open("f", O_RDWR), two = place.open("f", O_RDWR)
            place.ok("lock", Sys.lock(one, Int32(K_OFD_SETLK), F_WRLCK, from: 0, count: 5).outcome)
            place.fails("same process", Sys.lock(two, Int32(K_OFD_SETLK), F_RDLCK).outcome, EAGAIN)
            place.fails("against POSIX", Sys.lock(two, F_SETLK, F_WRLCK).outcome, EAGAIN)
            place.ok("beside", Sys.lock(two, Int32(K_OFD_SETLK), F_WRLCK, from: 5).outcome)
            place.expect("whose", Sys.lock(two, Int32(K_OFD_GETLK), F_WRLCK, from: 0, count: 5).lock.l_pid, -1)
            // A child's is the same description.
            place.expect("inherited", Sys.run { -Sys.lock(one, Int32(K_OFD_SETLK), F_WRLCK, from: 0, count: 5).outcome }, 0)
            place.expect("elsewhere", elsewhere { Sys.lock($0, Int32(K_OFD_SETLK), F_WRLCK, from: 0, count: 1).outcome }, "EAGAIN")
            Sys.close(one)
            // With a wait: a filesystem may be told of the last close a moment later.
            place.ok("after close", Sys.lock(two, Int32(K_OFD_SETLKW), F_WRLCK).outcome)
        },
        Case("locks: flock") { place in
            place.make("f")
            let one = place.open("f", O_RDONLY), two = place.open("f", O_WRONLY)
            place.ok("shared", Sys.flock(one, LOCK_SH))
            place.ok("shared too", Sys.flock(two, LOCK_SH | LOCK_NB))
            place.fails("exclusive", Sys.flock(two, LOCK_EX | LOCK_NB), EWOULDBLOCK)
            place.ok("given back", Sys.flock(one, LOCK_UN))
            place.ok("exclusive", Sys.flock(two, LOCK_EX | LOCK_NB))
            place.expect("elsewhere", elsewhere { Sys.flock($0, LOCK_SH | LOCK_NB) }, "EAGAIN")
            place.expect("not a POSIX lock", elsewhere { Sys.lock($0, F_SETLK, F_WRLCK).outcome }, "ok")
            place.expect("inherited", Sys.run { -Sys.flock(two, LOCK_EX | LOCK_NB) }, 0)
            let holder = Holder { 0 }
            Sys.close(two)
            place.fails("a child still has it", Sys.flock(one, LOCK_SH | LOCK_NB), EWOULDBLOCK)
            place.expect("it ends", holder.finish(), 0)
            place.ok("free", Sys.flock(one, LOCK_EX))
            let waiter = Sys.start {
                // Its copy of the descriptor would hold the lock for good.
                Sys.close(one)
                return -Sys.flock(Sys.open("f", O_RDONLY), LOCK_SH)
            }
            Sys.close(one)
            place.expect("waited for it", Sys.wait(for: waiter), 0)
            Sys.mkdir("d")
            let folder = Sys.open("d", O_RDONLY)
            place.ok("directory", Sys.flock(folder, LOCK_EX | LOCK_NB))
            place.expect("directory, elsewhere", elsewhere("d", O_RDONLY) { Sys.flock($0, LOCK_EX | LOCK_NB) }, "EAGAIN")
            place.fails("nonsense", Sys.flock(folder, 77), EINVAL)
        },
        Case("locks: of two names and after a rename") { place in
            place.make("f")
            Sys.link("f", "g")
            let file = place.open("f", O_RDWR)
            place.ok("lock", Sys.lock(file, F_SETLK, F_WRLCK).outcome)
            place.expect("other name", elsewhere("g") { Sys.lock($0, F_SETLK, F_WRLCK).outcome }, "EAGAIN")
            place.ok("rename", Sys.rename("f", "h"))
            place.expect("renamed", elsewhere("h") { Sys.lock($0, F_SETLK, F_WRLCK).outcome }, "EAGAIN")
        },
    ]
}
