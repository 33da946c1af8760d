// SPDX-License-Identifier: MIT

import ConformanceCalls

// Fifos, sockets, device nodes.

extension Case {
    static let special: [Case] = [
        Case("fifos") { place in
            place.ok("make", Sys.mknod("p", S_IFIFO | 0o600))
            place.fails("there", Sys.mknod("p", S_IFIFO | 0o600), EEXIST)
            place.fails("nobody reads", Sys.open("p", O_WRONLY | O_NONBLOCK), ENXIO)
            let writer = Sys.start { Sys.write(Sys.open("p", O_WRONLY), "through") == 7 ? 0 : 1 }
            let reader = Sys.open("p", O_RDONLY)
            place.expect("read", Sys.text(Sys.read(reader, 20)), "through")
            place.expect("writer", Sys.wait(for: writer), 0)
            place.fails("seek", Sys.lseek(reader, 0, SEEK_CUR), ESPIPE)
            place.ok("chmod", Sys.chmod("p", 0o640))
            place.expect("mode", place.mode("p"), "10640")
            place.ok("unlink", Sys.unlink("p"))
        },
        Case("sockets") { place in
            place.ok("bind", Sys.socket("s", isServer: true))
            place.expect("mode", place.mode("s"), "140755")
            place.ok("connect", Sys.socket("s", isServer: false))
            place.fails("there", Sys.socket("s", isServer: true), EADDRINUSE)
            place.fails("open", Sys.open("s", O_RDWR), ENXIO)
            place.fails("other connects", place.asOther { Sys.socket("s", isServer: false) }, EACCES)
            place.ok("rename", Sys.rename("s", "t"))
            place.ok("connect", Sys.socket("t", isServer: false))
            place.ok("by mknod", Sys.mknod("n", S_IFSOCK | 0o600))
            place.fails("nobody listens", Sys.socket("n", isServer: false), ECONNREFUSED)
        },
        Case("device nodes") { place in
            let error: Int32 = place.me.isRoot ? 0 : EPERM
            place.outcome("null", Sys.mknod("null", S_IFCHR | 0o666, 1, 3), error)
            place.outcome("block", Sys.mknod("block", S_IFBLK | 0o600, 240, 1), error)
            place.outcome("large numbers", Sys.mknod("large", S_IFCHR | 0o600, 4095, 1_048_575), error)
            place.asRoot {
                Sys.unlink("null")
                place.ok("null", Sys.mknod("null", S_IFCHR | 0o666, 1, 3))
                Sys.chmod("null", 0o666)
                place.ok("large", Sys.mknod("large2", S_IFCHR | 0o600, 4095, 1_048_575))
            }
            let status = Sys.stat("large2").status
            place.expect("device", UInt64(status.st_rdev), (UInt64(0xfff) << 8) | 0xff | (UInt64(0xfff00) << 12))
            let file = place.ok("open", Sys.open("null", O_RDWR))
            place.expect("write", Sys.write(file, "gone"), 4)
            place.expect("read", Sys.read(file, 4).outcome, 0)
            // Character device 0,0 is a whiteout: anybody may make it.
            place.ok("whiteout", Sys.mknod("w", S_IFCHR, 0, 0))
            place.fails("a directory", Sys.mknod("x", S_IFDIR | 0o700), EPERM)
            place.fails("nonsense", Sys.mknod("x", 0o170000), EINVAL)
        },
    ]

    static let wholeFilesystem: [Case] = [
        Case("statvfs") { place in
            let statistics = Sys.statvfs(".").statistics
            place.expect("names", statistics.f_namemax, 255)
            place.note("block size", statistics.f_bsize)
            place.note("fragment size", statistics.f_frsize)
            place.expect("some blocks", statistics.f_blocks > 0 && statistics.f_bfree <= statistics.f_blocks, true)
            place.note("blocks", statistics.f_blocks)
            place.note("files", statistics.f_files)
            place.fails("not there", Sys.statvfs("none").outcome, ENOENT)
        },
        Case("fsync, fdatasync, syncfs") { place in
            place.make("f", "text")
            Sys.mkdir("d")
            for (path, flags) in [("f", O_RDWR), ("f", O_RDONLY), ("d", O_RDONLY)] {
                let file = place.open(path, flags)
                place.ok("fsync", Sys.fsync(file))
                place.ok("fdatasync", Sys.fdatasync(file))
                place.ok("syncfs", Sys.syncfs(file))
            }
            Sys.mknod("p", S_IFIFO | 0o600)
            place.fails("fifo", Sys.fsync(Sys.open("p", O_RDWR)), EINVAL)
            place.fails("path", Sys.fsync(Sys.open("f", Int32(K_O_PATH))), EBADF)
        },
    ]

    static let controls: [Case] = [
        Case("ioctl") { place in
            place.make("f", "0123456789")
            Sys.mkdir("d")
            let file = place.open("f", O_RDWR)
            _ = Sys.read(file, 4)
            var value = 0
            place.ok("FIONREAD", Sys.ioctl(file, UInt(K_FIONREAD), &value))
            place.expect("left to read", value, 6)
            place.fails("unknown", Sys.ioctl(file, 0x8008_ff77, &value), ENOTTY)
            place.fails("of a terminal", Sys.ioctl(file, 0x5401, &value), ENOTTY)
            for path in ["f", "d"] {
                let open = place.open(path, O_RDONLY)
                value = 0
                let outcome = Sys.ioctl(open, UInt(K_FS_IOC_GETFLAGS), &value)
                place.note("\(path): GETFLAGS", outcome < 0 ? Sys.name(ofError: -outcome) : "ok")
                let flags = value & 0xffff_ffff
                // No dump: a flag that anybody may set on what is one's own.
                value = flags | 0x40
                place.ok("\(path): SETFLAGS", Sys.ioctl(open, UInt(K_FS_IOC_SETFLAGS), &value))
                value = 0
                place.ok("\(path): GETFLAGS", Sys.ioctl(open, UInt(K_FS_IOC_GETFLAGS), &value))
                place.expect("\(path): set", value & 0x40, 0x40)
                let extended = Sys.ioctl(open, UInt(K_FS_IOC_FSGETXATTR), bytes: 28)
                place.note("\(path): FSGETXATTR", extended.outcome < 0 ? Sys.name(ofError: -extended.outcome) : "\(extended.bytes.prefix(4))")
                value = flags | 0x10
                place.outcome("\(path): immutable", Sys.ioctl(open, UInt(K_FS_IOC_SETFLAGS), &value), place.me.isRoot ? 0 : EPERM)
                place.asRoot {
                    value = flags | 0x10
                    place.ok("\(path): root, immutable", Sys.ioctl(open, UInt(K_FS_IOC_SETFLAGS), &value))
                    place.fails("\(path): chmod", Sys.chmod(path, 0o777), EPERM)
                    place.fails("\(path): rename", Sys.rename(path, "elsewhere"), EPERM)
                    if path == "f" {
                        place.fails("open", Sys.open("f", O_WRONLY), EPERM)
                        place.fails("unlink", Sys.unlink("f"), EPERM)
                        place.fails("link", Sys.link("f", "g"), EPERM)
                    } else {
                        place.fails("create", Sys.open("d/f", O_WRONLY | O_CREAT, 0o600), EPERM)
                    }
                    value = flags
                    place.ok("\(path): back", Sys.ioctl(open, UInt(K_FS_IOC_SETFLAGS), &value))
                }
                place.fails("other", place.asOther { var none = flags; return Sys.ioctl(open, UInt(K_FS_IOC_SETFLAGS), &none) }, EPERM)
            }
        },
    ]
}
