// SPDX-License-Identifier: MIT

import ConformanceCalls

// Times: utimensat(2), what changes which time, and the time of birth.

private func time(_ seconds: Int, _ nanoseconds: Int = 0) -> timespec { timespec(tv_sec: seconds, tv_nsec: nanoseconds) }
private let now = time(0, Int(K_UTIME_NOW)), omit = time(0, Int(K_UTIME_OMIT))

extension Place {
    fileprivate func times(_ path: String) -> String {
        let status = Sys.stat(path).status
        return "\(status.st_atim.tv_sec).\(status.st_atim.tv_nsec) \(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"
    }

    /// Which times an action changes: `m` and `c`, of a path. The clock has ticks: what falls into one is done again.
    fileprivate func changes(_ path: String, _ action: () -> Void) -> String {
        Sys.utimens(path, time(7, 7), time(7, 7))
        let before = Sys.stat(path).status
        action()
        let after = Sys.stat(path).status
        let isModified = after.st_mtim.tv_sec != 7
        let isChanged = (after.st_ctim.tv_sec, after.st_ctim.tv_nsec) != (before.st_ctim.tv_sec, before.st_ctim.tv_nsec)
        return (isModified ? "m" : "-") + (isChanged ? "c" : "-")
    }

    /// The same, tried again while the change time did not move: within one tick of the clock it cannot.
    fileprivate func eventually(_ path: String, _ wanted: String, _ action: () -> Void) -> String {
        var seen = ""
        for _ in 0..<20000 {
            seen = changes(path, action)
            if seen == wanted { break }
        }
        return seen
    }
}

