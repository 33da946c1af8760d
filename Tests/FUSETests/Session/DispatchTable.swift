// SPDX-License-Identifier: MIT

import FUSE
import FUSEWire
import SystemPackage
import Testing

/// A request, the call that it must become, and the body that must answer it.
struct Dispatched: CustomTestStringConvertible {
    let opcode: Opcode
    let structure: [UInt8]
    let payload: [UInt8]
    let call: String
    let body: [UInt8]

    init(_ opcode: Opcode, _ structure: [UInt8] = [], _ payload: [UInt8] = [], call: String, body: [UInt8] = []) {
        self.opcode = opcode
        self.structure = structure
        self.payload = payload
        self.call = call
        self.body = body
    }

    var testDescription: String { "\(opcode): \(call)" }
    var message: [UInt8] { request(opcode, structure: structure, payload: payload) }

    // What `RecordingFS` answers, as the kernel is to see it, field by field.
    static let attr = Attr(
        ino: 77, size: 1025, blocks: 3, atime: 10, mtime: UInt64(bitPattern: -20), ctime: 30, atimensec: 11, mtimensec: 21,
        ctimensec: 31, mode: 0o100600, nlink: 2, uid: 1000, gid: 100, rdev: 0x45 | 0xabc << 8 | 0x123 << 20, blksize: 8192)
    static let entry = entry(0o100000)
    static func entry(_ type: UInt32) -> [UInt8] {
        var attr = Self.attr
        attr.ino = 88
        attr.mode = type | 0o600
        return bytes(
            EntryOut(
                nodeid: 0x9900, generation: 3, entry_valid: 4, attr_valid: 6, entry_valid_nsec: 5, attr_valid_nsec: 7, attr: attr))
    }
    static let attributes = bytes(AttrOut(attr_valid: 8, attr_valid_nsec: 9, attr: attr))
    static let opened = bytes(OpenOut(fh: 0x4242))
    static let statistics = bytes(
        StatfsOut(st: Kstatfs(blocks: 1, bfree: 2, bavail: 3, files: 4, ffree: 5, bsize: 6, namelen: 7, frsize: 8)))
    static let plainEntry = bytes(Dirent(ino: 21, off: 1, namelen: 3, type: 8)) + [UInt8]("one\0\0\0\0\0".utf8)

    static let name = "a name".withNUL
    static let two = "from".withNUL + "towards".withNUL

    static let all: [Dispatched] = names + files + directories + attributesAndLocks + pollAndIoctl

    static let names: [Dispatched] = [
        Dispatched(.lookup, [], name, call: "lookup a name in 7", body: entry),
        Dispatched(.getattr, bytes(GetattrIn(fh: 5)), call: "getattr 7 no handle", body: attributes),
        Dispatched(.getattr, bytes(GetattrIn(getattr_flags: 1, fh: 5)), call: "getattr 7 #5", body: attributes),
        Dispatched(
            .statx, bytes(StatxIn(getattr_flags: 1, fh: 5, sx_mask: 0x800)), call: "statx 7 #5",
            body: bytes(
                StatxOut(
                    attr_valid: 8, attr_valid_nsec: 9,
                    stat: Statx(
                        mask: 0xfff, blksize: 8192, nlink: 2, uid: 1000, gid: 100, mode: 0o100600, ino: 77, size: 1025, blocks: 3,
                        atime: SxTime(tv_sec: 10, tv_nsec: 11), btime: SxTime(tv_sec: -40, tv_nsec: 41),
                        ctime: SxTime(tv_sec: 30, tv_nsec: 31), mtime: SxTime(tv_sec: -20, tv_nsec: 21), rdev_major: 0xabc,
                        rdev_minor: 0x12345)))),
        Dispatched(
            .setattr, bytes(SetattrIn(valid: SetattrValid([.size, .fh]).rawValue, fh: 5, size: 6)), call: "setattr 7 [size 6] #5",
            body: attributes),
        Dispatched(.readlink, call: "readlink 7 room 4095", body: [UInt8]("../target".utf8)),
        Dispatched(
            .mknod, bytes(MknodIn(mode: 0o020640, rdev: 0x01234567, umask: 0o27)), name,
            call: "mknod a name in 7 mode 20640 umask 27 device 837:4711", body: entry(0o20000)),
        Dispatched(
            .mkdir, bytes(MkdirIn(mode: 0o41755, umask: 0o22)), name,
            call: "mkdir a name in 7 mode 41755 umask 22 device 0:0", body: entry(0o40000)),
        Dispatched(.symlink, [], name + "/any/../target".withNUL, call: "symlink a name in 7 to /any/../target", body: entry(0o120000)),
        Dispatched(.unlink, [], name, call: "unlink a name in 7"),
        Dispatched(.rmdir, [], name, call: "rmdir a name in 7"),
        Dispatched(.rename, bytes(RenameIn(newdir: 9)), two, call: "rename from in 7 to towards in 9 flags 0"),
        Dispatched(.rename2, bytes(Rename2In(newdir: 9, flags: 2)), two, call: "rename from in 7 to towards in 9 flags 2"),
        Dispatched(.link, bytes(LinkIn(oldnodeid: 12)), name, call: "link 12 to a name in 7", body: entry),
        Dispatched(.access, bytes(AccessIn(mask: 5)), call: "access 7 5"),
        Dispatched(.statfs, call: "statfs 7", body: statistics),
    ]

