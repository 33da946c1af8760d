// SPDX-License-Identifier: MIT

import ConformanceCalls
import FUSE
import FUSESimulation
import SystemPackage

// The system calls of the cases, done by the simulated kernel. Each returns what Linux returns, or -errno.

enum Sys {
    private static var process: SimulatedProcess { SimulatedTask.current.process }

    static func outcome(_ body: () throws(Errno) -> Int) -> Int {
        do throws(Errno) { return try body() } catch { return -Int(error.rawValue) }
    }
    private static func done(_ body: () throws(Errno) -> Void) -> Int {
        do throws(Errno) { try body() } catch { return -Int(error.rawValue) }
        return 0
    }
    private static func descriptor(_ file: Int) -> Descriptor { Descriptor(rawValue: Int32(truncatingIfNeeded: file)) }

    // MARK: Names

    static func open(_ path: String, _ flags: Int32, _ mode: UInt32 = 0) -> Int { openat(Int(K_AT_FDCWD), path, flags, mode) }

    static func openat(_ at: Int, _ path: String, _ flags: Int32, _ mode: UInt32 = 0) -> Int {
        // Of the machine's own, not of the mount.
        if ["/bin/", "/usr/"].contains(where: { path.hasPrefix($0) }) { return Lacks.all.note(.programs) }
        let file = outcome { () throws(Errno) in
            Int(try process.open(path, flags, mode, at: at == Int(K_AT_FDCWD) ? nil : descriptor(at)).rawValue)
        }
        if file == -Int(ENXIO), [S_IFIFO, S_IFCHR, S_IFBLK].contains(Int32(bitPattern: stat(path, 0).status.st_mode) & S_IFMT) {
            return Lacks.all.note(.specialFiles)
        }
        return file
    }

    @discardableResult static func close(_ file: Int) -> Int {
        if SimulatedTask.current.closePipe(file) { return 0 }
        return done { () throws(Errno) in try process.close(descriptor(file)) }
    }
    @discardableResult static func mkdir(_ path: String, _ mode: UInt32 = 0o755) -> Int {
        done { () throws(Errno) in try process.mkdir(path, mode) }
    }
    @discardableResult static func rmdir(_ path: String) -> Int { done { () throws(Errno) in try process.rmdir(path) } }
    @discardableResult static func chdir(_ path: String) -> Int { done { () throws(Errno) in try process.chdir(path) } }
    @discardableResult static func fchdir(_ directory: Int) -> Int {
        done { () throws(Errno) in try process.fchdir(descriptor(directory)) }
    }
    @discardableResult static func mknod(_ path: String, _ mode: Int32, _ major: UInt32 = 0, _ minor: UInt32 = 0) -> Int {
        done { () throws(Errno) in try process.mknod(path, UInt32(bitPattern: mode), major: major, minor: minor) }
    }
    @discardableResult static func symlink(_ target: String, _ path: String) -> Int {
        done { () throws(Errno) in try process.symlink(target, path) }
    }
    @discardableResult static func link(_ from: String, _ to: String, _ flags: Int32 = 0, at: Int = Int(K_AT_FDCWD)) -> Int {
        done { () throws(Errno) in
            if from.isEmpty, flags & Int32(K_AT_EMPTY_PATH) != 0 { return try process.link(descriptor(at), to) }
            try process.link(from, to, followsLinks: flags & AT_SYMLINK_FOLLOW != 0)
        }
    }
    @discardableResult static func unlink(_ path: String) -> Int { done { () throws(Errno) in try process.unlink(path) } }
    @discardableResult static func rename(_ from: String, _ to: String, _ flags: UInt32 = 0) -> Int {
        done { () throws(Errno) in try process.rename(from, to, RenameFlags(rawValue: flags)) }
    }
    static func readlink(_ path: String, at: Int = Int(K_AT_FDCWD)) -> (outcome: Int, target: String) {
        do throws(Errno) {
            let target = path.isEmpty ? try process.readlink(descriptor(at)) : try process.readlink(path)
            return (target.utf8.count, target)
        } catch { return (-Int(error.rawValue), "") }
    }

    // MARK: Attributes

