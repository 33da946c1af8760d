// SPDX-License-Identifier: MIT

import ConformanceCalls

// POSIX ACLs, set as setfacl(1) does: through system.posix_acl_access and system.posix_acl_default.

/// An entry of an ACL. The numbers are those of `linux/posix_acl.h`.
private enum ACLEntry {
    case owner(UInt16)
    case user(UInt32, UInt16)
    case owningGroup(UInt16)
    case group(UInt32, UInt16)
    case mask(UInt16)
    case other(UInt16)

    var fields: (tag: UInt16, rights: UInt16, id: UInt32) {
        switch self {
        case .owner(let rights): (1, rights, .max)
        case .user(let id, let rights): (2, rights, id)
        case .owningGroup(let rights): (4, rights, .max)
        case .group(let id, let rights): (8, rights, id)
        case .mask(let rights): (16, rights, .max)
        case .other(let rights): (32, rights, .max)
        }
    }
}

private func bytes(_ entries: [ACLEntry]) -> [UInt8] {
    func little<I: FixedWidthInteger>(_ value: I) -> [UInt8] { (0..<I.bitWidth / 8).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) } }
    return little(UInt32(2)) + entries.flatMap { little($0.fields.tag) + little($0.fields.rights) + little($0.fields.id) }
}

/// An ACL as text, or why there is none.
private func describe(_ path: String, _ name: String) -> String {
    let (outcome, value) = Sys.getxattr(path, name)
    if outcome < 0 { return Sys.name(ofError: -outcome) }
    return stride(from: 4, to: value.count - 7, by: 8).map { offset in
        let field = { (at: Int, count: Int) in (0..<count).reduce(UInt32(0)) { $0 | UInt32(value[offset + at + $1]) << UInt32($1 * 8) } }
        let id = field(4, 4)
        return "\(field(0, 2))" + (id == .max ? "" : "(\(id))") + ":\(field(2, 2))"
    }.joined(separator: ",")
}

private let access = "system.posix_acl_access"
private let inherited = "system.posix_acl_default"