    static let files: [Dispatched] = [
        Dispatched(
            .open, bytes(OpenIn(flags: 0o1002, open_flags: 1)), call: "open 7 flags 514 kill true", body: opened),
        Dispatched(
            .create, bytes(CreateIn(flags: 0o102, mode: 0o100644, umask: 0o22)), name,
            call: "create a name in 7 mode 100644 umask 22 device 0:0 flags 66 kill false", body: entry + opened),
        Dispatched(
            .tmpfile, bytes(CreateIn(flags: 2, mode: 0o100600, open_flags: 1)), "#1".withNUL,
            call: "tmpfile in 7 mode 100600 umask 0 device 0:0 flags 2 kill true", body: entry + opened),
        Dispatched(
            .read, bytes(ReadIn(fh: 5, offset: 1 << 40, size: 4096)), call: "read 7#5 at 1099511627776 room 4096",
            body: [UInt8]("some data".utf8)),
        Dispatched(
            .read, bytes(ReadIn(fh: 5, offset: 0, size: 4)), call: "read 7#5 at 0 room 4", body: [UInt8]("some".utf8)),
        Dispatched(.read, bytes(ReadIn(fh: 5)), call: "read 7#5 at 0 room 0"),
        Dispatched(
            .write, bytes(WriteIn(fh: 5, offset: 6, size: 4, write_flags: 5)), [UInt8]("data".utf8),
            call: "write 7#5 at 6 data options 5", body: bytes(WriteOut(size: 4))),
        // What is a flag of the wire alone (a lock owner is there) is none of the filesystem's.
        Dispatched(
            .write, bytes(WriteIn(fh: 5, size: 0, write_flags: 2)), call: "write 7#5 at 0  options 0", body: bytes(WriteOut())),
        // O_DSYNC, O_SYNC; O_APPEND with it.
        Dispatched(
            .write, bytes(WriteIn(fh: 5, size: 0, flags: 0o10001)), call: "write 7#5 at 0  options \(1 << 30)", body: bytes(WriteOut())),
        Dispatched(
            .write, bytes(WriteIn(fh: 5, size: 0, flags: 0o4010001)), call: "write 7#5 at 0  options \(3 << 29)", body: bytes(WriteOut())),
        Dispatched(
            .write, bytes(WriteIn(fh: 5, size: 0, flags: 0o12001)), call: "write 7#5 at 0  options \(3 << 30)", body: bytes(WriteOut())),
        // More data than the structure speaks of.
        Dispatched(
            .write, bytes(WriteIn(fh: 5, size: 2)), [UInt8]("data".utf8), call: "write 7#5 at 0 da options 0",
            body: bytes(WriteOut(size: 2))),
        Dispatched(.flush, bytes(FlushIn(fh: 5, lock_owner: 6)), call: "flush 7#5 owner 6"),
        Dispatched(.release, bytes(ReleaseIn(fh: 5, flags: 2)), call: "release 7#5"),
        Dispatched(.fsync, bytes(FsyncIn(fh: 5)), call: "fsync 7#5 data false"),
        Dispatched(.fsync, bytes(FsyncIn(fh: 5, fsync_flags: 1)), call: "fsync 7#5 data true"),
        Dispatched(
            .fallocate, bytes(FallocateIn(fh: 5, offset: 1, length: 2, mode: 3)), call: "fallocate 7#5 mode 3 at 1 of 2"),
        Dispatched(
            .lseek, bytes(LseekIn(fh: 5, offset: 9, whence: 3)), call: "lseek 7#5 to 9 whence 3",
            body: bytes(LseekOut(offset: 4096))),
        Dispatched(
            .copyFileRange,
            bytes(CopyFileRangeIn(fh_in: 1, off_in: 2, nodeid_out: 3, fh_out: 4, off_out: 5, len: 6, flags: 7)),
            call: "copy 7#1 at 2 to 3#4 at 5 of 6 flags 7", body: bytes(WriteOut(size: 6))),
        // The older form's answer has 32 bits.
        Dispatched(
            .copyFileRange, bytes(CopyFileRangeIn(len: 1 << 40)), call: "copy 7#0 at 0 to 0#0 at 0 of 1073741824 flags 0",
            body: bytes(WriteOut(size: 1 << 30))),
        Dispatched(
            .copyFileRange64, bytes(CopyFileRangeIn(len: 1 << 40)),
            call: "copy 7#0 at 0 to 0#0 at 0 of 1099511627776 flags 0", body: bytes(CopyFileRangeOut(bytes_copied: 1 << 40))),
    ]

