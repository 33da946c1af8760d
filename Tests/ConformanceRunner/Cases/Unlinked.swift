// SPDX-License-Identifier: MIT

import ConformanceCalls

// Files without a name, and directories that are gone.

extension Case {
    static let openUnlinked: [Case] = [
        Case("unlinked: a file that is open goes on") { place in
            place.make("f", "text")
            let file = place.open("f", O_RDWR)
            place.ok("unlink", Sys.unlink("f"))
            place.fails("gone", Sys.open("f", O_RDONLY), ENOENT)
            place.expect("links", Int(Sys.stat(of: file).st_nlink), 0)
            place.expect("read", Sys.text(Sys.pread(file, 9, at: 0)), "text")
            place.expect("write", Sys.pwrite(file, "more", at: 4), 4)
            place.expect("size", Int(Sys.stat(of: file).st_size), 8)
            place.ok("chmod", Sys.fchmod(file, 0o640))
            place.expect("mode", place.octal(Sys.stat(of: file).st_mode), "100640")
            place.ok("truncate", Sys.ftruncate(file, 2))
            place.ok("fallocate", Sys.fallocate(file, 0, 0, 4096))
            place.ok("fsync", Sys.fsync(file))
            place.ok("xattr", Sys.fsetxattr(file, "user.a", "1"))
            place.ok("reopen", Sys.open("/proc/self/fd/\(file)", O_RDWR))
            place.fails("given a name", Sys.link("/proc/self/fd/\(file)", "again", AT_SYMLINK_FOLLOW), ENOENT)
            let memory = Mapping(file, 4096)
            memory.put("map", at: 0)
            place.expect("mapped", Sys.text(Sys.pread(file, 3, at: 0)), "map")
            place.make("f", "another")
            place.expect("another", place.text("f"), "another")
            place.expect("the old one", Sys.text(Sys.pread(file, 3, at: 0)), "map")
        },
        Case("unlinked: one name of two") { place in
            place.make("f", "text")
            Sys.link("f", "g")
            let file = place.open("f", O_RDWR)
            place.ok("unlink", Sys.unlink("f"))
            place.expect("links", Int(Sys.stat(of: file).st_nlink), 1)
            place.ok("a third", Sys.link("/proc/self/fd/\(file)", "h", AT_SYMLINK_FOLLOW))
            place.expect("links", place.links("g"), 2)
            place.ok("unlink", Sys.unlink("g"))
            place.expect("text", place.text("h"), "text")
            place.fails("not there", Sys.unlink("g"), ENOENT)
            Sys.mkdir("d")
            place.fails("a directory", Sys.unlink("d"), EISDIR)
        },
        Case("unlinked: a directory that is gone") { place in
            Sys.mkdir("d")
            let folder = Sys.open("d", O_RDONLY)
            place.ok("rmdir", Sys.rmdir("d"))
            place.expect("links", Int(Sys.stat(of: folder).st_nlink), 0)
            place.fails("made in it", Sys.openat(folder, "f", O_WRONLY | O_CREAT, 0o600), ENOENT)
            place.fails("found in it", Sys.openat(folder, "f", O_RDONLY), ENOENT)
            place.ok("enter", Sys.fchdir(folder))
            place.fails("mkdir", Sys.mkdir("e"), ENOENT)
            place.fails("symlink", Sys.symlink("x", "l"), ENOENT)
            place.ok("dot", Sys.stat(".").outcome)
        },
        Case("unlinked: rmdir") { place in
            for name in ["d", "d/e"] { Sys.mkdir(name) }
            place.make("f")
            place.fails("not empty", Sys.rmdir("d"), ENOTEMPTY)
            place.fails("file", Sys.rmdir("f"), ENOTDIR)
            place.fails("not there", Sys.rmdir("none"), ENOENT)
            place.expect("links", place.links("d"), 3)
            place.ok("below", Sys.rmdir("d/e"))
            place.expect("links", place.links("d"), 2)
            place.ok("empty", Sys.rmdir("d/"))
            Sys.mkdir("d")
            Sys.symlink("d", "l")
            place.fails("link", Sys.rmdir("l"), ENOTDIR)
        },
        Case("unnamed: O_TMPFILE, and giving it a name") { place in
            let flags = O_RDWR | Int32(K_O_TMPFILE)
            let file = place.ok("open", Sys.open(".", flags, 0o640))
            place.expect("links", Int(Sys.stat(of: file).st_nlink), 0)
            place.expect("mode", place.octal(Sys.stat(of: file).st_mode), "100640")
            place.expect("owner", Sys.stat(of: file).st_uid, place.me.user)
            place.expect("group", Sys.stat(of: file).st_gid, place.me.group)
            place.expect("write", Sys.write(file, "text"), 4)
            place.expect("nothing to be seen", DirectoryReader(directory: Sys.open(".", O_RDONLY)).all().count, 2)
            place.ok("named", Sys.link("/proc/self/fd/\(file)", "f", AT_SYMLINK_FOLLOW))
            place.expect("links", place.links("f"), 1)
            place.expect("text", place.text("f"), "text")
            place.expect("write", Sys.write(file, " more"), 5)
            place.expect("text", place.text("f"), "text more")
            place.ok("unlink", Sys.unlink("f"))
            place.fails("again", Sys.link("/proc/self/fd/\(file)", "g", AT_SYMLINK_FOLLOW), ENOENT)
            // By the descriptor itself: that takes CAP_DAC_READ_SEARCH, or to have opened it oneself (6.10).
            let second = place.ok("open", Sys.open(".", flags, 0o600))
            let outcome = Sys.link("", "h", Int32(K_AT_EMPTY_PATH), at: second)
            place.note("by descriptor", outcome < 0 ? Sys.name(ofError: -outcome) : "ok")
            let third = place.ok("exclusive", Sys.open(".", flags | O_EXCL, 0o600))
            place.fails("never named", Sys.link("/proc/self/fd/\(third)", "i", AT_SYMLINK_FOLLOW), ENOENT)
            place.fails("read only", Sys.open(".", O_RDONLY | Int32(K_O_TMPFILE), 0o600), EINVAL)
            place.make("plain")
            place.fails("in a file", Sys.open("plain", flags, 0o600), ENOTDIR)
            place.fails("there", Sys.link("/proc/self/fd/\(Sys.open(".", flags, 0o600))", "plain", AT_SYMLINK_FOLLOW), EEXIST)
        },
    ]
}