extension Case {
    static let aclCases: [Case] = [
        Case("ACL: set, shown by the mode, changed by chmod, taken away") { place in
            place.make("f", "text")
            place.fails("none", Sys.getxattr("f", access).outcome, ENODATA)
            let acl: [ACLEntry] = [.owner(6), .user(place.other.user, 6), .owningGroup(4), .mask(6), .other(0)]
            place.ok("set", Sys.setxattr("f", access, bytes(acl)))
            place.expect("acl", describe("f", access), "1:6,2(\(place.other.user)):6,4:4,16:6,32:0")
            place.expect("mode", place.mode("f"), "100660")
            place.expect("listed", Sys.listxattr("f").names.contains(access), true)
            place.expect("size", Sys.getxattr("f", access, room: 0).outcome, 44)
            place.fails("too small", Sys.getxattr("f", access, room: 10).outcome, ERANGE)
            place.ok("chmod", Sys.chmod("f", 0o640))
            place.expect("mask", describe("f", access), "1:6,2(\(place.other.user)):6,4:4,16:4,32:0")
            place.ok("other reads", place.asOther { Sys.open("f", O_RDONLY) })
            place.fails("other writes", place.asOther { Sys.open("f", O_WRONLY) }, EACCES)
            place.ok("chmod", Sys.chmod("f", 0o660))
            place.ok("other writes", place.asOther { Sys.open("f", O_WRONLY) })
            place.ok("chmod", Sys.chmod("f", 0))
            place.fails("other reads", place.asOther { Sys.open("f", O_RDONLY) }, EACCES)
            place.expect("acl", describe("f", access), "1:0,2(\(place.other.user)):6,4:4,16:0,32:0")
            place.ok("removed", Sys.removexattr("f", access))
            place.fails("gone", Sys.getxattr("f", access).outcome, ENODATA)
            place.note("mode", place.mode("f"))
            // As much as a mode says: kept as the mode alone.
            place.ok("minimal", Sys.setxattr("f", access, bytes([.owner(7), .owningGroup(5), .other(1)])))
            place.expect("mode", place.mode("f"), "100751")
            place.fails("none", Sys.getxattr("f", access).outcome, ENODATA)
        },
        Case("ACL: named users and groups, and the mask") { place in
            place.make("f", "text")
            // Of a group that nobody is in: the owning group's entry would speak for its members.
            place.asRoot { Sys.chown("f", place.me.user, 4999) }
            let theirs = [place.other.group] + place.other.groups
            let may: (Int32) -> String = { flags in
                let file = place.asOther { Sys.open("f", flags) }
                Sys.close(file)
                return file < 0 ? Sys.name(ofError: -file) : "ok"
            }
            let acls: [(String, [ACLEntry], String, String)] = [
                ("nothing named", [.owner(6), .owningGroup(0), .other(0)], "EACCES", "EACCES"),
                ("a user, to read", [.owner(6), .user(place.other.user, 4), .owningGroup(0), .mask(6), .other(0)], "ok", "EACCES"),
                ("a user, masked", [.owner(6), .user(place.other.user, 6), .owningGroup(0), .mask(4), .other(0)], "ok", "EACCES"),
                ("a user, kept out", [.owner(6), .user(place.other.user, 0), .owningGroup(6), .mask(6), .other(6)], "EACCES", "EACCES"),
                ("another user", [.owner(6), .user(4998, 6), .owningGroup(0), .mask(6), .other(0)], "EACCES", "EACCES"),
                ("others", [.owner(6), .user(4998, 0), .owningGroup(0), .mask(0), .other(6)], "ok", "ok"),
            ]
            for (name, acl, reading, writing) in acls {
                place.ok("set: \(name)", Sys.setxattr("f", access, bytes(acl)))
                place.expect("read: \(name)", may(O_RDONLY), reading)
                place.expect("write: \(name)", may(O_WRONLY), writing)
            }
            for group in theirs {
                place.ok("set", Sys.setxattr("f", access, bytes([.owner(6), .owningGroup(0), .group(group, 6), .mask(6), .other(0)])))
                place.expect("read by group \(group)", may(O_RDONLY), "ok")
                place.expect("write by group \(group)", may(O_WRONLY), "ok")
                place.ok("set", Sys.setxattr("f", access, bytes([.owner(6), .owningGroup(0), .group(group, 4), .mask(7), .other(7)])))
                place.expect("write by group \(group), to read", may(O_WRONLY), "EACCES")
            }
        },
        Case("ACL: making things by the right of a named group") { place in
            for (index, group) in ([place.other.group] + place.other.groups).enumerated() {
                let folder = "d\(index)"
                Sys.mkdir(folder)
                place.ok("set", Sys.setxattr(folder, access, bytes([.owner(7), .owningGroup(0), .group(group, 7), .mask(7), .other(0)])))
                place.asOther {
                    Sys.close(place.ok("create", Sys.open("\(folder)/f", O_WRONLY | O_CREAT, 0o644)))
                    place.ok("mkdir", Sys.mkdir("\(folder)/d"))
                    place.ok("mknod", Sys.mknod("\(folder)/p", S_IFIFO | 0o600))
                    place.ok("symlink", Sys.symlink("x", "\(folder)/l"))
                    place.ok("link", Sys.link("\(folder)/f", "\(folder)/h"))
                    place.ok("unnamed", Sys.open(folder, O_RDWR | Int32(K_O_TMPFILE), 0o600))
                    place.ok("rename", Sys.rename("\(folder)/h", "\(folder)/i"))
                    place.ok("unlink", Sys.unlink("\(folder)/i"))
                    place.expect("owner", place.rights("\(folder)/f"), "644 \(place.other.user):\(place.other.group)")
                    place.expect("owner", place.rights("\(folder)/d"), "755 \(place.other.user):\(place.other.group)")
                }
            }
            Sys.mkdir("user")
            place.ok("set", Sys.setxattr("user", access, bytes([.owner(7), .user(place.other.user, 7), .owningGroup(0), .mask(7), .other(0)])))
            place.ok("by a named user", place.asOther { Sys.open("user/f", O_WRONLY | O_CREAT, 0o644) })
            place.ok("masked", Sys.chmod("user", 0o750))
            place.fails("by a masked user", place.asOther { Sys.open("user/g", O_WRONLY | O_CREAT, 0o644) }, EACCES)
        },
        Case("ACL: default ACLs take the place of the umask") { place in
            Sys.mkdir("d")
            place.fails("none", Sys.getxattr("d", inherited).outcome, ENODATA)
            let acl: [ACLEntry] = [.owner(7), .user(4998, 6), .owningGroup(5), .mask(7), .other(1)]
            place.ok("set", Sys.setxattr("d", inherited, bytes(acl)))
            place.expect("acl", describe("d", inherited), "1:7,2(4998):6,4:5,16:7,32:1")
            place.expect("the directory's own mode", place.mode("d"), "40755")
            for mask: UInt32 in [0, 0o022, 0o077, 0o777] {
                Sys.umask(mask)
                let name = place.octal(mask)
                Sys.close(place.ok("open", Sys.open("d/f\(name)", O_WRONLY | O_CREAT, 0o666)))
                place.expect("file", place.mode("d/f\(name)"), "100660")
                place.expect("its acl", describe("d/f\(name)", access), "1:6,2(4998):6,4:5,16:6,32:0")
                place.ok("mkdir", Sys.mkdir("d/d\(name)", 0o770))
                place.expect("directory", place.mode("d/d\(name)"), "40770")
                place.expect("its acl", describe("d/d\(name)", access), "1:7,2(4998):6,4:5,16:7,32:0")
                place.expect("its default", describe("d/d\(name)", inherited), "1:7,2(4998):6,4:5,16:7,32:1")
                place.ok("mknod", Sys.mknod("d/p\(name)", S_IFIFO | 0o640))
                place.expect("fifo", place.mode("d/p\(name)"), "10640")
                let file = place.ok("unnamed", Sys.open("d", O_RDWR | Int32(K_O_TMPFILE), 0o666))
                place.expect("unnamed", place.octal(Sys.stat(of: file).st_mode), "100660")
                place.ok("symlink", Sys.symlink("x", "d/l\(name)"))
                place.expect("link", place.mode("d/l\(name)"), "120777")
                // Beside it the umask counts.
                Sys.close(place.ok("open", Sys.open("f\(name)", O_WRONLY | O_CREAT, 0o666)))
                place.expect("plain file", place.mode("f\(name)"), place.octal(0o100000 | 0o666 & ~mask))
            }
            Sys.umask(0o022)
            place.ok("other's default", Sys.chmod("d", 0o777))
            place.asOther {
                Sys.close(place.ok("open", Sys.open("d/other", O_WRONLY | O_CREAT, 0o666)))
                place.expect("other's", place.rights("d/other"), "660 \(place.other.user):\(place.other.group)")
            }
            place.ok("removed", Sys.removexattr("d", inherited))
            Sys.close(place.ok("open", Sys.open("d/after", O_WRONLY | O_CREAT, 0o666)))
            place.expect("after", place.mode("d/after"), "100644")
        },
        Case("ACL: who may, and what is refused") { place in
            place.make("f")
            Sys.mkdir("d")
            let good = bytes([.owner(6), .user(4998, 4), .owningGroup(4), .mask(4), .other(0)])
            place.fails("other", place.asOther { Sys.setxattr("f", access, good) }, EPERM)
            place.fails("other removes", place.asOther { Sys.removexattr("f", access) }, EPERM)
            place.ok("other reads", { Sys.setxattr("f", access, good); return place.asOther { Sys.getxattr("f", access).outcome } }())
            place.fails("default of a file", Sys.setxattr("f", inherited, good), EACCES)
            place.fails("no mask", Sys.setxattr("f", access, bytes([.owner(6), .user(4998, 4), .owningGroup(4), .other(0)])), EINVAL)
            place.fails("no owner", Sys.setxattr("f", access, bytes([.owningGroup(4), .other(0)])), EINVAL)
            place.fails("out of order", Sys.setxattr("f", access, bytes([.owningGroup(4), .owner(6), .other(0)])), EINVAL)
            place.fails("cut short", Sys.setxattr("f", access, Array(good.dropLast(3))), EINVAL)
            place.fails("of another version", Sys.setxattr("f", access, [9, 0, 0, 0]), EOPNOTSUPP)
            Sys.symlink("f", "link")
            place.fails("link", Sys.setxattr("link", access, good), EOPNOTSUPP)
            place.fails("link's", Sys.getxattr("link", access).outcome, EOPNOTSUPP)
            place.ok("empty", Sys.setxattr("d", inherited, []))
        },
        Case("ACL: set-group-id goes when one of another group sets it") { place in
            for group in [place.me.group, 4999] {
                place.make("f\(group)")
                place.asRoot {
                    Sys.chown("f\(group)", place.me.user, group)
                    Sys.chmod("f\(group)", 0o2755)
                }
                place.ok("set", Sys.setxattr("f\(group)", access, bytes([.owner(7), .user(4998, 4), .owningGroup(5), .mask(5), .other(5)])))
                place.expect("\(group)", place.mode("f\(group)"), place.me.isRoot || group != 4999 ? "102755" : "100755")
            }
        },
        Case("ACL: directories are searched by it") { place in
            Sys.mkdir("d", 0o700)
            place.make("d/f", "text")
            place.fails("other", place.asOther { Sys.stat("d/f").outcome }, EACCES)
            place.ok("set", Sys.setxattr("d", access, bytes([.owner(7), .user(place.other.user, 1), .owningGroup(0), .mask(1), .other(0)])))
            place.ok("other finds", place.asOther { Sys.stat("d/f").outcome })
            place.fails("other lists", place.asOther { Sys.open("d", O_RDONLY) }, EACCES)
            place.fails("other makes", place.asOther { Sys.mkdir("d/new") }, EACCES)
            place.ok("removed", Sys.removexattr("d", access))
            place.note("other afterwards", place.asOther { Sys.stat("d/f").outcome })
        },
    ]
}