extension Case {
    static let times: [Case] = [
        Case("times: to the nanosecond") { place in
            place.make("f", "text")
            Sys.mkdir("d")
            Sys.symlink("f", "l")
            for path in ["f", "d", "l"] {
                place.ok("set", Sys.utimens(path, time(1_000_000_000, 123_456_789), time(1_234_567_890, 987_654_321)))
                place.expect(path, place.times(path), "1000000000.123456789 1234567890.987654321")
                place.ok("modified alone", Sys.utimens(path, omit, time(5, 1)))
                place.expect(path, place.times(path), "1000000000.123456789 5.1")
                place.ok("accessed alone", Sys.utimens(path, time(6, 2), omit))
                place.expect(path, place.times(path), "6.2 5.1")
                place.ok("neither", Sys.utimens(path, omit, omit))
                place.expect(path, place.times(path), "6.2 5.1")
                place.ok("now", Sys.utimens(path, omit, now))
                place.expect(path, Sys.stat(path).status.st_mtim.tv_sec > 1_500_000_000, true)
                place.expect(path, Sys.stat(path).status.st_atim.tv_sec, 6)
                place.ok("both now", Sys.utimens(path, now, now))
                place.expect(path, Sys.stat(path).status.st_atim.tv_sec > 1_500_000_000, true)
                place.ok("before 1970", Sys.utimens(path, time(-1, 1), time(-86400, 999_999_999)))
                place.expect(path, place.times(path), "-1.1 -86400.999999999")
                place.ok("after 2038", Sys.utimens(path, time(1 << 32), time(1 << 33)))
                place.expect(path, place.times(path), "4294967296.0 8589934592.0")
                place.fails("no time", Sys.utimens(path, time(1, 1_000_000_000), omit), EINVAL)
            }
            place.fails("not there", Sys.utimens("none", now, now), ENOENT)
        },
        Case("times: who may set them") { place in
            place.make("f")
            Sys.utimens("f", time(5), time(5))
            place.asOther {
                place.fails("other, set", Sys.utimens("f", time(1), time(1)), EPERM)
                place.fails("other, one", Sys.utimens("f", omit, now), EPERM)
                place.fails("other, now", Sys.utimens("f", now, now), EACCES)
                place.fails("other, touch", Sys.touch("f"), EACCES)
                place.ok("other, neither", Sys.utimens("f", omit, omit))
            }
            Sys.chmod("f", 0o666)
            place.asOther {
                place.fails("writer, set", Sys.utimens("f", time(1), time(1)), EPERM)
                place.fails("writer, one", Sys.utimens("f", omit, now), EPERM)
                place.ok("writer, now", Sys.utimens("f", now, now))
                place.ok("writer, touch", Sys.touch("f"))
            }
            Sys.chmod("f", 0o444)
            place.ok("owner, set", Sys.utimens("f", time(1), time(1)))
            place.ok("owner, touch", Sys.touch("f"))
        },
        Case("times: what changes which") { place in
            place.make("f", "text")
            Sys.mkdir("d")
            let file = place.open("f", O_RDWR)
            place.expect("write", place.eventually("f", "mc") { Sys.pwrite(file, "x", at: 0) }, "mc")
            place.expect("append", place.eventually("f", "mc") { Sys.pwrite(file, "x", at: place.size("f")) }, "mc")
            place.expect("write nothing", place.changes("f") { Sys.write(file, "") }, "--")
            place.expect("truncate", place.eventually("f", "mc") { Sys.truncate("f", 2) }, "mc")
            place.expect("to the same size", place.eventually("f", "mc") { Sys.truncate("f", 2) }, "mc")
            place.expect("ftruncate", place.eventually("f", "mc") { Sys.ftruncate(file, 3) }, "mc")
            place.expect("chmod", place.eventually("f", "-c") { Sys.chmod("f", 0o600) }, "-c")
            place.expect("chown", place.eventually("f", "-c") { Sys.chown("f", place.me.user, place.me.group) }, "-c")
            place.expect("link", place.eventually("f", "-c") { Sys.link("f", "g"); Sys.unlink("g") }, "-c")
            place.expect("rename", place.eventually("f", "-c") { Sys.rename("f", "g"); Sys.rename("g", "f") }, "-c")
            place.expect("xattr", place.eventually("f", "-c") { Sys.setxattr("f", "user.a", "1") }, "-c")
            place.expect("read", place.changes("f") { _ = Sys.pread(file, 1, at: 0) }, "--")
            place.expect("create in a directory", place.eventually("d", "mc") { Sys.close(Sys.open("d/f", O_RDWR | O_CREAT, 0o600)); Sys.unlink("d/f") }, "mc")
            place.expect("mkdir", place.eventually("d", "mc") { Sys.mkdir("d/d"); Sys.rmdir("d/d") }, "mc")
            place.expect("symlink", place.eventually("d", "mc") { Sys.symlink("x", "d/l"); Sys.unlink("d/l") }, "mc")
            place.expect("mapped store", place.eventually("f", "mc") {
                Sys.ftruncate(file, 4096)
                let memory = Mapping(file, 4096)
                memory[0] = 1
                _ = memory.sync()
            }, "mc")
        },
        Case("times: of birth") { place in
            place.make("f", "text")
            let birth = { (path: String) -> (String, Bool) in
                let status = Sys.statx(path, UInt32(K_STATX_BTIME | K_STATX_BASIC)).status
                return ("\(status.stx_btime.tv_sec).\(status.stx_btime.tv_nsec)", status.stx_mask & UInt32(K_STATX_BTIME) != 0)
            }
            let first = birth("f")
            place.expect("there is one", first.1, true)
            place.expect("it is a time", Sys.statx("f", UInt32(K_STATX_BTIME)).status.stx_btime.tv_sec > 1_500_000_000, true)
            Sys.utimens("f", time(5), time(5))
            Sys.truncate("f", 0)
            Sys.rename("f", "g")
            place.same("it stays", birth("g").0, first.0)
            let status = Sys.statx("g", UInt32(K_STATX_BASIC | K_STATX_BTIME)).status
            place.expect("modified", Int(status.stx_size), 0)
            place.expect("mode", place.octal(UInt32(status.stx_mode)), "100644")
            place.expect("owner", status.stx_uid, place.me.user)
            place.expect("links", status.stx_nlink, 1)
            place.same("inode", UInt(status.stx_ino), Sys.stat("g").status.st_ino)
            for path in ["d", "l", "p"] {
                switch path {
                case "d": Sys.mkdir(path)
                case "l": Sys.symlink("g", path)
                default: Sys.mknod(path, S_IFIFO | 0o600)
                }
                place.expect("\(path) has one", birth(path).1, true)
                place.expect("\(path) as large", Int(Sys.statx(path, UInt32(K_STATX_BASIC)).status.stx_size), place.size(path))
            }
        },
    ]
}
