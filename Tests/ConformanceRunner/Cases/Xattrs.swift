// SPDX-License-Identifier: MIT

import ConformanceCalls

// Extended attributes in every namespace. How much room there is for them is the filesystem's own affair.

extension Case {
    static let xattrs: [Case] = [
        Case("xattr: user attributes") { place in
            place.make("f")
            Sys.mkdir("d")
            for path in ["f", "d"] {
                place.fails("none", Sys.getxattr(path, "user.a").outcome, ENODATA)
                place.fails("nothing to replace", Sys.setxattr(path, "user.a", "1", Int32(K_XATTR_REPLACE)), ENODATA)
                place.ok("create", Sys.setxattr(path, "user.a", "1", Int32(K_XATTR_CREATE)))
                place.fails("there", Sys.setxattr(path, "user.a", "2", Int32(K_XATTR_CREATE)), EEXIST)
                place.ok("replace", Sys.setxattr(path, "user.a", "three", Int32(K_XATTR_REPLACE)))
                place.expect("value", Sys.getxattr(path, "user.a").value.description, Array("three".utf8).description)
                place.expect("size", Sys.getxattr(path, "user.a", room: 0).outcome, 5)
                place.expect("just enough", Sys.getxattr(path, "user.a", room: 5).outcome, 5)
                place.fails("too small", Sys.getxattr(path, "user.a", room: 4).outcome, ERANGE)
                place.ok("empty", Sys.setxattr(path, "user.empty", []))
                place.expect("is empty", Sys.getxattr(path, "user.empty").outcome, 0)
                place.ok("bytes", Sys.setxattr(path, "user.bytes", [0, 255, 10, 0]))
                place.expect("bytes", Sys.getxattr(path, "user.bytes").value.description, "[0, 255, 10, 0]")
                place.expect("names", Sys.listxattr(path).names.joined(separator: ","), "user.a,user.bytes,user.empty")
                place.expect("size of names", Sys.listxattr(path, room: 0).outcome, 29)
                place.fails("too small for names", Sys.listxattr(path, room: 8).outcome, ERANGE)
                place.ok("remove", Sys.removexattr(path, "user.a"))
                place.fails("gone", Sys.removexattr(path, "user.a"), ENODATA)
                place.expect("names", Sys.listxattr(path).names.joined(separator: ","), "user.bytes,user.empty")
                place.ok("long value", Sys.setxattr(path, "user.long", [UInt8](repeating: 7, count: 1500)))
                place.expect("long value", Sys.getxattr(path, "user.long").value == [UInt8](repeating: 7, count: 1500), true)
            }
            let file = place.open("f", O_RDONLY)
            place.ok("by descriptor", Sys.fsetxattr(file, "user.fd", "1"))
        },
        Case("xattr: limits and nonsense") { place in
            place.make("f")
            let longest = "user." + String(repeating: "n", count: 250)
            place.ok("name of 255", Sys.setxattr("f", longest, "1"))
            place.expect("its value", Sys.getxattr("f", longest).outcome, 1)
            place.fails("name of 256", Sys.setxattr("f", longest + "n", "1"), ERANGE)
            place.fails("to get", Sys.getxattr("f", longest + "n").outcome, ERANGE)
            place.fails("no name", Sys.setxattr("f", "", "1"), ERANGE)
            place.fails("too large", Sys.setxattr("f", "user.big", [UInt8](repeating: 0, count: 65537)), E2BIG)
            place.fails("no namespace", Sys.setxattr("f", "plain", "1"), EOPNOTSUPP)
            place.fails("to get", Sys.getxattr("f", "plain").outcome, EOPNOTSUPP)
            place.fails("unknown namespace", Sys.setxattr("f", "what.is", "1"), EOPNOTSUPP)
            place.fails("unknown system", Sys.setxattr("f", "system.what", "1"), EOPNOTSUPP)
            place.fails("both flags' nonsense", Sys.setxattr("f", "user.a", "1", 4), EINVAL)
            place.fails("not there", Sys.setxattr("none", "user.a", "1"), ENOENT)
            place.note("namespace alone", Sys.setxattr("f", "user.", "1"))
        },
        Case("xattr: who may") { place in
            place.make("f")
            place.ok("set", Sys.setxattr("f", "user.a", "1"))
            place.asOther {
                place.expect("other reads", Sys.getxattr("f", "user.a").outcome, 1)
                place.fails("other sets", Sys.setxattr("f", "user.a", "2"), EACCES)
                place.fails("other removes", Sys.removexattr("f", "user.a"), EACCES)
                place.expect("other lists", Sys.listxattr("f").names.joined(), "user.a")
            }
            Sys.chmod("f", 0o622)
            place.asOther {
                place.ok("other sets", Sys.setxattr("f", "user.a", "2"))
                place.fails("other reads", Sys.getxattr("f", "user.a").outcome, EACCES)
                place.expect("other lists", Sys.listxattr("f").names.joined(), "user.a")
            }
            Sys.symlink("f", "link")
            Sys.mknod("p", S_IFIFO | 0o666)
            for path in ["link", "p"] {
                place.fails("set on \(path)", Sys.setxattr(path, "user.a", "1"), EPERM)
                place.fails("get from \(path)", Sys.getxattr(path, "user.a").outcome, ENODATA)
                place.expect("list of \(path)", Sys.listxattr(path).outcome, 0)
            }
            Sys.mkdir("sticky")
            Sys.chmod("sticky", 0o1777)
            place.ok("sticky, mine", Sys.setxattr("sticky", "user.a", "1"))
            place.fails("sticky, other's", place.asOther { Sys.setxattr("sticky", "user.a", "2") }, EPERM)
        },
        Case("xattr: trusted and security") { place in
            place.make("f")
            Sys.symlink("f", "link")
            place.asRoot {
                place.ok("trusted", Sys.setxattr("f", "trusted.a", "1"))
                place.ok("on a link", Sys.setxattr("link", "trusted.l", "1"))
                place.ok("security", Sys.setxattr("f", "security.a", "1"))
                place.ok("user", Sys.setxattr("f", "user.a", "1"))
                place.expect("names", Sys.listxattr("f").names.joined(separator: ","), "security.a,trusted.a,user.a")
                place.expect("link's names", Sys.listxattr("link").names.joined(separator: ","), "trusted.l")
            }
            for identity in [place.me, place.other] {
                place.act(as: identity) {
                    let isRoot = identity.isRoot
                    let trusted = Sys.getxattr("f", "trusted.a").outcome
                    place.expect("trusted", trusted, isRoot ? 1 : -Int(ENODATA))
                    place.outcome("set trusted", Sys.setxattr("f", "trusted.b", "1"), isRoot ? 0 : EPERM)
                    place.outcome("remove trusted", Sys.removexattr("f", "trusted.b"), isRoot ? 0 : EPERM)
                    place.expect("security", Sys.getxattr("f", "security.a").outcome, 1)
                    place.outcome("set security", Sys.setxattr("f", "security.b", "1"), isRoot ? 0 : EPERM)
                    place.outcome("remove security", Sys.removexattr("f", "security.b"), isRoot ? 0 : EPERM)
                    let all = isRoot ? "security.a,trusted.a,user.a" : "security.a,user.a"
                    place.expect("names", Sys.listxattr("f").names.joined(separator: ","), all)
                    place.expect("size of names", Sys.listxattr("f", room: 0).outcome, all.utf8.count + 1)
                    place.expect("link's names", Sys.listxattr("link").names.joined(separator: ","), isRoot ? "trusted.l" : "")
                }
            }
        },
        Case("xattr: they go where the file goes") { place in
            place.make("f")
            Sys.setxattr("f", "user.a", "1")
            Sys.link("f", "g")
            place.expect("other name", Sys.getxattr("g", "user.a").outcome, 1)
            place.ok("rename", Sys.rename("g", "h"))
            place.expect("renamed", Sys.getxattr("h", "user.a").outcome, 1)
            place.ok("removed", Sys.removexattr("f", "user.a"))
            place.fails("other name", Sys.getxattr("h", "user.a").outcome, ENODATA)
            Sys.utimens("f", timespec(tv_sec: 5, tv_nsec: 0), timespec(tv_sec: 5, tv_nsec: 0))
            Sys.setxattr("f", "user.b", "1")
            place.expect("modification time stays", Sys.stat("f").status.st_mtim.tv_sec, 5)
        },
    ]
}
