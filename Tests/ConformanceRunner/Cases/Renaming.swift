// SPDX-License-Identifier: MIT

import ConformanceCalls

// rename(2) and renameat2(2).

extension Case {
    static let renaming: [Case] = [
        Case("rename: onto what") { place in
            place.make("f", "f")
            place.make("g", "g")
            for name in ["empty", "full", "d", "d/sub"] { Sys.mkdir(name) }
            place.make("full/x")
            place.ok("file to file", Sys.rename("f", "g"))
            place.expect("text", place.text("g"), "f")
            place.fails("gone", Sys.stat("f").outcome, ENOENT)
            place.fails("not there", Sys.rename("f", "h"), ENOENT)
            place.fails("file to directory", Sys.rename("g", "d"), EISDIR)
            place.fails("directory to file", Sys.rename("d", "g"), ENOTDIR)
            place.fails("directory to full one", Sys.rename("d", "full"), ENOTEMPTY)
            place.ok("directory to empty one", Sys.rename("d", "empty"))
            place.expect("with its content", place.mode("empty/sub"), "40755")
            place.fails("into itself", Sys.rename("empty", "empty/sub/below"), EINVAL)
            place.fails("onto its parent", Sys.rename("empty/sub", "empty"), ENOTEMPTY)
            place.fails("dot", Sys.rename("empty/.", "x"), EBUSY)
            place.fails("dot dot", Sys.rename("empty/..", "x"), EBUSY)
            place.ok("onto itself", Sys.rename("g", "g"))
            Sys.link("g", "same")
            place.ok("onto another name of it", Sys.rename("g", "same"))
            place.expect("both stay", place.links("g"), 2)
            Sys.symlink("nowhere", "link")
            place.ok("a link", Sys.rename("link", "link2"))
            place.expect("target", Sys.readlink("link2").target, "nowhere")
            place.ok("onto a link", Sys.rename("g", "link2"))
            place.expect("not followed", place.mode("link2"), "100644")
        },
        Case("rename: directories move with their links") { place in
            for name in ["a", "b", "a/d", "a/d/e"] { Sys.mkdir(name) }
            place.expect("links", [place.links("a"), place.links("b"), place.links("a/d")].description, "[3, 2, 3]")
            place.ok("move", Sys.rename("a/d", "b/d"))
            place.expect("links", [place.links("a"), place.links("b"), place.links("b/d")].description, "[2, 3, 3]")
            let inside = Sys.open("b/d", O_RDONLY)
            place.ok("chdir", Sys.fchdir(inside))
            place.ok("dot dot", Sys.stat("../../b").outcome)
            place.ok("up", Sys.chdir("../.."))
            place.same("dot dot is the new parent", Sys.stat("b/d/..").status.st_ino, Sys.stat("b").status.st_ino)
        },
        Case("rename: RENAME_NOREPLACE") { place in
            place.make("f", "f")
            place.make("g", "g")
            place.fails("there", Sys.rename("f", "g", UInt32(K_RENAME_NOREPLACE)), EEXIST)
            place.expect("kept", place.text("g"), "g")
            place.fails("itself", Sys.rename("f", "f", UInt32(K_RENAME_NOREPLACE)), EEXIST)
            place.ok("new", Sys.rename("f", "h", UInt32(K_RENAME_NOREPLACE)))
            place.expect("text", place.text("h"), "f")
            Sys.mkdir("d")
            place.fails("directory there", Sys.rename("h", "d", UInt32(K_RENAME_NOREPLACE)), EEXIST)
        },
        Case("rename: RENAME_EXCHANGE") { place in
            place.make("f", "f")
            place.make("g", "g")
            for name in ["d", "d/sub", "e"] { Sys.mkdir(name) }
            let inode = Sys.stat("f").status.st_ino
            place.ok("files", Sys.rename("f", "g", UInt32(K_RENAME_EXCHANGE)))
            place.expect("texts", place.text("f") + place.text("g"), "gf")
            place.same("inode", Sys.stat("g").status.st_ino, inode)
            place.ok("file and directory", Sys.rename("f", "d", UInt32(K_RENAME_EXCHANGE)))
            place.expect("directory", place.mode("f"), "40755")
            place.expect("its content", place.mode("f/sub"), "40755")
            place.expect("file", place.text("d"), "g")
            place.ok("across", Sys.rename("e", "f/sub", UInt32(K_RENAME_EXCHANGE)))
            place.fails("not there", Sys.rename("g", "none", UInt32(K_RENAME_EXCHANGE)), ENOENT)
            place.fails("into itself", Sys.rename("f", "f/sub", UInt32(K_RENAME_EXCHANGE)), EINVAL)
            place.ok("itself", Sys.rename("g", "g", UInt32(K_RENAME_EXCHANGE)))
            place.fails("both flags", Sys.rename("g", "d", UInt32(K_RENAME_EXCHANGE | K_RENAME_NOREPLACE)), EINVAL)
            place.fails("unknown flag", Sys.rename("g", "d", 64), EINVAL)
        },
        Case("rename: RENAME_WHITEOUT") { place in
            place.make("f", "f")
            place.ok("new", Sys.rename("f", "g", UInt32(K_RENAME_WHITEOUT)))
            place.expect("text", place.text("g"), "f")
            place.expect("whiteout", place.mode("f"), "20000")
            place.expect("device", Sys.stat("f").status.st_rdev, 0)
            place.expect("its owner", place.rights("f"), "0 \(place.me.user):\(place.me.group)")
            place.make("h", "h")
            place.ok("onto", Sys.rename("g", "h", UInt32(K_RENAME_WHITEOUT)))
            place.expect("whiteout", place.mode("g"), "20000")
            place.ok("with NOREPLACE", Sys.rename("h", "i", UInt32(K_RENAME_WHITEOUT | K_RENAME_NOREPLACE)))
            place.fails("with EXCHANGE", Sys.rename("i", "f", UInt32(K_RENAME_WHITEOUT | K_RENAME_EXCHANGE)), EINVAL)
            for name in ["f", "g", "h"] { place.ok("removed", Sys.unlink(name)) }
        },
        Case("rename: rights") { place in
            Sys.mkdir("mine", 0o755)
            place.make("mine/f", "f")
            Sys.mkdir("ours")
            Sys.chmod("ours", 0o777)
            place.asOther { place.make("ours/g", "g") }
            place.fails("out of mine", place.asOther { Sys.rename("mine/f", "ours/f") }, EACCES)
            place.fails("into mine", place.asOther { Sys.rename("ours/g", "mine/g") }, EACCES)
            place.ok("other's file, in a writable directory", Sys.rename("ours/g", "mine/g"))
            place.expect("owner stays", place.rights("mine/g"), "644 \(place.other.user):\(place.other.group)")
            place.asOther { Sys.mkdir("ours/d") }
            // A directory that moves gets another "..": that takes the right to write into it.
            place.outcome("other's directory", Sys.rename("ours/d", "mine/d"), place.me.isRoot ? 0 : EACCES)
            place.outcome("within the directory", Sys.rename("ours/d", "ours/e"), place.me.isRoot ? ENOENT : 0)
        },
        Case("rename: what is open stays") { place in
            place.make("f", "old")
            place.make("g", "new")
            let old = place.open("f", O_RDWR)
            place.ok("over", Sys.rename("g", "f"))
            place.expect("links", Int(Sys.stat(of: old).st_nlink), 0)
            place.expect("old", Sys.text(Sys.pread(old, 9, at: 0)), "old")
            place.expect("write", Sys.pwrite(old, "OLD", at: 0), 3)
            place.expect("read", Sys.text(Sys.pread(old, 9, at: 0)), "OLD")
            place.ok("chmod", Sys.fchmod(old, 0o600))
            place.ok("truncate", Sys.ftruncate(old, 1))
            place.expect("size", Int(Sys.stat(of: old).st_size), 1)
            place.expect("new", place.text("f"), "new")
            place.expect("mode", place.mode("f"), "100644")
            let renamed = place.open("f", O_RDWR)
            place.ok("away", Sys.rename("f", "h"))
            place.expect("write", Sys.pwrite(renamed, "N", at: 0), 1)
            place.expect("text", place.text("h"), "New")
            Sys.mkdir("d")
            let folder = Sys.open("d", O_RDONLY)
            place.ok("directory", Sys.rename("d", "e"))
            place.ok("made through it", Sys.openat(folder, "x", O_WRONLY | O_CREAT, 0o600))
            place.expect("there", place.mode("e/x"), "100600")
        },
    ]
}
