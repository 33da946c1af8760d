// SPDX-License-Identifier: MIT

import ConformanceCalls

// With which mode, owner and group things are made.

extension Case {
    static let modes: [Case] = [
        Case("modes: umask") { place in
            for mask: UInt32 in [0, 0o022, 0o077, 0o027, 0o777] {
                Sys.umask(mask)
                let name = place.octal(mask)
                Sys.close(place.ok("file", Sys.open("f\(name)", O_RDWR | O_CREAT, 0o666)))
                place.expect("file \(name)", place.mode("f\(name)"), place.octal(0o100000 | 0o666 & ~mask))
                place.ok("dir", Sys.mkdir("d\(name)", 0o777))
                place.expect("dir \(name)", place.mode("d\(name)"), place.octal(0o040000 | 0o777 & ~mask))
                place.ok("fifo", Sys.mknod("p\(name)", S_IFIFO | 0o666))
                place.expect("fifo \(name)", place.mode("p\(name)"), place.octal(0o010000 | 0o666 & ~mask))
                place.ok("node", Sys.mknod("n\(name)", S_IFREG | 0o4777))
                place.expect("node \(name)", place.mode("n\(name)"), place.octal(0o100000 | 0o4777 & ~mask))
                place.ok("link", Sys.symlink("x", "l\(name)"))
                place.expect("link \(name)", place.mode("l\(name)"), "120777")
                place.expect("chmod is not masked", Sys.chmod("d\(name)", 0o775), 0)
                place.expect("mode", place.mode("d\(name)"), "40775")
            }
        },
        Case("modes: each bit that open, mkdir and mknod take") { place in
            Sys.umask(0)
            for mode: UInt32 in [0, 0o1000, 0o2000, 0o4000, 0o7777, 0o6711, 0o1644] {
                let name = place.octal(mode)
                Sys.close(place.ok("open", Sys.open("f\(name)", O_WRONLY | O_CREAT, mode)))
                place.expect("file", place.mode("f\(name)"), place.octal(0o100000 | mode))
                place.ok("mkdir", Sys.mkdir("d\(name)", mode))
                // Set-user-id of a directory is not mkdir's to give: mkdir(2).
                place.expect("dir", place.mode("d\(name)"), place.octal(0o040000 | mode & 0o1777))
            }
        },
        Case("modes: owners") { place in
            Sys.close(place.ok("open", Sys.open("f", O_WRONLY | O_CREAT, 0o644)))
            place.ok("mkdir", Sys.mkdir("d"))
            place.ok("mknod", Sys.mknod("p", S_IFIFO | 0o644))
            place.ok("symlink", Sys.symlink("f", "l"))
            let mine = "\(place.me.user):\(place.me.group)"
            for (name, mode) in [("f", "644"), ("d", "755"), ("p", "644"), ("l", "777")] {
                place.expect(name, place.rights(name), "\(mode) \(mine)")
            }
            Sys.mkdir("open")
            Sys.chmod("open", 0o777)
            place.asOther {
                Sys.close(place.ok("other's", Sys.open("open/f", O_WRONLY | O_CREAT, 0o644)))
                Sys.mkdir("open/d")
                Sys.symlink("x", "open/l")
            }
            let others = "\(place.other.user):\(place.other.group)"
            place.expect("other's file", place.rights("open/f"), "644 \(others)")
            place.expect("other's directory", place.rights("open/d"), "755 \(others)")
            place.expect("other's link", place.rights("open/l"), "777 \(others)")
        },
        Case("modes: set-group-id directories") { place in
            // Of a group of mine, of one that I am not in, and of one of the other's.
            for group: UInt32 in Set([place.me.groups.first ?? 0, 4999, 4103]).sorted() {
                let folder = "g\(group)"
                Sys.mkdir(folder)
                place.asRoot {
                    Sys.chown(folder, place.me.user, group)
                    Sys.chmod(folder, 0o2777)
                }
                let isMember = place.me.isRoot || place.me.group == group || place.me.groups.contains(group)
                Sys.umask(0)
                Sys.close(place.ok("open", Sys.open("\(folder)/f", O_WRONLY | O_CREAT, 0o664)))
                place.expect("file \(group)", place.rights("\(folder)/f"), "664 \(place.me.user):\(group)")
                place.ok("mkdir", Sys.mkdir("\(folder)/d", 0o775))
                place.expect("directory \(group)", place.rights("\(folder)/d"), "2775 \(place.me.user):\(group)")
                place.ok("below", Sys.mkdir("\(folder)/d/e", 0o700))
                place.expect("directory below \(group)", place.rights("\(folder)/d/e"), "2700 \(place.me.user):\(group)")
                place.ok("fifo", Sys.mknod("\(folder)/p", S_IFIFO | 0o600))
                place.expect("fifo \(group)", place.rights("\(folder)/p"), "600 \(place.me.user):\(group)")
                place.ok("link", Sys.symlink("x", "\(folder)/l"))
                place.expect("link \(group)", place.rights("\(folder)/l"), "777 \(place.me.user):\(group)")
                // A set-group-id program for a group that one is not in is not to be had.
                Sys.close(place.ok("program", Sys.open("\(folder)/s", O_WRONLY | O_CREAT, 0o2755)))
                place.expect("program \(group)", place.rights("\(folder)/s"), "\(isMember ? 2755 : 755) \(place.me.user):\(group)")
                Sys.close(place.ok("no program", Sys.open("\(folder)/n", O_WRONLY | O_CREAT, 0o2745)))
                place.note("no program \(group)", place.rights("\(folder)/n"))
                let file = place.ok("unnamed", Sys.open(folder, O_RDWR | Int32(K_O_TMPFILE), 0o2755))
                place.note("unnamed \(group)", place.octal(Sys.stat(of: file).st_mode))
                place.expect("its group", Sys.stat(of: file).st_gid, group)
                place.asOther {
                    Sys.close(place.ok("other", Sys.open("\(folder)/o", O_WRONLY | O_CREAT, 0o2755)))
                    place.note("other's \(group)", place.rights("\(folder)/o"))
                }
            }
        },
        Case("modes: rights through each supplementary group") { place in
            for identity in [place.me, place.other] where !identity.isRoot {
                for group in [identity.group] + identity.groups {
                    let folder = "\(identity.name)\(group)"
                    place.asRoot {
                        Sys.mkdir(folder)
                        Sys.chown(folder, 0, group)
                        Sys.chmod(folder, 0o070)
                        place.make("\(folder)/shared", "text")
                        Sys.chown("\(folder)/shared", 0, group)
                        Sys.chmod("\(folder)/shared", 0o060)
                    }
                    place.act(as: identity) {
                        Sys.close(place.ok("create", Sys.open("\(folder)/f", O_WRONLY | O_CREAT, 0o644)))
                        place.ok("mkdir", Sys.mkdir("\(folder)/d"))
                        place.ok("symlink", Sys.symlink("x", "\(folder)/l"))
                        place.ok("link", Sys.link("\(folder)/f", "\(folder)/h"))
                        place.ok("rename", Sys.rename("\(folder)/h", "\(folder)/i"))
                        place.ok("unnamed", Sys.open(folder, O_RDWR | Int32(K_O_TMPFILE), 0o644))
                        place.ok("list", Sys.open(folder, O_RDONLY))
                        place.expect("owner", place.rights("\(folder)/f"), "644 \(identity.user):\(identity.group)")
                        place.expect("read", place.text("\(folder)/shared"), "text")
                        place.ok("write", Sys.open("\(folder)/shared", O_WRONLY | O_APPEND))
                        place.ok("unlink", Sys.unlink("\(folder)/i"))
                        place.ok("rmdir", Sys.rmdir("\(folder)/d"))
                        place.fails("chmod", Sys.chmod("\(folder)/shared", 0o666), EPERM)
                    }
                }
            }
            // And none through a group that is another's.
            place.asRoot {
                Sys.mkdir("nobody's")
                Sys.chown("nobody's", 0, 4999)
                Sys.chmod("nobody's", 0o070)
            }
            place.fails("create", place.asOther { Sys.open("nobody's/f", O_WRONLY | O_CREAT, 0o644) }, EACCES)
        },
        Case("modes: directories without some right") { place in
            for mode: UInt32 in [0, 0o100, 0o200, 0o300, 0o400, 0o500, 0o600, 0o700] {
                let folder = "d\(mode)"
                Sys.mkdir(folder)
                place.make("\(folder)/f", "text")
                Sys.mkdir("\(folder)/d")
                Sys.chmod(folder, mode)
                let may: (UInt32) -> Int32 = { place.me.isRoot || mode & $0 == $0 ? 0 : EACCES }
                place.outcome("list", Sys.open(folder, O_RDONLY), may(0o400))
                place.outcome("stat", Sys.stat("\(folder)/f").outcome, may(0o100))
                place.outcome("open", Sys.open("\(folder)/f", O_RDONLY), may(0o100))
                place.outcome("enter", Sys.run { -Sys.chdir(folder) } == 0 ? 0 : -Int(EACCES), may(0o100))
                place.outcome("create", Sys.open("\(folder)/g", O_WRONLY | O_CREAT, 0o644), may(0o300))
                place.outcome("mkdir", Sys.mkdir("\(folder)/e"), may(0o300))
                place.outcome("symlink", Sys.symlink("x", "\(folder)/l"), may(0o300))
                place.outcome("mknod", Sys.mknod("\(folder)/p", S_IFIFO | 0o600), may(0o300))
                place.outcome("link", Sys.link("\(folder)/f", "\(folder)/h"), may(0o300))
                place.outcome("rename", Sys.rename("\(folder)/f", "\(folder)/i"), may(0o300))
                place.outcome("rmdir", Sys.rmdir("\(folder)/d"), may(0o300))
                // What is to be removed is looked up first.
                let isThere = may(0o300) == 0 || may(0o100) != 0
                place.outcome("unlink", Sys.unlink("\(folder)/i"), isThere ? may(0o300) : ENOENT)
                place.outcome("unnamed", Sys.open(folder, O_RDWR | Int32(K_O_TMPFILE), 0o600), may(0o300))
                place.outcome("other", place.asOther { Sys.stat("\(folder)/f").outcome }, EACCES)
            }
        },
        Case("modes: sticky directories") { place in
            for owner in place.me.isRoot ? [place.me] : [place.me, .root] {
                let folder = "sticky-\(owner.name)"
                place.asRoot {
                    Sys.mkdir(folder)
                    Sys.chmod(folder, 0o1777)
                    Sys.chown(folder, owner.user, owner.group)
                }
                place.make("\(folder)/mine", "text")
                Sys.mkdir("\(folder)/mydir")
                place.make("mine-\(owner.name)")
                let may: Int32 = place.me.isRoot || owner.user == place.me.user ? 0 : EPERM
                place.asOther {
                    place.fails("other unlinks", Sys.unlink("\(folder)/mine"), EPERM)
                    place.fails("other removes", Sys.rmdir("\(folder)/mydir"), EPERM)
                    place.fails("other renames", Sys.rename("\(folder)/mine", "\(folder)/theirs"), EPERM)
                    place.make("\(folder)/other's")
                    place.fails("other replaces", Sys.rename("\(folder)/other's", "\(folder)/mine"), EPERM)
                    place.fails("other exchanges", Sys.rename("\(folder)/other's", "\(folder)/mine", UInt32(K_RENAME_EXCHANGE)), EPERM)
                }
                place.outcome("I unlink", Sys.unlink("\(folder)/other's"), may)
                place.outcome("I rename", Sys.rename("\(folder)/other's", "\(folder)/taken"), may == 0 ? ENOENT : EPERM)
                place.ok("mine", Sys.unlink("\(folder)/mine"))
                place.ok("my directory", Sys.rmdir("\(folder)/mydir"))
                place.asOther { place.make("\(folder)/again") }
                place.outcome("I replace", Sys.rename("mine-\(owner.name)", "\(folder)/again"), may)
            }
        },
    ]
}
