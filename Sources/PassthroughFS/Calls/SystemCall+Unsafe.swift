// SPDX-License-Identifier: MIT

import CLinux
import FUSE
import Glibc
import SystemPackage

// The mirror's system calls, typed. Their pointers are safe for one reason: they point to views, or to local memory, that
// live for the time of the call.
//
// EINTR. A request that its user interrupted gets a signal, and its call returns EINTR: the user's own `open`, `read` or
// `fsync` then does, as it would natively. Calls that only ask for names and attributes, natively uninterruptible, are
// made again. `close` never is: Linux has freed the number in any case, and it may be another thread's by now.

/// What is known of a file without a question.
struct KnownStatus {
    var status: stat
    /// The id of its mount; 0 where the kernel does not tell (before Linux 5.8).
    var mount: UInt64
}

enum SystemCall {
    /// -errno of a call that failed, or what it returned.
    static func outcome<I: FixedWidthInteger>(_ value: I) -> Int {
        value == -1 ? -Int(errno) : Int(truncatingIfNeeded: value)
    }

    static func value(_ outcome: Int) throws(Errno) -> Int {
        if outcome < 0 { throw Errno(rawValue: Int32(truncatingIfNeeded: -outcome)) }
        return outcome
    }

    static func check(_ outcome: Int) throws(Errno) { _ = try value(outcome) }

    static func descriptor(_ outcome: Int) throws(Errno) -> FileDescriptor {
        FileDescriptor(rawValue: Int32(truncatingIfNeeded: try value(outcome)))
    }

    static func retrying(_ call: () -> Int) -> Int {
        while true {
            let outcome = call()
            if outcome != -Int(EINTR) { return outcome }
        }
    }

