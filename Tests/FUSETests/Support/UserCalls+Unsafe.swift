// SPDX-License-Identifier: MIT
//
// A user of a directory who calls all kinds of things on it, as a seeded generator has it. What comes of a call does not
// matter: it must come back. Nothing blocks by itself (fifos), and nothing is mapped: that would be this process's SIGBUS.
//
// Safe, all of it: C gets strings and buffers that live for the call, and no more than they have room for.

import CLinux
import Glibc

@safe final class UserCalls {
    let directory: String
    private var generator: SplitMix64
    private var files: [Int32] = []
    /// What calls read into and write from. Its content does not matter.
    private let buffer = UnsafeMutableRawPointer.allocate(byteCount: 70_000, alignment: 16)
    /// How many calls succeeded, and failed.
    private(set) var outcomes = (0, 0)

    init(directory: String, seed: UInt64) {
        self.directory = directory
        generator = SplitMix64(state: seed)
        unsafe buffer.initializeMemory(as: UInt8.self, repeating: 0x79, count: 70_000)
    }

    deinit {
        closeAll()
        unsafe buffer.deallocate()
    }

    private func number(_ end: Int) -> Int { Int.random(in: 0..<end, using: &generator) }

    private func path() -> String {
        let names = ["a", "b", "c", "d", "e", "f"]
        var path = directory + "/" + names[number(names.count)]
        if number(3) == 0 { path += "/" + names[number(names.count)] }
        return path
    }

    private func note(_ result: Int) { if result < 0 { outcomes.1 += 1 } else { outcomes.0 += 1 } }
    private func note(_ result: Int32) { note(Int(result)) }

    private func open(_ flags: Int32) {
        let file = unsafe Glibc.open(path(), flags | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0o666)
        note(file)
        guard file >= 0 else { return }
        files.append(file)
        if files.count > 4 { note(close(files.removeFirst())) }
    }

    func closeAll() {
        for file in files { close(file) }
        files = []
    }

    func call() {
        let kind = number(100)
        if kind < 25 { return callOnPath(kind) }
        guard let file = files.randomElement(using: &generator), kind < 80 else {
            let flags = [O_RDONLY, O_RDWR, O_WRONLY, O_RDWR | O_CREAT, O_WRONLY | O_CREAT | O_TRUNC, O_RDWR | O_CREAT | O_EXCL, O_RDONLY | O_DIRECTORY, O_WRONLY | O_APPEND]
            return open(flags[number(flags.count)])
        }
        callOnFile(file, kind)
    }

    private func callOnPath(_ kind: Int) {
        var status = stat()
        switch kind {
        case 0: note(unsafe mkdir(path(), 0o777))
        case 1: note(unsafe rmdir(path()))
        case 2: note(unsafe unlink(path()))
        case 3: note(unsafe rename(path(), path()))
        case 4: note(unsafe clinux_renameat2(AT_FDCWD, path(), AT_FDCWD, path(), UInt32(number(4))))
        case 5: note(unsafe link(path(), path()))
        case 6: note(unsafe symlink("a", path()))
        case 7: note(unsafe readlink(path(), buffer.assumingMemoryBound(to: CChar.self), 4096))
        case 8: note(unsafe clinux_mknodat(AT_FDCWD, path(), S_IFREG | 0o600, 0))
        case 9: note(unsafe clinux_mknodat(AT_FDCWD, path(), S_IFIFO | 0o600, 0))
        case 10, 11: note(unsafe lstat(path(), &status))
        case 12: note(unsafe stat(path(), &status))
        case 13: note(unsafe chmod(path(), 0o755))
        case 14: note(unsafe lchown(path(), 1, 2))
        case 15: note(unsafe truncate(path(), number(3) * 3000))
        case 16: note(unsafe utimensat(AT_FDCWD, path(), nil, 0))
        case 17, 18: note(unsafe clinux_getxattr(path(), "user.x", buffer, [0, 1, 64, 70_000][number(4)]))
        case 19, 20: note(unsafe clinux_listxattr(path(), buffer.assumingMemoryBound(to: CChar.self), [0, 1, 64, 70_000][number(4)]))
        case 21: note(unsafe clinux_setxattr(path(), "user.x", "value", 5, 0))
        case 22: note(unsafe clinux_removexattr(path(), "user.x"))
        case 23: note(unsafe access(path(), R_OK))
        default:
            var statistics = statvfs()
            note(unsafe statvfs(path(), &statistics))
        }
    }

    private func callOnFile(_ file: Int32, _ kind: Int) {
        let offset = [0, 0, 5, 4000, 1 << 20, 1 << 40][number(6)]
        let size = [0, 1, 10, 4096, 65_536][number(5)]
        var lock = flock(l_type: Int16(F_WRLCK), l_whence: Int16(SEEK_SET), l_start: 0, l_len: 10, l_pid: 0)
        switch kind {
        case 25..<35: note(unsafe pread(file, buffer, size, offset))
        case 35..<45: note(unsafe pwrite(file, buffer, size, offset))
        case 45..<48: note(unsafe clinux_getdents64(file, buffer, size))
        case 48: note(lseek(file, offset, SEEK_SET))
        case 49: note(lseek(file, offset, 3))
        case 50: note(lseek(file, offset, 4))
        case 51: note(fsync(file))
        case 52: note(fdatasync(file))
        case 53: note(ftruncate(file, size))
        case 54: note(clinux_fallocate(file, Int32(number(2)), Int64(number(5000)), Int64(size)))
        case 55: note(unsafe fcntl(file, F_GETLK, &lock))
        case 56: note(unsafe fcntl(file, F_SETLK, &lock))
        case 57: note(clinux_flock(file, LOCK_EX | LOCK_NB))
        case 58, 59:
            var polls = pollfd(fd: file, events: Int16(POLLIN | POLLOUT), revents: 0)
            note(unsafe poll(&polls, 1, 0))
        case 60..<63:
            // `_IOWR('s', 1, ...)` of 64 bytes.
            note(unsafe clinux_ioctl(file, 3 << 30 | 64 << 16 | 0x73 << 8 | 1, buffer))
        case 63:
            // FS_IOC_GETFLAGS, which the kernel asks for by itself.
            note(unsafe clinux_ioctl(file, 0x8008_6601, buffer))
        case 64..<68:
            var (from, to) = (Int64(0), Int64(number(5000)))
            let other = files[number(files.count)]
            note(unsafe clinux_copy_file_range(file, &from, other, &to, size, 0))
        case 68..<72:
            var status = stat()
            note(unsafe fstat(file, &status))
        case 72: note(fchmod(file, 0o600))
        case 73: note(unsafe clinux_fgetxattr(file, "user.x", buffer, size))
        default:
            files.removeAll { $0 == file }
            note(close(file))
        }
    }
}
