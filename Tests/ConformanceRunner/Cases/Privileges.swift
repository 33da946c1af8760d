// SPDX-License-Identifier: MIT

import ConformanceCalls

// Set-user-id, set-group-id and file capabilities go when somebody changes the content, and stay when it is root. What
// exactly happens is Linux's affair (`file_remove_privs`, `setattr_prepare`), and differs from operation to operation:
// natively and elsewhere it must be the same.

/// A value of `security.capability`: version 2, CAP_NET_RAW permitted and effective.
private let capability: [UInt8] = [1, 0, 0, 2, 0, 0x20, 0, 0] + [UInt8](repeating: 0, count: 12)

private struct Change: Sendable {
    var name: String
    /// How the file is open meanwhile.
    var flags: Int32
    /// Is given the path and the descriptor.
    var act: @Sendable (String, Int) -> Int

    init(_ name: String, _ flags: Int32 = O_RDWR, _ act: @escaping @Sendable (String, Int) -> Int) {
        self.name = name
        self.flags = flags
        self.act = act
    }
}

extension Case {
    private static let changes: [Change] = [
        Change("write") { _, file in Sys.write(file, "x") },
        Change("pwrite") { _, file in Sys.pwrite(file, "x", at: 3) },
        Change("write nothing") { _, file in Sys.write(file, "") },
        Change("append") { path, _ in Sys.write(Sys.open(path, O_WRONLY | O_APPEND), "x") },
        Change("direct write") { path, _ in Sys.aligned(Sys.open(path, O_WRONLY | Int32(K_O_DIRECT)), 4096, at: 0, writing: true) },
        Change("synchronous write") { path, _ in Sys.write(Sys.open(path, O_WRONLY | O_SYNC), "x") },
        Change("mapped store") { _, file in
            let memory = Mapping(file, 4096)
            if memory.outcome < 0 { return memory.outcome }
            memory[0] = 0x78
            return memory.sync()
        },
        Change("truncate") { path, _ in Sys.truncate(path, 3) },
        Change("truncate to the same size") { path, _ in Sys.truncate(path, 4096) },
        Change("ftruncate") { _, file in Sys.ftruncate(file, 5000) },
        Change("open with O_TRUNC") { path, _ in Sys.open(path, O_WRONLY | O_TRUNC) },
        Change("open and close") { path, _ in Sys.close(Sys.open(path, O_RDWR)) },
        Change("fallocate") { _, file in Sys.fallocate(file, 0, 0, 8192) },
        Change("fallocate, punched") { _, file in Sys.fallocate(file, K_PUNCH_HOLE | K_KEEP_SIZE, 0, 4096) },
        Change("fallocate, zeroed") { _, file in Sys.fallocate(file, K_ZERO_RANGE, 0, 4096) },
        Change("copy_file_range") { _, file in Sys.copy(Sys.open("from", O_RDONLY), at: 0, file, at: 0, 8) },
        Change("sendfile") { _, file in Sys.sendfile(file, Sys.open("from", O_RDONLY), 8) },
        // Not open for writing, and not just closed either: a server may learn of a close later than the next call.
        Change("chown of nothing", O_RDONLY) { path, _ in Sys.chown(path, .max, .max) },
        Change("chown of nothing while it is open for writing") { path, _ in Sys.chown(path, .max, .max) },
        Change("utimens") { path, _ in Sys.touch(path) },
        Change("xattr") { path, _ in Sys.setxattr(path, "user.a", "1") },
        Change("fsync") { _, file in Sys.fsync(file) },
    ]

    private static func privileges(_ change: Change, _ place: Place, by identity: Identity, _ mode: UInt32, _ owner: UInt32) {
        let path = "f"
        place.asRoot {
            place.make(path, String(repeating: "a", count: 4096))
            Sys.chown(path, owner, place.other.group)
            // The capability first: setting it is a change of its own, but takes no bits.
            _ = Sys.setxattr(path, "security.capability", capability)
            Sys.chmod(path, mode)
        }
        place.act(as: identity) {
            let file = Sys.open(path, change.flags)
            let outcome = file < 0 ? file : change.act(path, file)
            let after = "\(place.octal(Sys.stat(path).status.st_mode & 0o7777))"
            let kept = place.asRoot { Sys.getxattr(path, "security.capability").outcome > 0 }
            // What another descriptor and root see is the same.
            let seen = place.asRoot { place.octal(Sys.stat(of: file).st_mode & 0o7777) }
            place.note(
                "\(identity.name) \(place.octal(mode)) of \(owner)",
                "\(outcome < 0 ? Sys.name(ofError: -outcome) : "ok") \(after) \(seen) \(kept ? "capable" : "-")")
        }
        place.asRoot { Sys.unlink(path) }
    }

