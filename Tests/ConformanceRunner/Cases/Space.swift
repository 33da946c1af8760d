// SPDX-License-Identifier: MIT

import ConformanceCalls

// Space within files, copies of it, and large files.

private let mebibyte = 1 << 20

extension Case {
    static let space: [Case] = [
        Case("fallocate: modes") { place in
            let file = place.open("f", O_RDWR | O_CREAT)
            place.ok("plain", Sys.fallocate(file, 0, 0, 100_000))
            place.expect("size", place.size("f"), 100_000)
            place.ok("keeping the size", Sys.fallocate(file, K_KEEP_SIZE, 0, 4 * mebibyte))
            place.expect("size", place.size("f"), 100_000)
            place.expect("occupied", Sys.stat("f").status.st_blocks >= 8192, true)
            let text = String(repeating: "a", count: 65536)
            place.expect("write", Sys.pwrite(file, text, at: 0), 65536)
            place.ok("punched", Sys.fallocate(file, K_PUNCH_HOLE | K_KEEP_SIZE, 4096, 8192))
            place.expect("read", Sys.text(Sys.pread(file, 2, at: 4095)), "a\0")
            place.expect("read", Sys.text(Sys.pread(file, 2, at: 12287)), "\0a")
            place.ok("zeroed", Sys.fallocate(file, K_ZERO_RANGE, 20000, 10))
            place.expect("read", Sys.text(Sys.pread(file, 12, at: 19999)), "a" + String(repeating: "\0", count: 10) + "a")
            place.ok("zeroed past the end", Sys.fallocate(file, K_ZERO_RANGE, 90000, 20000))
            place.expect("size", place.size("f"), 110_000)
            place.ok("zeroed, keeping", Sys.fallocate(file, K_ZERO_RANGE | K_KEEP_SIZE, 110_000, 20000))
            place.expect("size", place.size("f"), 110_000)
            place.fails("punched without keeping", Sys.fallocate(file, K_PUNCH_HOLE, 0, 4096), EOPNOTSUPP)
            place.fails("nothing", Sys.fallocate(file, 0, 0, 0), EINVAL)
            place.fails("negative", Sys.fallocate(file, 0, -1, 10), EINVAL)
            place.fails("unknown mode", Sys.fallocate(file, 0x8000, 0, 10), EOPNOTSUPP)
            place.fails("read only", Sys.fallocate(place.open("f", O_RDONLY), 0, 0, 10), EBADF)
            place.fails("too far", Sys.fallocate(file, 0, Int.max - 10, 100), EFBIG)
            Sys.mkdir("d")
            Sys.mknod("p", S_IFIFO | 0o600)
            place.fails("fifo", Sys.fallocate(Sys.open("p", O_RDWR | O_NONBLOCK), 0, 0, 10), ESPIPE)
        },
        Case("fallocate: what moves content is done or refused") { place in
            // FUSE in the kernel refuses these modes without asking anybody; then nothing may have changed.
            for (mode, after) in [(K_COLLAPSE_RANGE, 2 * mebibyte), (K_INSERT_RANGE, 4 * mebibyte)] {
                let file = place.open("f\(mode)", O_RDWR | O_CREAT)
                Sys.ftruncate(file, 3 * mebibyte)
                Sys.pwrite(file, "x", at: 2 * mebibyte)
                let outcome = Sys.fallocate(file, mode, mebibyte, mebibyte)
                let size = place.size("f\(mode)")
                let mark = Sys.text(Sys.pread(file, 1, at: size - mebibyte))
                let isRight = outcome == 0 ? size == after : outcome == -Int(EOPNOTSUPP) && size == 3 * mebibyte
                place.expect("mode \(mode)", isRight && mark == "x", true)
            }
        },
        Case("lseek: SEEK_DATA and SEEK_HOLE") { place in
            let file = place.open("f", O_RDWR | O_CREAT)
            place.ok("truncate", Sys.ftruncate(file, 8 * mebibyte))
            place.expect("no data", Sys.lseek(file, 0, Int32(K_SEEK_DATA)), -Int(ENXIO))
            place.expect("all hole", Sys.lseek(file, 0, Int32(K_SEEK_HOLE)), 0)
            Sys.pwrite(file, String(repeating: "x", count: 65536), at: 2 * mebibyte)
            Sys.pwrite(file, String(repeating: "x", count: 65536), at: 5 * mebibyte)
            place.ok("fsync", Sys.fsync(file))
            place.expect("data", Sys.lseek(file, 0, Int32(K_SEEK_DATA)), 2 * mebibyte)
            place.expect("hole", Sys.lseek(file, 2 * mebibyte, Int32(K_SEEK_HOLE)), 2 * mebibyte + 65536)
            place.expect("next data", Sys.lseek(file, 3 * mebibyte, Int32(K_SEEK_DATA)), 5 * mebibyte)
            place.expect("last hole", Sys.lseek(file, 5 * mebibyte, Int32(K_SEEK_HOLE)), 5 * mebibyte + 65536)
            place.fails("behind the last", Sys.lseek(file, 6 * mebibyte, Int32(K_SEEK_DATA)), ENXIO)
            place.fails("behind the end", Sys.lseek(file, 8 * mebibyte, Int32(K_SEEK_HOLE)), ENXIO)
            place.expect("the end is one", Sys.lseek(file, 8 * mebibyte - 1, Int32(K_SEEK_HOLE)), 8 * mebibyte - 1)
            for offset in [-1, Int.min] {
                place.fails("before the start", Sys.lseek(file, offset, Int32(K_SEEK_DATA)), ENXIO)
                place.fails("before the start", Sys.lseek(file, offset, Int32(K_SEEK_HOLE)), ENXIO)
            }
            place.expect("position", Sys.lseek(file, 0, SEEK_CUR), 8 * mebibyte - 1)
        },
    ]

