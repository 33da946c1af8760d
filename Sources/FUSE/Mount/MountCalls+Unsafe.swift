// SPDX-License-Identifier: MIT

import CLinux
import Glibc
package import SystemPackage

/// The system calls of mounting.
package enum MountCalls {
    static var effectiveUser: UInt32 { geteuid() }
    static var user: UInt32 { getuid() }
    static var group: UInt32 { getgid() }

    /// The path from the root, without links.
    package static func realPath(_ path: String) throws(Errno) -> String {
        // Safe: the buffer that realpath(3) makes is freed here.
        guard let resolved = unsafe realpath(path, nil) else { throw Errno(rawValue: errno) }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }

    /// A device's number as `stat(2)` has it. C counterpart: `makedev(3)`.
    static func deviceNumber(_ major: Int, _ minor: Int) -> UInt64 {
        let (major, minor) = (UInt64(major), UInt64(minor))
        return (major & 0xfff) << 8 | (major & ~0xfff) << 32 | minor & 0xff | (minor & ~0xff) << 12
    }

    static func mode(of path: String) throws(Errno) -> mode_t {
        var status = stat()
        // Safe: the structure is filled within the call.
        _ = try unsafe call(stat(path, &status))
        return status.st_mode
    }

    static func mount(_ source: String, at target: String, type: String, flags: UInt, data: String) throws(Errno) {
        // Safe: strings lent for the call.
        _ = try unsafe call(clinux_mount(source, target, type, flags, data))
    }

    static func unmount(_ target: String, flags: Int) throws(Errno) {
        // Safe: a string lent for the call.
        _ = try unsafe call(clinux_umount2(target, CInt(flags)))
    }

    /// Unmounts: as root by itself, as another user by `fusermount3`.
    static func unmountAsAnyone(_ target: String, flags: Int) throws(MountError) {
        do throws(Errno) { try unmount(target, flags: flags) } catch {
            guard error == .notPermitted, effectiveUser != 0 else { throw .unmount(target, error) }
            try Fusermount.unmount(target, lazily: flags & CLINUX_MNT_DETACH != 0)
        }
    }

    /// Waits until one of the descriptors can be read, and says which.
    static func waitForAny(_ descriptors: [FileDescriptor]) throws(Errno) -> Int {
        var polls = descriptors.map { pollfd(fd: $0.rawValue, events: Int16(POLLIN), revents: 0) }
        while true {
            // Safe: the array is lent for the call.
            let count = unsafe poll(&polls, nfds_t(polls.count), -1)
            if count > 0, let index = polls.firstIndex(where: { $0.revents != 0 }) { return index }
            if count < 0, errno != EINTR { throw Errno(rawValue: errno) }
        }
    }
}

/// Signals, taken as data: blocked for the calling thread, and read from a descriptor.
struct SignalSource: ~Copyable {
    let descriptor: FileDescriptor
    private let previous: UInt64

    /// Blocks the signals for this thread and those that it starts.
    init(_ signals: [Int32]) throws(Errno) {
        let set = signals.reduce(0 as UInt64) { $0 | 1 << UInt64($1 - 1) }
        // A thread's mask and its descriptor come as a pair: the descriptor first, as it alone can fail for good reasons.
        descriptor = FileDescriptor(rawValue: try call(clinux_signalfd(set)))
        var previous: UInt64 = 0
        // Safe: both words are used within the call, which fails for bad arguments alone.
        unsafe clinux_sigprocmask(CInt(CLINUX_SIG_BLOCK), set, &previous)
        self.previous = previous
    }

    /// The next signal's number. Waits for it.
    func next() throws(Errno) -> Int32 {
        var info: InlineArray<32, UInt32> = InlineArray(repeating: 0)
        // Safe: the kernel writes the 128 bytes of a signalfd_siginfo, whose first word is the number.
        let count = unsafe withUnsafeMutableBytes(of: &info) { unsafe read(descriptor.rawValue, $0.baseAddress, $0.count) }
        guard count == CLINUX_SIGNALFD_INFO_SIZE else { throw count < 0 ? Errno(rawValue: errno) : .ioError }
        return Int32(bitPattern: info[0])
    }

    deinit {
        try? descriptor.close()
        clinux_sigprocmask(CInt(CLINUX_SIG_SETMASK), previous, nil)
    }
}

extension ThreadLimits {
    /// The processors that this process may use.
    public static var processorCount: Int { max(1, sysconf(Int32(_SC_NPROCESSORS_ONLN))) }
}
