// SPDX-License-Identifier: MIT

import ConformanceCalls

// A filesystem that is mounted read-only. These run in the directory that they are given, which holds a file `f` with
// mode 666, a directory `d` with mode 777, and a link `l` to `f`.

extension Case {
    static let readOnly: [Case] = [
        Case("read-only") { place in
            place.expect("text", place.text("f"), "text")
            place.ok("list", Sys.open("d", O_RDONLY))
            place.expect("link", Sys.readlink("l").target, "f")
            place.ok("access", Sys.access("f", R_OK))
            place.fails("access to write", Sys.access("f", W_OK), EROFS)
            place.fails("open", Sys.open("f", O_WRONLY), EROFS)
            place.fails("truncate", Sys.open("f", O_RDONLY | O_TRUNC), EROFS)
            place.fails("create", Sys.open("d/new", O_WRONLY | O_CREAT, 0o600), EROFS)
            place.ok("create what is there", Sys.open("f", O_RDONLY | O_CREAT, 0o600))
            place.fails("exclusively", Sys.open("f", O_RDONLY | O_CREAT | O_EXCL, 0o600), EEXIST)
            place.fails("unnamed", Sys.open("d", O_RDWR | Int32(K_O_TMPFILE), 0o600), EROFS)
            place.fails("mkdir", Sys.mkdir("d/new"), EROFS)
            place.fails("mkdir, there", Sys.mkdir("d"), EEXIST)
            place.fails("mknod", Sys.mknod("d/p", S_IFIFO | 0o600), EROFS)
            place.fails("symlink", Sys.symlink("x", "d/l"), EROFS)
            place.fails("link", Sys.link("f", "d/l"), EROFS)
            place.fails("unlink", Sys.unlink("f"), EROFS)
            place.fails("rmdir", Sys.rmdir("d"), EROFS)
            place.fails("rename", Sys.rename("f", "d/f"), EROFS)
            place.fails("chmod", Sys.chmod("f", 0o600), EROFS)
            place.fails("chown", Sys.chown("f", place.me.user, place.me.group), EROFS)
            place.fails("truncate", Sys.truncate("f", 0), EROFS)
            place.fails("times", Sys.touch("f"), EROFS)
            place.fails("xattr", Sys.setxattr("f", "user.a", "1"), EROFS)
            place.fails("no xattr", Sys.removexattr("f", "user.a"), EROFS)
            let file = Sys.open("f", O_RDONLY)
            place.fails("fchmod", Sys.fchmod(file, 0o600), EROFS)
            place.ok("flock", Sys.flock(file, LOCK_EX | LOCK_NB))
            place.ok("fsync", Sys.fsync(file))
            place.ok("map", Mapping(file, 4096, PROT_READ).outcome)
        },
    ]
}