    static func stat(_ path: String, _ flags: Int32 = AT_SYMLINK_NOFOLLOW) -> (outcome: Int, status: ConformanceCalls.stat) {
        do throws(Errno) { return (0, try process.stat(path, followsLinks: flags & AT_SYMLINK_NOFOLLOW == 0).status) } catch {
            return (-Int(error.rawValue), ConformanceCalls.stat())
        }
    }
    static func stat(of file: Int) -> ConformanceCalls.stat {
        do throws(Errno) { return try process.stat(descriptor(file)).status } catch { return ConformanceCalls.stat() }
    }
    static func statx(_ path: String, _ mask: UInt32) -> (outcome: Int, status: ConformanceCalls.statx) {
        var result = ConformanceCalls.statx()
        return (done { () throws(Errno) in
            let found = try process.statx(path, followsLinks: false)
            (result.stx_mask, result.stx_mode, result.stx_nlink) = (UInt32(K_STATX_BASIC), UInt16(found.mode.rawValue), found.linkCount)
            (result.stx_uid, result.stx_ino, result.stx_size) = (found.owner.rawValue, found.inode, found.size)
            guard let created = found.created else { return }
            result.stx_mask |= UInt32(K_STATX_BTIME)
            (result.stx_btime.tv_sec, result.stx_btime.tv_nsec) = (created.seconds, created.nanoseconds)
        }, result)
    }
    @discardableResult static func chmod(_ path: String, _ mode: UInt32) -> Int {
        done { () throws(Errno) in try process.chmod(path, mode) }
    }
    @discardableResult static func fchmod(_ file: Int, _ mode: UInt32) -> Int {
        done { () throws(Errno) in try process.fchmod(descriptor(file), mode) }
    }
    @discardableResult static func chown(_ path: String, _ user: UInt32, _ group: UInt32) -> Int {
        done { () throws(Errno) in
            try process.chown(path, user: user == .max ? nil : user, group: group == .max ? nil : group, followsLinks: false)
        }
    }
    @discardableResult static func fchown(_ file: Int, _ user: UInt32, _ group: UInt32) -> Int {
        done { () throws(Errno) in
            try process.fchown(descriptor(file), user: user == .max ? nil : user, group: group == .max ? nil : group)
        }
    }
    @discardableResult static func truncate(_ path: String, _ size: Int) -> Int {
        done { () throws(Errno) in try process.truncate(path, Int64(size)) }
    }
    @discardableResult static func ftruncate(_ file: Int, _ size: Int) -> Int {
        done { () throws(Errno) in try process.ftruncate(descriptor(file), Int64(size)) }
    }
    @discardableResult
    static func utimens(_ path: String, _ accessed: timespec, _ modified: timespec, _ flags: Int32 = AT_SYMLINK_NOFOLLOW) -> Int {
        done { () throws(Errno) in
            try process.utimens(
                path, accessed: change(accessed), modified: change(modified), followsLinks: flags & AT_SYMLINK_NOFOLLOW == 0)
        }
    }
    static func touch(_ path: String) -> Int {
        done { () throws(Errno) in try process.utimens(path, accessed: .now, modified: .now) }
    }
    private static func change(_ time: timespec) throws(Errno) -> AttributeChanges.Time? {
        switch time.tv_nsec {
        case Int(K_UTIME_NOW): return .now
        case Int(K_UTIME_OMIT): return nil
        case 0..<1_000_000_000: return .at(Timestamp(seconds: Int64(time.tv_sec), nanoseconds: UInt32(time.tv_nsec)))
        default: throw .invalidArgument
        }
    }
    static func access(_ path: String, _ mode: Int32, effective: Bool = false) -> Int {
        done { () throws(Errno) in try process.access(path, AccessCheck(rawValue: UInt32(bitPattern: mode))) }
    }
    static func statvfs(_ path: String) -> (outcome: Int, statistics: ConformanceCalls.statvfs) {
        var result = ConformanceCalls.statvfs()
        let outcome = done { () throws(Errno) in
            let found = try process.statfs(path)
            (result.f_bsize, result.f_frsize) = (UInt(found.blockSize), UInt(found.fragmentSize))
            (result.f_blocks, result.f_bfree, result.f_bavail) = (UInt(found.blocks), UInt(found.freeBlocks), UInt(found.availableBlocks))
            (result.f_files, result.f_ffree, result.f_namemax) = (UInt(found.files), UInt(found.freeFiles), UInt(found.maximumNameLength))
        }
        return (outcome, result)
    }
}

extension Attributes {
    /// As `stat(2)` has them.
    fileprivate var status: ConformanceCalls.stat {
        func time(_ stamp: Timestamp) -> timespec { timespec(tv_sec: Int(stamp.seconds), tv_nsec: Int(stamp.nanoseconds)) }
        var status = ConformanceCalls.stat()
        status.st_dev = 1
        status.st_ino = UInt(inode)
        status.st_mode = UInt32(mode.rawValue)
        status.st_nlink = UInt(linkCount)
        (status.st_uid, status.st_gid) = (owner.rawValue, group.rawValue)
        status.st_rdev = UInt(device.minor & 0xff) | UInt(device.major & 0xfff) << 8 | UInt(device.minor & 0xfff00) << 12
        status.st_size = Int(size)
        status.st_blksize = Int(blockSize)
        status.st_blocks = Int(blocks)
        (status.st_atim, status.st_mtim, status.st_ctim) = (time(accessed), time(modified), time(changed))
        return status
    }
}
