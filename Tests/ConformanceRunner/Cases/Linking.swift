// SPDX-License-Identifier: MIT

import ConformanceCalls

// Links, symbolic links, and the lengths of names.

extension Case {
    static let linking: [Case] = [
        Case("link: names of one file") { place in
            place.make("f", "text")
            place.ok("link", Sys.link("f", "g"))
            place.expect("links", place.links("f"), 2)
            place.same("inode", Sys.stat("g").status.st_ino, Sys.stat("f").status.st_ino)
            let file = place.open("g", O_WRONLY | O_TRUNC)
            Sys.write(file, "new text")
            place.expect("text", place.text("f"), "new text")
            place.expect("size", place.size("f"), 8)
            Sys.chmod("g", 0o600)
            place.expect("mode", place.mode("f"), "100600")
            place.ok("unlink", Sys.unlink("f"))
            place.expect("links", place.links("g"), 1)
            place.fails("there", Sys.link("g", "g"), EEXIST)
            Sys.mkdir("d")
            place.fails("directory", Sys.link("d", "e"), EPERM)
            place.fails("not there", Sys.link("none", "e"), ENOENT)
            Sys.symlink("g", "link")
            place.ok("a link itself", Sys.link("link", "link2"))
            place.expect("is one", Sys.readlink("link2").target, "g")
            place.ok("followed", Sys.link("link", "h", AT_SYMLINK_FOLLOW))
            place.expect("is a file", place.mode("h"), "100600")
            place.ok("fifo", Sys.mknod("p", S_IFIFO | 0o600))
            place.ok("fifo's link", Sys.link("p", "q"))
            place.expect("fifo", place.links("p"), 2)
            place.asRoot {
                place.make("root's", mode: 0o600)
                Sys.chown("root's", 0, 0)
            }
            // With fs.protected_hardlinks not, without it so: the kernel's setting, the same everywhere.
            let outcome = Sys.link("root's", "mine")
            place.note("of a foreign file", outcome < 0 ? Sys.name(ofError: -outcome) : "ok")
        },
        Case("symlink: targets") { place in
            for count in [1, 59, 60, 61, 255, 1023, 4094, 4095] {
                let target = String(repeating: "t", count: count)
                place.ok("of \(count)", Sys.symlink(target, "l\(count)"))
                place.expect("read \(count)", Sys.readlink("l\(count)").target == target, true)
                place.expect("size \(count)", place.size("l\(count)"), count)
            }
            place.fails("of 4096", Sys.symlink(String(repeating: "t", count: 4096), "long"), ENAMETOOLONG)
            place.fails("empty", Sys.symlink("", "empty"), ENOENT)
            place.fails("there", Sys.symlink("x", "l1"), EEXIST)
            place.ok("any bytes", Sys.symlink("../ü\u{1}//x/./y", "odd"))
            place.expect("as they are", Sys.readlink("odd").target, "../ü\u{1}//x/./y")
            place.make("f")
            place.fails("of a file", Sys.readlink("f").outcome, EINVAL)
            Sys.symlink("loop2", "loop1")
            Sys.symlink("loop1", "loop2")
            place.fails("loop", Sys.open("loop1", O_RDONLY), ELOOP)
            Sys.mkdir("d")
            place.make("d/f", "text")
            Sys.symlink("d", "dlink")
            place.expect("through it", place.text("dlink/f"), "text")
            Sys.symlink("../d/f", "d/up")
            place.expect("and up", place.text("dlink/up"), "text")
            place.ok("unlink", Sys.unlink("dlink"))
            place.expect("target stays", place.mode("d"), "40755")
            // One that was replaced is another one.
            place.ok("unlink", Sys.unlink("l1"))
            place.ok("anew", Sys.symlink("other", "l1"))
            place.expect("new target", Sys.readlink("l1").target, "other")
        },
        Case("names: how long, and which") { place in
            for count in [1, 254, 255] {
                let name = String(repeating: "n", count: count)
                place.make(name, "text")
                place.expect("file", place.text(name), "text")
                place.ok("unlink", Sys.unlink(name))
                place.ok("mkdir", Sys.mkdir(name))
                place.ok("rename", Sys.rename(name, "x"))
                place.ok("rename", Sys.rename("x", name))
                place.ok("rmdir", Sys.rmdir(name))
                place.ok("symlink", Sys.symlink("x", name))
                place.ok("link", Sys.link(name, "l"))
                place.ok("unlink", Sys.unlink("l"))
                place.ok("unlink", Sys.unlink(name))
            }
            let long = String(repeating: "n", count: 256)
            place.make("f")
            place.fails("open", Sys.open(long, O_WRONLY | O_CREAT, 0o600), ENAMETOOLONG)
            place.fails("stat", Sys.stat(long).outcome, ENAMETOOLONG)
            place.fails("mkdir", Sys.mkdir(long), ENAMETOOLONG)
            place.fails("symlink", Sys.symlink("x", long), ENAMETOOLONG)
            place.fails("link", Sys.link("f", long), ENAMETOOLONG)
            place.fails("rename", Sys.rename("f", long), ENAMETOOLONG)
            place.fails("unlink", Sys.unlink(long), ENAMETOOLONG)
            place.fails("rmdir", Sys.rmdir(long), ENAMETOOLONG)
            for name in [" ", "\\", "a\nb", "ü€𝄞", "-", "...", "*", "a:b", "\u{7f}", "%2f"] {
                place.make(name, name)
                place.expect("odd", place.text(name), name)
            }
            place.fails("empty", Sys.open("", O_RDONLY), ENOENT)
            place.fails("dot", Sys.mkdir("."), EEXIST)
            place.fails("dot dot", Sys.mkdir(".."), EEXIST)
            place.fails("remove dot", Sys.rmdir("."), EINVAL)
            place.fails("remove dot dot", Sys.rmdir("d/.."), ENOENT)
            place.fails("unlink dot", Sys.unlink("."), EISDIR)
        },
        Case("names: a path longer than PATH_MAX, step by step") { place in
            let name = String(repeating: "p", count: 200)
            for _ in 0..<25 {
                place.expect("mkdir", Sys.mkdir(name), 0)
                place.expect("chdir", Sys.chdir(name), 0)
            }
            place.make("f", "deep")
            place.expect("deep", place.text("f"), "deep")
            place.fails("too long", Sys.stat(String(repeating: "../", count: 1400)).outcome, ENAMETOOLONG)
            place.ok("up", Sys.chdir(String(repeating: "../", count: 25)))
            place.ok("here", Sys.stat(name).outcome)
        },
    ]
}
