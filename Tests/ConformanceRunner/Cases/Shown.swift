// SPDX-License-Identifier: MIT

import ConformanceCalls

// What stat(2) shows right after something was done, while all attributes of before are still fresh in whatever remembers
// them.

/// What may change, a letter each: mode, links, owner, group, size, blocks, time of modification, time of change.
private struct Look {
    private let fields: [(Character, String)]

    init(_ path: String) {
        let status = Sys.stat(path).status
        fields = [
            ("p", "\(status.st_mode)"), ("l", "\(status.st_nlink)"), ("u", "\(status.st_uid)"), ("g", "\(status.st_gid)"),
            ("s", "\(status.st_size)"), ("b", "\(status.st_blocks)"), ("m", "\(status.st_mtim.tv_sec).\(status.st_mtim.tv_nsec)"),
            ("c", "\(status.st_ctim.tv_sec).\(status.st_ctim.tv_nsec)"),
        ]
    }

    func changes(to later: Look) -> String {
        let letters = zip(fields, later.fields).filter { $0.1 != $1.1 }.map { String($0.0.0) }.joined()
        return letters.isEmpty ? "nothing" : letters
    }
}

extension Place {
    /// Says what an action changes, of a path. The clock ticks on before: what falls into one tick would look alike.
    fileprivate func shows(_ label: String, _ path: String, _ action: () -> Void) {
        let before = Look(path)
        _ = usleep(6000)
        action()
        note("\(label): \(path)", before.changes(to: Look(path)))
    }
}

extension Case {
    static let shown: [Case] = [
        Case("shown at once: what is done to a file") { place in
            place.make("f", String(repeating: "a", count: 8192), mode: 0o640)
            place.make("other", String(repeating: "b", count: 8192))
            let file = place.open("f", O_RDWR), second = place.open("f", O_RDWR), other = place.open("other", O_RDONLY)
            place.shows("nothing", "f") {}
            place.shows("write", "f") { Sys.pwrite(file, "text", at: 0) }
            place.shows("write by another", "f") { Sys.pwrite(second, "text", at: 100) }
            place.shows("grow", "f") { Sys.pwrite(second, "text", at: 20000) }
            place.shows("truncate", "f") { Sys.truncate("f", 5000) }
            place.shows("ftruncate", "f") { Sys.ftruncate(file, 9000) }
            place.shows("fallocate", "f") { place.ok("fallocate", Sys.fallocate(file, 0, 0, 40960)) }
            place.shows("fallocate, size kept", "f") { _ = Sys.fallocate(file, 1, 40960, 40960) }
            place.shows("punch", "f") { _ = Sys.fallocate(file, 3, 0, 8192) }
            place.shows("copy", "f") { place.ok("copy", Sys.copy(other, at: 0, file, at: 0, 8192)) }
            place.shows("copy", "other") { place.ok("copy", Sys.copy(other, at: 0, file, at: 0, 4096)) }
            place.shows("chmod", "f") { Sys.chmod("f", 0o604) }
            place.shows("chown", "f") { Sys.chown("f", place.me.user, place.me.group) }
            place.shows("touch", "f") { _ = Sys.touch("f") }
            place.shows("link", "f") { Sys.link("f", "name") }
            place.shows("link", "name") { Sys.unlink("f") }
            place.shows("rename", "name") { Sys.rename("name", "f"); Sys.link("f", "name") }
            place.shows("replace", "f") { Sys.rename("other", "name") }
            place.shows("sync", "f") { _ = Sys.fsync(file) }
            place.shows("open, truncated", "f") { _ = place.open("f", O_WRONLY | O_TRUNC) }
        },
        Case("shown at once: attributes") { place in
            place.make("f", "text")
            Sys.mkdir("d")
            for path in ["f", "d"] {
                place.shows("set", path) { place.ok("set", Sys.setxattr(path, "user.one", "value")) }
                place.shows("set again", path) { place.ok("set", Sys.setxattr(path, "user.one", "other")) }
                place.shows("remove", path) { place.ok("remove", Sys.removexattr(path, "user.one")) }
            }
        },
        Case("shown at once: access control lists") { place in
            place.make("f", "text", mode: 0o600)
            // An ACL that is no more than a mode: 0640.
            let list: [UInt8] = [2, 0, 0, 0] + [(1, 6), (4, 4), (32, 0)].flatMap { [$0.0, 0, $0.1, 0, 255, 255, 255, 255] }
            place.shows("set", "f") { place.ok("set", Sys.setxattr("f", "system.posix_acl_access", list)) }
            place.expect("mode", place.mode("f"), "100640")
            place.shows("remove", "f") { place.ok("remove", Sys.removexattr("f", "system.posix_acl_access")) }
        },
        Case("shown at once: directories") { place in
            Sys.mkdir("d")
            Sys.mkdir("e")
            place.shows("create", "d") { place.make("d/f") }
            place.shows("mkdir", "d") { Sys.mkdir("d/sub") }
            place.shows("symlink", "d") { Sys.symlink("f", "d/l") }
            place.shows("link", "d") { Sys.link("d/f", "d/name") }
            place.shows("unlink", "d") { Sys.unlink("d/name") }
            place.shows("rename to", "e") { Sys.rename("d/sub", "e/sub") }
            place.shows("rename from", "d") { Sys.rename("d/f", "e/f") }
            place.shows("rmdir", "e") { Sys.rmdir("e/sub") }
            place.shows("write", "e") { Sys.close(place.open("e/f", O_WRONLY)) }
        },
        Case("shown at once: stores through a mapping") { place in
            place.make("f", String(repeating: "a", count: 8192))
            let file = place.open("f", O_RDWR)
            let memory = Mapping(file, 8192)
            guard memory.outcome == 0 else { return place.expect("map", memory.outcome, 0) }
            place.shows("store and sync", "f") {
                memory.put("stored", at: 0)
                _ = memory.sync()
            }
            Sys.close(file)
            place.shows("after the close", "f") {
                memory.put("again", at: 4096)
                _ = memory.sync()
            }
            // By the mapping that is left when it was open elsewhere meanwhile.
            Sys.close(place.open("f", O_RDWR))
            place.shows("after another's close", "f") {
                memory.put("more", at: 100)
                _ = memory.sync()
            }
        },
        Case("shown at once: attribute flags") { place in
            place.make("f", "text")
            Sys.mkdir("d")
            for path in ["f", "d"] {
                let file = place.open(path, O_RDONLY)
                var flags = 0
                guard Sys.ioctl(file, UInt(K_FS_IOC_GETFLAGS), &flags) == 0 else { return place.note("flags", "none") }
                // FS_NOATIME_FL of linux/fs.h.
                var wanted = flags ^ 0x80
                place.shows("set", path) { place.ok("set", Sys.ioctl(file, UInt(K_FS_IOC_SETFLAGS), &wanted)) }
                place.shows("set back", path) { place.ok("set", Sys.ioctl(file, UInt(K_FS_IOC_SETFLAGS), &flags)) }
            }
        },
    ]
}