    /// Lends `/proc/self/fd/N`, which leads to the very file that a descriptor has open: also an unlinked one, and a
    /// symbolic link itself, not where it points.
    static func withPath<R>(of descriptor: FileDescriptor, _ body: (UnsafePointer<CChar>) -> R) -> R {
        unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 32) { buffer in
            var count = 0
            for byte in "/proc/self/fd/".utf8 {
                unsafe buffer[count] = CChar(bitPattern: byte)
                count += 1
            }
            var number = UInt32(bitPattern: descriptor.rawValue)
            let start = count
            repeat {
                unsafe buffer[count] = CChar(truncatingIfNeeded: 48 + number % 10)
                number /= 10
                count += 1
            } while number > 0
            unsafe buffer[start..<count].reverse()
            unsafe buffer[count] = 0
            return unsafe body(UnsafePointer(buffer.baseAddress.unsafelyUnwrapped))
        }
    }

    // MARK: Names

    /// An `O_PATH` descriptor of what a name stands for; of a symbolic link itself.
    static func find(_ name: UnsafePointer<CChar>, in directory: FileDescriptor) throws(Errno) -> FileDescriptor {
        try descriptor(retrying {
            unsafe outcome(clinux_openat(
                directory.rawValue, name, Int32(CLINUX_O_PATH) | Int32(CLINUX_O_NOFOLLOW) | O_CLOEXEC, 0))
        })
    }

    static func find(_ name: borrowing Name, in directory: FileDescriptor) throws(Errno) -> FileDescriptor {
        try unsafe name.withCString { name throws(Errno) in try unsafe find(name, in: directory) }
    }

    /// An `O_PATH` descriptor of the file that another descriptor has open.
    static func find(_ file: FileDescriptor) throws(Errno) -> FileDescriptor {
        try reopen(file, Int32(CLINUX_O_PATH))
    }

    /// An `O_PATH` descriptor of the directory that a directory is in; of itself, at the top of all.
    static func findParent(of directory: FileDescriptor) throws(Errno) -> FileDescriptor {
        try unsafe find("..", in: directory)
    }

    static func create(
        _ name: borrowing Name, in directory: FileDescriptor, flags: Int32, permissions: FilePermissions
    ) throws(Errno) -> FileDescriptor {
        try unsafe descriptor(name.withCString {
            unsafe outcome(clinux_openat(
                directory.rawValue, $0, flags | O_CREAT | O_EXCL | Int32(CLINUX_O_NOFOLLOW) | O_CLOEXEC, permissions.rawValue))
        })
    }

    static func createUnnamed(
        in directory: FileDescriptor, flags: Int32, permissions: FilePermissions
    ) throws(Errno) -> FileDescriptor {
        try unsafe descriptor(outcome(clinux_openat(
            directory.rawValue, ".", flags | Int32(CLINUX_O_TMPFILE) | O_CLOEXEC, permissions.rawValue)))
    }

    /// Opens anew the file that a descriptor stands for.
    static func reopen(_ file: FileDescriptor, _ flags: Int32) throws(Errno) -> FileDescriptor {
        try unsafe descriptor(withPath(of: file) { unsafe outcome(clinux_openat(Int32(CLINUX_AT_FDCWD), $0, flags | O_CLOEXEC, 0)) })
    }

    static func openDirectory(_ directory: FileDescriptor) throws(Errno) -> FileDescriptor {
        try unsafe descriptor(outcome(clinux_openat(
            directory.rawValue, ".", O_RDONLY | Int32(CLINUX_O_DIRECTORY) | O_CLOEXEC, 0)))
    }

    static func mknod(
        _ name: borrowing Name, in directory: FileDescriptor, mode: FileMode, device: DeviceNumber
    ) throws(Errno) {
        // The encoding is also that of the system call.
        try unsafe check(name.withCString { unsafe outcome(clinux_mknodat(directory.rawValue, $0, mode.rawValue, device.encoded)) })
    }

    static func mkdir(_ name: borrowing Name, in directory: FileDescriptor, permissions: FilePermissions) throws(Errno) {
        try unsafe check(name.withCString { unsafe outcome(Glibc.mkdirat(directory.rawValue, $0, permissions.rawValue)) })
    }

    static func symlink(_ name: borrowing Name, in directory: FileDescriptor, target: borrowing Name) throws(Errno) {
        let result = unsafe target.withCString { target in
            unsafe name.withCString { unsafe outcome(Glibc.symlinkat(target, directory.rawValue, $0)) }
        }
        try check(result)
    }

    static func unlink(_ name: borrowing Name, in directory: FileDescriptor, flags: Int32) throws(Errno) {
        try unsafe check(name.withCString { unsafe outcome(Glibc.unlinkat(directory.rawValue, $0, flags)) })
    }

    static func rename(
        _ name: borrowing Name, in directory: FileDescriptor, to newName: borrowing Name, in newDirectory: FileDescriptor,
        flags: RenameFlags
    ) throws(Errno) {
        let result = unsafe name.withCString { name in
            unsafe newName.withCString {
                unsafe outcome(clinux_renameat2(directory.rawValue, name, newDirectory.rawValue, $0, flags.rawValue))
            }
        }
        try check(result)
    }

    static func link(_ file: FileDescriptor, to name: borrowing Name, in directory: FileDescriptor) throws(Errno) {
        let result = unsafe name.withCString { name in
            unsafe withPath(of: file) { path in
                unsafe outcome(clinux_linkat(
                    Int32(CLINUX_AT_FDCWD), path, directory.rawValue, name, Int32(CLINUX_AT_SYMLINK_FOLLOW)))
            }
        }
        try check(result)
    }

    /// Writes the target of a symbolic link.
    static func readlink(_ link: FileDescriptor, into target: inout OutputRawSpan) throws(Errno) {
        try unsafe target.withUnsafeMutableBytes { buffer, count throws(Errno) in
            let room = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
            guard let start = room.baseAddress, room.count > 0 else { throw Errno.fileNameTooLong }
            // What fills the room is whole: no link's target is longer than what the kernel asks for, PATH_MAX less the NUL.
            count &+= try value(retrying {
                unsafe outcome(Glibc.readlinkat(link.rawValue, "", start.assumingMemoryBound(to: CChar.self), room.count))
            })
        }
    }

    static func access(_ file: FileDescriptor, _ mode: AccessCheck) throws(Errno) {
        // AT_EACCESS: the thread's ids at the moment, not the process's real ones.
        try unsafe check(outcome(clinux_faccessat2(
            file.rawValue, "", Int32(truncatingIfNeeded: mode.rawValue), Int32(CLINUX_AT_EMPTY_PATH) | AT_EACCESS)))
    }

    // MARK: Attributes

    static func status(of file: FileDescriptor) throws(Errno) -> stat {
        var status = stat()
        try unsafe check(outcome(Glibc.fstatat(file.rawValue, "", &status, Int32(CLINUX_AT_EMPTY_PATH))))
        return status
    }

    /// As ``status(of:)``, as far as the kernel knows: a network's or a FUSE server is not asked. Good right after a lookup.
    static func knownStatus(of file: FileDescriptor) throws(Errno) -> KnownStatus {
        var known = KnownStatus(status: stat(), mount: 0)
        try unsafe check(outcome(clinux_known_status(file.rawValue, &known.status, &known.mount)))
        return known
    }

    static func statistics(of file: FileDescriptor) throws(Errno) -> statfs {
        var statistics = statfs()
        try check(retrying { unsafe outcome(CLinux.fstatfs(file.rawValue, &statistics)) })
        return statistics
    }

    /// When the file was made; nil where its filesystem does not know.
    static func birthTime(of file: FileDescriptor) throws(Errno) -> Timestamp? {
        var time = Timestamp()
        let known = try unsafe value(outcome(clinux_birth_time(file.rawValue, &time.seconds, &time.nanoseconds)))
        return known == 1 ? time : nil
    }

    /// Whether somebody has a regular file open for writing, this process among them. A lease for reading is refused then
    /// (fcntl(2)); where it is not, it is given back. Somebody who opens the file for writing in between waits that long.
    static func isOpenForWriting(_ file: FileDescriptor) throws(Errno) -> Bool {
        let reader = try reopen(file, O_RDONLY)
        defer { close(reader) }
        // Where leases are not to be had (on some network filesystems), nobody can tell.
        return outcome(clinux_try_lease(reader.rawValue)) < 0
    }

    static func chmod(_ file: FileDescriptor, _ permissions: FilePermissions) throws(Errno) {
        try unsafe check(withPath(of: file) { unsafe outcome(Glibc.chmod($0, permissions.rawValue)) })
    }

    /// With nil, a thing stays as it is.
    static func chown(_ file: FileDescriptor, _ user: UserID?, _ group: GroupID?) throws(Errno) {
        try unsafe check(outcome(Glibc.fchownat(
            file.rawValue, "", user?.rawValue ?? .max, group?.rawValue ?? .max, Int32(CLINUX_AT_EMPTY_PATH))))
    }

    /// Truncates a file that is open for writing.
    static func truncate(open file: FileDescriptor, to size: Int64) throws(Errno) {
        try check(outcome(Glibc.ftruncate(file.rawValue, Int(size))))
    }

    static func truncate(_ file: FileDescriptor, to size: Int64) throws(Errno) {
        try unsafe check(withPath(of: file) { unsafe outcome(Glibc.truncate($0, Int(size))) })
    }

    static func setTimes(_ file: FileDescriptor, _ accessed: timespec, _ modified: timespec) throws(Errno) {
        let result = unsafe withUnsafeTemporaryAllocation(of: timespec.self, capacity: 2) { times in
            unsafe times[0] = accessed
            unsafe times[1] = modified
            // By number: glibc's wrapper takes an empty path, but some versions refuse it with a flag.
            return unsafe outcome(Glibc.utimensat(file.rawValue, "", times.baseAddress, Int32(CLINUX_AT_EMPTY_PATH)))
        }
        try check(result)
    }

    // MARK: Open files

    /// Of a descriptor that the caller owns; -1 is none. EBADF is a mistake of this module: a moment later the number would have been
    /// somebody else's, whose file would be gone then.
    static func close(_ descriptor: FileDescriptor) {
        let result = Glibc.close(descriptor.rawValue)
        assert(result == 0 || errno != EBADF || descriptor.rawValue < 0, "descriptor \(descriptor.rawValue) was closed twice")
    }

    /// What a `close` of one of several descriptors reports. An interrupted one has been closed all the same.
    static func flush(_ file: FileDescriptor) throws(Errno) {
        let copy = try descriptor(outcome(clinux_dupfd(file.rawValue)))
        try check(outcome(Glibc.close(copy.rawValue)))
    }

    static func flags(of file: FileDescriptor) throws(Errno) -> Int32 {
        Int32(truncatingIfNeeded: try value(outcome(clinux_getfl(file.rawValue))))
    }

    static func setFlags(of file: FileDescriptor, _ flags: Int32) throws(Errno) {
        try check(outcome(clinux_setfl(file.rawValue, flags)))
    }

    /// Reads until there is no more room, or the end. Few bytes would mean the end to the kernel, so it goes on after a
    /// short read, and a failure half way is a failure.
    static func read(_ file: FileDescriptor, at offset: Int64, into output: inout OutputRawSpan) throws(Errno) {
        try unsafe output.withUnsafeMutableBytes { buffer, count throws(Errno) in
            var offset = offset
            while count < buffer.count {
                let room = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
                let got = try unsafe value(outcome(Glibc.pread(file.rawValue, room.baseAddress, room.count, Int(offset))))
                if got == 0 { break }
                count &+= got
                offset &+= Int64(got)
            }
        }
    }

    /// What a single write is to do besides. C counterpart: `RWF_DSYNC`, `RWF_SYNC` and `RWF_APPEND` of `pwritev2(2)`.
    struct WriteFlags: OptionSet {
        let rawValue: Int32

        static var dataSync: WriteFlags { WriteFlags(rawValue: 2) }
        static var sync: WriteFlags { WriteFlags(rawValue: 4) }
        static var append: WriteFlags { WriteFlags(rawValue: 16) }
    }

    /// Writes all, or as much as can be before a failure, which the next write then meets.
    static func write(_ file: FileDescriptor, at offset: Int64, _ data: RawSpan, _ flags: WriteFlags = []) throws(Errno) -> Int {
        try unsafe data.withUnsafeBytes { buffer throws(Errno) in
            var done = 0
            while done < buffer.count {
                let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[done...])
                let result = unsafe outcome(clinux_pwrite2(
                    file.rawValue, rest.baseAddress, rest.count, offset &+ Int64(done), flags.rawValue))
                if result < 0, done == 0 { try check(result) }
                if result <= 0 { break }
                done &+= result
            }
            return done
        }
    }

    /// As ``write(_:at:_:)``, at the end of the file, in one step: nothing that another writes meanwhile is overwritten.
    static func append(_ file: FileDescriptor, _ data: RawSpan, _ flags: WriteFlags = []) throws(Errno) -> Int {
        try unsafe data.withUnsafeBytes { buffer throws(Errno) in
            try unsafe value(outcome(clinux_pwrite2(
                file.rawValue, buffer.baseAddress, buffer.count, 0, flags.union(.append).rawValue)))
        }
    }

    static func sync(_ file: FileDescriptor, dataOnly: Bool) throws(Errno) {
        try check(outcome(dataOnly ? Glibc.fdatasync(file.rawValue) : Glibc.fsync(file.rawValue)))
    }

    static func syncfs(_ file: FileDescriptor) throws(Errno) { try check(outcome(clinux_syncfs(file.rawValue))) }

    static func fallocate(_ file: FileDescriptor, mode: Int32, offset: Int64, length: Int64) throws(Errno) {
        try check(outcome(clinux_fallocate(file.rawValue, mode, offset, length)))
    }

    /// A command that hands over as many bytes as there are in `input`, or takes as many as `output` has room for.
    static func control(_ file: FileDescriptor, _ command: UInt32, input: RawSpan, into output: inout OutputRawSpan) throws(Errno) {
        // Commands for attribute flags write up to 28 bytes, or read as many; some of them less than their number says.
        try unsafe output.withUnsafeMutableBytes { buffer, count throws(Errno) in
            let room = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
            let result = unsafe withUnsafeTemporaryAllocation(byteCount: 64, alignment: 8) { memory in
                unsafe memory.initializeMemory(as: UInt8.self, repeating: 0)
                unsafe input.withUnsafeBytes { unsafe memory.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0.prefix(64))) }
                let result = unsafe outcome(clinux_ioctl(file.rawValue, UInt(command), memory.baseAddress))
                if result >= 0 { unsafe room.copyMemory(from: UnsafeRawBufferPointer(rebasing: memory.prefix(room.count))) }
                return result
            }
            try check(result)
            count &+= min(room.count, 64)
        }
    }

    static func seek(_ file: FileDescriptor, to offset: Int64, _ whence: Int32) throws(Errno) -> UInt64 {
        UInt64(try value(outcome(Glibc.lseek(file.rawValue, Int(offset), whence))))
    }

    static func copy(
        from source: FileDescriptor, at sourceOffset: Int64, to destination: FileDescriptor, at destinationOffset: Int64,
        length: Int, flags: UInt32
    ) throws(Errno) -> UInt64 {
        var sourceOffset = sourceOffset
        var destinationOffset = destinationOffset
        return UInt64(try unsafe value(outcome(clinux_copy_file_range(
            source.rawValue, &sourceOffset, destination.rawValue, &destinationOffset, length, flags))))
    }
}
