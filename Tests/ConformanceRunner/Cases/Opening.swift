// SPDX-License-Identifier: MIT

import ConformanceCalls

// open(2): its flags, and what it opens.

extension Case {
    static let opening: [Case] = [
        Case("open: O_CREAT and O_EXCL") { place in
            let first = place.ok("new", Sys.open("f", O_RDWR | O_CREAT | O_EXCL, 0o640))
            place.expect("mode", place.mode("f"), "100640")
            place.fails("there", Sys.open("f", O_RDWR | O_CREAT | O_EXCL, 0o600), EEXIST)
            place.ok("not exclusive", Sys.open("f", O_RDWR | O_CREAT, 0o600))
            place.expect("mode kept", place.mode("f"), "100640")
            Sys.symlink("nowhere", "link")
            place.fails("link", Sys.open("link", O_RDWR | O_CREAT | O_EXCL, 0o600), EEXIST)
            place.ok("through a dangling link", Sys.open("link", O_RDWR | O_CREAT, 0o600))
            place.expect("its target", place.mode("nowhere"), "100600")
            Sys.mkdir("d")
            place.fails("directory", Sys.open("d", O_RDONLY | O_CREAT, 0o600), EISDIR)
            place.fails("directory, exclusive", Sys.open("d", O_RDONLY | O_CREAT | O_EXCL, 0o600), EEXIST)
            place.fails("no directory", Sys.open("none/f", O_RDWR | O_CREAT, 0o600), ENOENT)
            place.fails("below a file", Sys.open("f/g", O_RDWR | O_CREAT, 0o600), ENOTDIR)
            place.fails("with a slash", Sys.open("g/", O_RDWR | O_CREAT, 0o600), EISDIR)
            place.fails("not there", Sys.open("g", O_RDWR), ENOENT)
            Sys.close(first)
        },
        Case("open: a new file without rights is open all the same") { place in
            let file = place.ok("mode 0", Sys.open("f", O_RDWR | O_CREAT | O_EXCL, 0))
            place.expect("write", Sys.write(file, "abc"), 3)
            place.expect("read", Sys.text(Sys.pread(file, 9, at: 0)), "abc")
            place.outcome("once more", Sys.open("f", O_RDWR), place.me.isRoot ? 0 : EACCES)
            place.ok("read only, written", Sys.open("g", O_WRONLY | O_CREAT, 0o444))
            place.outcome("to write", Sys.open("g", O_WRONLY), place.me.isRoot ? 0 : EACCES)
        },
        Case("open: O_TRUNC") { place in
            place.make("f", "content")
            Sys.utimens("f", timespec(tv_sec: 1, tv_nsec: 0), timespec(tv_sec: 1, tv_nsec: 0))
            let file = place.ok("open", Sys.open("f", O_WRONLY | O_TRUNC))
            place.expect("size", place.size("f"), 0)
            place.expect("modified", Sys.stat("f").status.st_mtim.tv_sec != 1, true)
            Sys.write(file, "new")
            place.expect("text", place.text("f"), "new")
            let second = place.ok("while open", Sys.open("f", O_RDWR | O_TRUNC | O_CREAT, 0o600))
            place.expect("size again", Int(Sys.stat(of: file).st_size), 0)
            place.expect("write behind the end", Sys.write(file, "x"), 1)
            place.expect("text again", Sys.text(Sys.pread(second, 9, at: 0)), "\0\0\0x")
            place.make("ro", "content", mode: 0o444)
            place.outcome("read only", Sys.open("ro", O_WRONLY | O_TRUNC), place.me.isRoot ? 0 : EACCES)
            place.expect("is kept", place.size("ro"), place.me.isRoot ? 0 : 7)
        },
        Case("open: O_APPEND") { place in
            let one = place.open("f", O_WRONLY | O_CREAT | O_APPEND)
            let two = place.open("f", O_RDWR | O_APPEND)
            for (file, text) in [(one, "aa"), (two, "bb"), (one, "cc")] { place.expect("write", Sys.write(file, text), 2) }
            place.expect("text", place.text("f"), "aabbcc")
            // Linux appends also what is written to a place: pwrite(2), BUGS.
            place.expect("pwrite", Sys.pwrite(one, "dd", at: 0), 2)
            place.expect("appended", place.text("f"), "aabbccdd")
            place.expect("position", Sys.lseek(two, 0, SEEK_CUR), 4)
            place.ok("truncate", Sys.ftruncate(two, 3))
            place.expect("write", Sys.write(one, "f"), 1)
            place.expect("text", place.text("f"), "aabf")
        },
        Case("open: O_APPEND that is taken off") { place in
            let file = place.open("f", O_WRONLY | O_CREAT | O_APPEND)
            place.expect("write", Sys.write(file, "abc"), 3)
            place.ok("off", Sys.fcntl(file, F_SETFL, 0))
            place.expect("write", Sys.pwrite(file, "A", at: 0), 1)
            place.expect("text", place.text("f"), "Abc")
            place.ok("on", Sys.fcntl(file, F_SETFL, Int(O_APPEND)))
            place.expect("write", Sys.pwrite(file, "d", at: 0), 1)
            place.expect("text", place.text("f"), "Abcd")
        },
        Case("open: O_APPEND that is put on") { place in
            let file = place.open("f", O_WRONLY | O_CREAT)
            place.expect("write", Sys.write(file, "abc"), 3)
            place.ok("on", Sys.fcntl(file, F_SETFL, Int(O_APPEND)))
            place.expect("write", Sys.pwrite(file, "d", at: 0), 1)
            place.expect("text", place.text("f"), "abcd")
        },
        Case("open: one write that appends") { place in
            let file = place.open("f", O_RDWR | O_CREAT)
            place.expect("write", Sys.write(file, "abc"), 3)
            place.expect("append", Sys.pwrite(file, "d", at: 0, Int(K_RWF_APPEND)), 1)
            place.expect("position", Sys.lseek(file, 0, SEEK_CUR), 3)
            place.expect("write", Sys.write(file, "D"), 1)
            place.expect("text", place.text("f"), "abcD")
        },
        Case("open: appending a lot") { place in
            // More than fits into one request; and the reader is not the one who appends.
            let file = place.open("f", O_RDWR | O_CREAT | O_APPEND), reader = place.open("f", O_RDONLY)
            let block = [UInt8](repeating: 0x62, count: 3 << 20)
            place.expect("write", Sys.write(file, "a"), 1)
            place.expect("write", Sys.write(file, block), block.count)
            place.expect("position", Sys.lseek(file, 0, SEEK_CUR), block.count + 1)
            place.expect("write", Sys.write(file, "c"), 1)
            place.expect("size", place.size("f"), block.count + 2)
            place.expect("start", Sys.text(Sys.pread(reader, 3, at: 0)), "abb")
            place.expect("end", Sys.text(Sys.pread(reader, 3, at: block.count)), "bc")
            place.expect("through itself", Sys.text(Sys.pread(file, 3, at: block.count)), "bc")
            let memory = Mapping(file, 4096)
            place.expect("map", memory.outcome, 0)
            memory.put("stored", at: 1)
            place.expect("seen", Sys.text(Sys.pread(file, 8, at: 0)), "astoredb")
            place.ok("truncate", Sys.ftruncate(file, 2))
            place.expect("write", Sys.write(file, "c"), 1)
            place.expect("text", place.text("f"), "asc")
        },
        Case("open: O_DIRECT") { place in
            let file = place.ok("open", Sys.open("f", O_RDWR | O_CREAT | Int32(K_O_DIRECT), 0o600))
            place.expect("write", Sys.aligned(file, 65536, at: 0, writing: true), 65536)
            place.expect("size", place.size("f"), 65536)
            place.expect("read", Sys.aligned(file, 65536, at: 0, writing: false), 65536)
            place.expect("read at the end", Sys.aligned(file, 8192, at: 61440, writing: false), 4096)
            place.expect("read behind it", Sys.aligned(file, 4096, at: 65536, writing: false), 0)
            let buffered = place.open("f", O_RDWR)
            place.expect("buffered sees it", Sys.text(Sys.pread(buffered, 3, at: 40000)), "aaa")
            place.expect("buffered write", Sys.pwrite(buffered, "xyz", at: 5), 3)
            place.expect("read", Sys.aligned(file, 4096, at: 0, writing: false), 4096)
            place.expect("append directly", Sys.aligned(file, 4096, at: 65536, writing: true), 4096)
            place.expect("size", place.size("f"), 69632)
        },
        Case("open: O_NOFOLLOW, O_DIRECTORY, O_PATH") { place in
            place.make("f", "text")
            Sys.mkdir("d")
            Sys.symlink("f", "link")
            Sys.symlink("d", "dlink")
            let nofollow = Int32(K_O_NOFOLLOW), directory = Int32(K_O_DIRECTORY), path = Int32(K_O_PATH)
            place.fails("link, not followed", Sys.open("link", O_RDONLY | nofollow), ELOOP)
            place.fails("link, not followed, made", Sys.open("link", O_RDWR | O_CREAT | nofollow), ELOOP)
            place.ok("file, not followed", Sys.open("f", O_RDONLY | nofollow))
            place.fails("file as directory", Sys.open("f", O_RDONLY | directory), ENOTDIR)
            place.fails("directory link, not followed", Sys.open("dlink", O_RDONLY | directory | nofollow), ENOTDIR)
            place.ok("directory link", Sys.open("dlink", O_RDONLY | directory))
            place.fails("directory to write", Sys.open("d", O_WRONLY), EISDIR)
            place.fails("directory, truncated", Sys.open("d", O_RDONLY | O_TRUNC), EISDIR)
            let file = place.ok("path", Sys.open("f", path))
            place.fails("path: read", Sys.read(file, 1).outcome, EBADF)
            place.fails("path: chmod", Sys.fchmod(file, 0o600), EBADF)
            place.fails("path: xattr", Sys.fsetxattr(file, "user.a", "1"), EBADF)
            place.expect("path: stat", Int(Sys.stat(of: file).st_size), 4)
            place.ok("path: reopened", Sys.open("/proc/self/fd/\(file)", O_RDWR))
            let link = place.ok("path of link", Sys.open("link", path | nofollow))
            place.expect("readlink", Sys.readlink("", at: link).target, "f")
            let folder = place.ok("path of directory", Sys.open("d", path | directory))
            place.ok("openat", Sys.openat(folder, "new", O_WRONLY | O_CREAT, 0o600))
            place.ok("fchdir", Sys.fchdir(folder))
            place.expect("there", place.mode("new"), "100600")
            place.ok("dot dot", Sys.open("../f", O_RDONLY))
        },
        Case("open: access modes and rights") { place in
            place.make("f", "text")
            let reading = place.open("f", O_RDONLY), writing = place.open("f", O_WRONLY)
            place.fails("write to a reader", Sys.write(reading, "x"), EBADF)
            place.fails("read from a writer", Sys.read(writing, 1).outcome, EBADF)
            place.fails("truncate a reader", Sys.ftruncate(reading, 0), EINVAL)
            place.expect("flags", Sys.fcntl(writing, F_GETFL) & 3, Int(O_WRONLY))
            for mode: UInt32 in [0, 0o100, 0o200, 0o400, 0o600, 0o040, 0o020, 0o004, 0o002] {
                Sys.chmod("f", mode)
                for (flags, name) in [(O_RDONLY, "r"), (O_WRONLY, "w"), (O_RDWR, "rw")] {
                    let mine = Sys.open("f", flags)
                    place.note("me \(place.octal(mode)) \(name)", mine < 0 ? Sys.name(ofError: -mine) : "ok")
                    Sys.close(mine)
                    let others = place.asOther { Sys.open("f", flags) }
                    place.note("other \(place.octal(mode)) \(name)", others < 0 ? Sys.name(ofError: -others) : "ok")
                    Sys.close(others)
                }
            }
            Sys.chmod("f", 0o644)
            place.ok("noatime by the owner", Sys.open("f", O_RDONLY | Int32(K_O_NOATIME)))
            place.fails("noatime by another", place.asOther { Sys.open("f", O_RDONLY | Int32(K_O_NOATIME)) }, EPERM)
            place.ok("synchronous", Sys.open("f", O_WRONLY | O_SYNC))
        },
        Case("open: rights that go while it is open") { place in
            place.make("f", "text")
            let file = place.open("f", O_RDWR)
            Sys.chmod("f", 0)
            place.expect("write", Sys.pwrite(file, "T", at: 0), 1)
            place.expect("read", Sys.text(Sys.pread(file, 9, at: 0)), "Text")
            place.ok("truncate", Sys.ftruncate(file, 2))
            place.outcome("reopen", Sys.open("/proc/self/fd/\(file)", O_RDWR), place.me.isRoot ? 0 : EACCES)
            place.outcome("truncate by name", Sys.truncate("f", 0), place.me.isRoot ? 0 : EACCES)
        },
        Case("open: positions, and reading past the end") { place in
            let file = place.open("f", O_RDWR | O_CREAT)
            place.expect("write", Sys.write(file, "0123456789"), 10)
            place.expect("cur", Sys.lseek(file, -4, SEEK_CUR), 6)
            place.expect("read", Sys.text(Sys.read(file, 9)), "6789")
            place.expect("read at the end", Sys.read(file, 9).outcome, 0)
            place.expect("end", Sys.lseek(file, 5, SEEK_END), 15)
            place.expect("write", Sys.write(file, "x"), 1)
            place.expect("hole", Sys.text(Sys.pread(file, 9, at: 9)), "9\0\0\0\0\0x")
            place.fails("negative", Sys.lseek(file, -1, SEEK_SET), EINVAL)
            place.fails("negative place", Sys.pwrite(file, "x", at: -1), EINVAL)
            place.fails("kind", Sys.lseek(file, 0, 77), EINVAL)
            place.expect("nothing", Sys.write(file, ""), 0)
        },
    ]
}