    static let privileges: [Case] = changes.map { change in
        Case("privileges: \(change.name)") { place in
            place.make("from", "01234567")
            for mode: UInt32 in [0o6777, 0o4766, 0o2767, 0o2776] {
                for owner in [place.me.user, 4999] {
                    privileges(change, place, by: place.me, mode, owner)
                    privileges(change, place, by: place.other, mode, owner)
                }
            }
        }
    } + [
        Case("privileges: what a write by another takes, and root's leaves") { place in
            for (identity, left) in [(place.other, "104000"), (.root, "106777")] where identity.user != place.me.user || place.me.isRoot {
                place.asRoot {
                    place.make("f", "text")
                    Sys.chmod("f", 0o6777)
                }
                let file = place.act(as: identity) { Sys.open("f", O_WRONLY) }
                place.act(as: identity) { place.expect("write", Sys.write(file, "T"), 1) }
                place.expect("after \(identity.name)'s", place.mode("f"), left == "104000" ? "100777" : left)
                // Once more while it is open: the bits can come back.
                place.asRoot { Sys.chmod("f", 0o4777) }
                place.act(as: identity) { place.expect("write", Sys.write(file, "E"), 1) }
                place.expect("again after \(identity.name)'s", place.mode("f"), left == "104000" ? "100777" : "104777")
                place.asRoot { Sys.unlink("f") }
            }
        },
        Case("privileges: by an inherited descriptor") { place in
            place.asRoot {
                place.make("f", "text")
                Sys.chmod("f", 0o6755)
            }
            // Root opens; another writes: it is the writer who counts.
            let file = place.asRoot { Sys.open("f", O_WRONLY) }
            place.asOther { place.expect("write", Sys.write(file, "T"), 1) }
            place.expect("mode", place.mode("f"), "100755")
        },
        Case("privileges: CAP_FSETID is what counts") { place in
            // Root without it loses the bits like anybody; who has it leaves them, and takes the file's capabilities alone.
            for (identity, isOn, left) in [(Identity.root, false, "100777"), (place.other, true, "106777")] {
                place.asRoot {
                    place.make("f", "text")
                    _ = Sys.setxattr("f", "security.capability", capability)
                    Sys.chmod("f", 0o6777)
                }
                place.act(as: identity) {
                    place.ok("\(identity.name)", Sys.set(capability: Int(K_CAP_FSETID), isOn))
                    let file = Sys.open("f", O_WRONLY)
                    place.expect("write", Sys.write(file, "T"), 1)
                    place.expect("synchronous write", Sys.write(Sys.open("f", O_WRONLY | O_SYNC), "T"), 1)
                }
                place.expect("after \(identity.name)'s", place.mode("f"), left)
                place.asRoot {
                    place.note("capabilities", Sys.name(ofError: -Sys.getxattr("f", "security.capability").outcome))
                    Sys.unlink("f")
                }
            }
        },
        Case("privileges: those of a user namespace count for nothing") { place in
            for (identity, left) in [(place.other, "100777"), (.root, "100777")] {
                place.asRoot {
                    place.make("f", "text")
                    _ = Sys.setxattr("f", "security.capability", capability)
                    Sys.chmod("f", 0o6777)
                }
                place.expect("\(identity.name)", Sys.run {
                    guard Sys.become(identity.user, identity.group, identity.groups) == 0 else { return 99 }
                    Sys.leaveUserNamespace()
                    return Sys.write(Sys.open("f", O_WRONLY), "T")
                }, 1)
                place.expect("after \(identity.name)'s", place.mode("f"), left)
                place.asRoot { Sys.unlink("f") }
            }
        },
    ]
}
