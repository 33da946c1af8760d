// SPDX-License-Identifier: MIT
//
// The sockets by which running mounts tell their numbers. They do not go through the mounts, so they answer also while
// those do not. Who connects gets one JSON text, and the end of the stream.
//
// They lie in a directory of the user's own: root's in /run/passthroughfs; another user's in $XDG_RUNTIME_DIR/passthroughfs,
// or /tmp/passthroughfs-UID, which must be that user's. Each is named by the number of its mount's connection, which the
// kernel gives to the next mount as soon as this one is gone, while the process that served it is still ending. So sockets
// come and go under a lock on the directory, and each process removes its own socket, not what has its name.

import CLinux
import Glibc
import SystemPackage

enum ProcessID {
    static var own: Int32 { getpid() }

    /// Whether a process stands still until it is let go on. Source: `proc_pid_stat(5)`; the name before the state may hold
    /// anything.
    static func isStopped(_ process: Int32) -> Bool {
        guard process > 0, let file = try? FileDescriptor.open(FilePath("/proc/\(process)/stat"), .readOnly) else { return false }
        defer { try? file.close() }
        var bytes = [UInt8](repeating: 0, count: 1024)
        // Safe: the array is lent for the call.
        guard let count = try? unsafe bytes.withUnsafeMutableBytes({ unsafe try file.read(into: $0) }) else { return false }
        let fields = bytes.prefix(count).split(separator: UInt8(ascii: ")")).last?.dropFirst()
        return fields?.first == UInt8(ascii: "T") || fields?.first == UInt8(ascii: "t")
    }
}

enum StatsSocket {
    /// Where the sockets of this user lie.
    static var directory: String {
        if geteuid() == 0 { return "/run/passthroughfs" }
        // Safe: the environment is not changed by this program.
        if let runtime = unsafe getenv("XDG_RUNTIME_DIR") { return unsafe String(cString: runtime) + "/passthroughfs" }
        return "/tmp/passthroughfs-\(geteuid())"
    }

    /// The socket of a connection.
    static func path(_ connection: Int) -> String { "\(directory)/\(connection).sock" }

    /// Makes the directory, or makes sure that it is this user's.
    static func makeDirectory() throws(Errno) {
        // Safe: strings lent for the calls.
        if unsafe mkdir(directory, 0o700) < 0, errno != EEXIST { throw Errno(rawValue: errno) }
        var status = stat()
        guard unsafe lstat(directory, &status) == 0, status.st_uid == geteuid(), status.st_mode & 0o022 == 0 else {
            throw .permissionDenied
        }
    }

    /// Does something while nobody else adds or removes a socket.
    static func withLock<Result>(_ body: () throws(Errno) -> Result) throws(Errno) -> Result {
        // Safe: a string lent for the call.
        let folder = unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard folder >= 0 else { throw Errno(rawValue: errno) }
        // Said, not left to the close: a program that is just being started may hold the descriptor a little longer.
        defer {
            flock(folder, LOCK_UN)
            close(folder)
        }
        while flock(folder, LOCK_EX) < 0 {
            guard errno == EINTR else { throw Errno(rawValue: errno) }
        }
        return try body()
    }

    enum Answer {
        /// JSON.
        case report([UInt8])
        /// The process stands still, as after SIGSTOP: it was not waited for.
        case stopped(process: Int32)
    }

    /// What a running mount tells. Throws ECONNREFUSED where its process has ended without removing the socket,
    /// ECONNRESET where it ends just now, and EAGAIN where it does not answer in time.
    static func ask(_ path: String, seconds: Int = 10) throws(Errno) -> Answer {
        let socket = try LocalSocket.make(SOCK_STREAM)
        defer { Glibc.close(socket) }
        // How the process does is looked at every second. To be connected takes time only where many wait.
        try LocalSocket.limitWaiting(socket, seconds: 1)
        try LocalSocket.connect(socket, to: path)
        let process = clinux_peer_process(socket)
        var report: [UInt8] = []
        for _ in 0..<seconds {
            if ProcessID.isStopped(process) { return .stopped(process: process) }
            do throws(Errno) {
                try receive(from: socket, &report)
                if report.isEmpty { throw .connectionReset }
                return .report(report)
            } catch .resourceTemporarilyUnavailable {}
        }
        throw .resourceTemporarilyUnavailable
    }

    /// Receives to the end of the stream.
    private static func receive(from socket: Int32, _ bytes: inout [UInt8]) throws(Errno) {
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            // Safe: the array is lent for the call.
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe recv(socket, $0.baseAddress, $0.count, 0) }
            if count == 0 { return }
            if count > 0 {
                bytes += chunk.prefix(count)
            } else if errno != EINTR {
                throw Errno(rawValue: errno)
            }
        }
    }

    /// Removes the socket of a connection whose process was killed, and so did not get to it. A process that is still
    /// ending is waited for, some seconds; what it then leaves is in nobody's way.
    static func removeAbandoned(_ connection: Int) {
        let path = path(connection)
        for _ in 0..<100 {
            do throws(Errno) { _ = try ask(path, seconds: 5) } catch .connectionReset { continue } catch .connectionRefused {
                // Looked at again under the lock: it may be another mount's by now.
                _ = try? withLock { () throws(Errno) in
                    do throws(Errno) { try LocalSocket.probe(path) } catch .connectionRefused {
                        // Safe: a string lent for the call.
                        unsafe unlink(path)
                    }
                }
            } catch {
                // There is none, it is another user's, or a process has it that does not answer.
            }
            return
        }
    }
}