    static let directories: [Dispatched] = [
        Dispatched(
            .opendir, bytes(OpenIn(flags: 0o200000)), call: "opendir 7 flags 65536 kill false",
            body: bytes(OpenOut(fh: 0x4343, open_flags: OpenFlags.cacheDir.rawValue))),
        Dispatched(
            .readdir, bytes(ReadIn(fh: 5, offset: 6, size: 512)), call: "readdir 7#5 from 6 room 512", body: plainEntry),
        Dispatched(
            .readdirplus, bytes(ReadIn(fh: 5, offset: 6, size: 512)), call: "readdirplus 7#5 from 6", body: entry + plainEntry),
        Dispatched(.releasedir, bytes(ReleaseIn(fh: 5)), call: "releasedir 7#5"),
        Dispatched(.fsyncdir, bytes(FsyncIn(fh: 5, fsync_flags: 1)), call: "fsyncdir 7#5 data true"),
        Dispatched(.syncfs, bytes(SyncfsIn()), call: "syncfs 7"),
    ]

    static let attributesAndLocks: [Dispatched] = [
        Dispatched(
            .getxattr, bytes(GetxattrIn(size: 64)), "user.x".withNUL, call: "getxattr user.x of 7 room 64",
            body: [UInt8]("value".utf8)),
        Dispatched(
            .getxattr, bytes(GetxattrIn(size: 0)), "user.x".withNUL, call: "getxattr user.x of 7 room 0",
            body: bytes(GetxattrOut(size: 5))),
        Dispatched(
            .listxattr, bytes(GetxattrIn(size: 64)), call: "listxattr 7 room 64", body: [UInt8]("user.a\0user.b\0".utf8)),
        Dispatched(.listxattr, bytes(GetxattrIn(size: 0)), call: "listxattr 7 room 0", body: bytes(GetxattrOut(size: 14))),
        // The older form of the structure: the longer one takes a capability that this filesystem did not name.
        Dispatched(
            .setxattr, Array(bytes(SetxattrIn(size: 5, flags: 2))[..<8]), "user.x".withNUL + [UInt8]("value".utf8),
            call: "setxattr user.x of 7 to value options 2"),
        Dispatched(.removexattr, [], "user.x".withNUL, call: "removexattr user.x of 7"),
        // Names of attributes are not names of entries.
        Dispatched(.removexattr, [], "user./..".withNUL, call: "removexattr user./.. of 7"),
        Dispatched(
            .getlk, bytes(LkIn(fh: 5, owner: 6, lk: FuseFileLock(start: 7, end: 8, type: 1, pid: 9))),
            call: "getlk 7#5 write 7-8 by 9 owner 6",
            body: bytes(LkOut(lk: FuseFileLock(start: 1, end: 2, type: 0, pid: 3)))),
        // Nothing in the way.
        Dispatched(
            .getlk, bytes(LkIn(fh: 5, owner: 6, lk: FuseFileLock(start: 7, end: 8, type: 0, pid: 9))),
            call: "getlk 7#5 read 7-8 by 9 owner 6",
            body: bytes(LkOut(lk: FuseFileLock(type: 2)))),
        Dispatched(
            .setlk, bytes(LkIn(fh: 5, owner: 6, lk: FuseFileLock(end: 8, type: 2), lk_flags: 1)),
            call: "setlk 7#5 unlock 0-8 by 0 owner 6 wait false flock true"),
        Dispatched(
            .setlkw, bytes(LkIn(fh: 5, owner: 6, lk: FuseFileLock(end: 8, type: 1))),
            call: "setlk 7#5 write 0-8 by 0 owner 6 wait true flock false"),
    ]

    static let pollAndIoctl: [Dispatched] = [
        Dispatched(
            .poll, bytes(PollIn(fh: 5, kh: 6, events: 0x41)), call: "poll 7#5 for 65 waker false", body: bytes(PollOut(revents: 1))),
        Dispatched(
            .poll, bytes(PollIn(fh: 5, kh: 6, flags: 1, events: 4)), call: "poll 7#5 for 4 waker true",
            body: bytes(PollOut(revents: 1))),
        Dispatched(
            .ioctl, bytes(IoctlIn(fh: 5, flags: 0x11, cmd: 6, arg: 7, in_size: 4, out_size: 4)), [UInt8]("data".utf8),
            call: "ioctl 7#5 6 7 compat on a directory data room 4", body: bytes(IoctlOut(result: 5)) + [UInt8]("resu".utf8)),
        Dispatched(.ioctl, bytes(IoctlIn(fh: 5)), call: "ioctl 7#5 0 0  room 0", body: bytes(IoctlOut(result: 5))),
    ]

    /// What no method stands for, each as the kernel could send it.
    static let undone: [Opcode] = [
        .initialize, .bmap, .setupmapping, .removemapping, .cuseInit, .cuseInitBswapReserved,
        .initBswapReserved, Opcode(rawValue: 7), Opcode(rawValue: 19), Opcode(rawValue: 54), Opcode(rawValue: .max),
    ]
}