    static let copying: [Case] = [
        Case("copy_file_range") { place in
            place.make("f", "0123456789")
            place.make("g", "abcdefghij")
            let from = place.open("f", O_RDONLY), to = place.open("g", O_RDWR)
            place.expect("copied", Sys.copy(from, at: 2, to, at: 4, 3), 3)
            place.expect("text", place.text("g"), "abcd234hij")
            place.expect("up to the end", Sys.copy(from, at: 8, to, at: 9, 100), 2)
            place.expect("text", place.text("g"), "abcd234hi89")
            place.expect("from behind the end", Sys.copy(from, at: 20, to, at: 0, 5), 0)
            place.expect("far", Sys.copy(from, at: 0, to, at: 1 << 33, 10), 10)
            place.expect("size", place.size("g"), (1 << 33) + 10)
            place.fails("to a reader", Sys.copy(to, at: 0, from, at: 0, 5), EBADF)
            place.fails("to an appender", Sys.copy(from, at: 0, place.open("g", O_WRONLY | O_APPEND), at: 0, 5), EBADF)
            place.fails("over itself", Sys.copy(to, at: 0, to, at: 2, 5), EINVAL)
            place.expect("within one file", Sys.copy(to, at: 0, to, at: 100, 5), 5)
            place.expect("text", Sys.text(Sys.pread(to, 5, at: 100)), "abcd2")
            Sys.mkdir("d")
            place.fails("from a directory", Sys.copy(Sys.open("d", O_RDONLY), at: 0, to, at: 0, 5), EISDIR)
            let big = place.open("big", O_RDWR | O_CREAT)
            for index in 0..<24 { Sys.pwrite(big, String(repeating: "\(index % 10)", count: 131072), at: index * 131072) }
            let copy = place.open("copy", O_RDWR | O_CREAT)
            var done = 0
            while done < 24 * 131072 {
                let count = Sys.copy(big, at: done, copy, at: done, 24 * 131072 - done)
                if count <= 0 { break }
                done += count
            }
            place.expect("much", done, 24 * 131072)
            place.expect("the same", (0..<24).allSatisfy { Sys.pread(big, 131072, at: $0 * 131072).bytes == Sys.pread(copy, 131072, at: $0 * 131072).bytes }, true)
            place.expect("sendfile", Sys.sendfile(place.open("sent", O_WRONLY | O_CREAT), from, 10), 10)
            place.expect("text", place.text("sent"), "0123456789")
        },
        Case("reflinks are made or refused as by the filesystem") { place in
            place.make("f", "0123456789")
            let to = place.open("g", O_RDWR | O_CREAT)
            let outcome = Sys.ioctl(to, UInt(K_FICLONE), number: place.open("f", O_RDONLY))
            place.note("FICLONE", outcome < 0 ? Sys.name(ofError: -outcome) : "ok")
        },
    ]

    static let largeFiles: [Case] = [
        Case("large files") { place in
            let file = place.open("f", O_RDWR | O_CREAT)
            for offset in [(1 << 31) - 2, (1 << 32) - 2, 5 << 30, 1 << 40] {
                place.expect("write", Sys.pwrite(file, "abcd", at: offset), 4)
                place.expect("size", place.size("f"), offset + 4)
                place.expect("read", Sys.text(Sys.pread(file, 9, at: offset)), "abcd")
                place.expect("before", Sys.text(Sys.pread(file, 3, at: offset - 2)), "\0\0a")
                place.expect("end", Sys.lseek(file, 0, SEEK_END), offset + 4)
            }
            place.ok("truncate", Sys.truncate("f", (1 << 32) + 1))
            place.expect("size", place.size("f"), (1 << 32) + 1)
            place.expect("read", Sys.text(Sys.pread(file, 9, at: (1 << 32) - 2)), "abc")
            let memory = Mapping(file, 4096, offset: 1 << 32)
            memory[0] = 0x7a
            place.expect("mapped", Sys.text(Sys.pread(file, 9, at: 1 << 32)), "z")
            place.fails("negative size", Sys.truncate("f", -1), EINVAL)
            place.fails("beyond all", Sys.ftruncate(file, Int.max), EFBIG)
        },
        Case("large files: the limit of the process") { place in
            place.make("f", "0123456789")
            place.expect("status", Sys.run {
                let file = Sys.open("f", O_RDWR)
                guard Sys.limitFileSize(15) == 0 else { return 9 }
                if Sys.pwrite(file, "abcdefghij", at: 8) != 7 { return 1 }
                if Sys.pwrite(file, "x", at: 15) != -Int(EFBIG) { return 2 }
                if Sys.ftruncate(file, 16) != -Int(EFBIG) { return 3 }
                if Sys.fallocate(file, 0, 0, 20) != -Int(EFBIG) { return 4 }
                return Sys.ftruncate(file, 3) == 0 ? 0 : 5
            }, 0)
            place.expect("size", place.size("f"), 3)
        },
    ]
}
