// SPDX-License-Identifier: MIT

import ConformanceCalls

// chmod(2) and chown(2): who may, and what goes with it.

extension Case {
    static let ownership: [Case] = [
        Case("chmod: who may") { place in
            place.make("f")
            Sys.mkdir("d")
            place.ok("mine", Sys.chmod("f", 0o4751))
            place.expect("mode", place.mode("f"), "104751")
            place.ok("directory", Sys.chmod("d", 0o3751))
            place.expect("mode", place.mode("d"), "43751")
            place.fails("other's", place.asOther { Sys.chmod("f", 0o666) }, EPERM)
            place.asRoot {
                place.make("root's")
                Sys.chown("root's", 0, 0)
            }
            place.outcome("root's", Sys.chmod("root's", 0o600), place.me.isRoot ? 0 : EPERM)
            place.fails("not there", Sys.chmod("none", 0o600), ENOENT)
            Sys.symlink("f", "link")
            place.ok("through a link", Sys.chmod("link", 0o640))
            place.expect("mode", place.mode("f"), "100640")
            let file = place.open("f", O_RDONLY)
            place.ok("open", Sys.fchmod(file, 0o7777))
            place.expect("mode", place.mode("f"), "107777")
        },
        Case("chmod: set-group-id of a group that is not one's own") { place in
            for (group, isMine) in [(place.me.group, true), (place.me.groups.first ?? 4998, true), (4999, false)] {
                place.make("f\(group)")
                place.asRoot { Sys.chown("f\(group)", place.me.user, group) }
                place.ok("chmod", Sys.chmod("f\(group)", 0o2755))
                place.expect("\(group)", place.mode("f\(group)"), isMine || place.me.isRoot ? "102755" : "100755")
                Sys.mkdir("d\(group)")
                place.asRoot { Sys.chown("d\(group)", place.me.user, group) }
                place.ok("chmod", Sys.chmod("d\(group)", 0o2755))
                place.expect("directory \(group)", place.mode("d\(group)"), isMine || place.me.isRoot ? "42755" : "40755")
            }
        },
        Case("chown: who may") { place in
            place.make("f")
            let error: Int32 = place.me.isRoot ? 0 : EPERM
            place.outcome("give away", Sys.chown("f", 4999, .max), error)
            place.asRoot { Sys.chown("f", place.me.user, place.me.group) }
            place.outcome("foreign group", Sys.chown("f", .max, 4999), error)
            place.asRoot { Sys.chown("f", place.me.user, place.me.group) }
            for group in place.me.groups {
                place.ok("group \(group)", Sys.chown("f", .max, group))
                place.expect("group", Sys.stat("f").status.st_gid, group)
            }
            place.ok("to oneself", Sys.chown("f", place.me.user, place.me.group))
            place.ok("nothing", Sys.chown("f", .max, .max))
            place.fails("other", place.asOther { Sys.chown("f", .max, place.other.group) }, EPERM)
            // Whoever changes nothing may do so: chown(2) checks nothing then.
            place.ok("other, nothing", place.asOther { Sys.chown("f", .max, .max) })
            Sys.symlink("f", "link")
            place.outcome("link", Sys.chown("link", 4999, .max), error)
            place.expect("link's owner", Sys.stat("link").status.st_uid, place.me.isRoot ? 4999 : place.me.user)
            place.expect("file's owner", Sys.stat("f").status.st_uid, place.me.user)
            let file = place.open("f", O_RDONLY)
            place.outcome("open", Sys.fchown(file, 4999, 4998), error)
            place.expect("owner", place.rights("f"), place.me.isRoot ? "644 4999:4998" : "644 \(place.me.user):\(place.me.group)")
        },
        Case("chown: set-user-id and set-group-id go") { place in
            for mode: UInt32 in [0o6777, 0o4755, 0o2755, 0o6744, 0o2644, 0o1755] {
                // Never open: a server that has not heard of a close yet may take it for being written.
                place.ok("make", Sys.mknod("f", S_IFREG | 0o644))
                Sys.chmod("f", mode)
                place.ok("group", Sys.chown("f", .max, place.me.groups.first ?? 4101))
                place.note("after \(place.octal(mode))", place.mode("f"))
                Sys.chmod("f", mode)
                place.ok("nothing", Sys.chown("f", .max, .max))
                place.note("after nothing \(place.octal(mode))", place.mode("f"))
                place.asRoot {
                    Sys.chmod("f", mode)
                    place.ok("root", Sys.chown("f", place.other.user, place.other.group))
                    place.note("after root's \(place.octal(mode))", place.mode("f"))
                    Sys.unlink("f")
                }
                Sys.mkdir("d")
                Sys.chmod("d", mode)
                place.ok("directory", Sys.chown("d", .max, place.me.groups.first ?? 4101))
                place.expect("directory keeps \(place.octal(mode))", place.mode("d"), place.octal(0o040000 | mode))
                Sys.rmdir("d")
            }
        },
        Case("chown: two open descriptors see it") { place in
            place.make("f", "text")
            let file = place.open("f", O_RDWR)
            place.asRoot { Sys.chown("f", place.other.user, place.other.group) }
            place.expect("owner", Sys.stat(of: file).st_uid, place.other.user)
            place.outcome("chmod", Sys.fchmod(file, 0o600), place.me.isRoot ? 0 : EPERM)
            place.expect("write", Sys.pwrite(file, "T", at: 0), 1)
            place.asOther {
                place.ok("theirs", Sys.chmod("f", 0o640))
                place.expect("text", place.text("f"), "Text")
            }
        },
    ]
}
