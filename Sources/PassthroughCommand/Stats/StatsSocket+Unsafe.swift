// SPDX-License-Identifier: MIT
//
// The socket by which a running mount tells its numbers. It does not go through the mount, so it answers also while the
// mount does not. Who connects gets one JSON text, and the end of the stream.
//
// It lies in a directory of the user's own, and has mode 0600: root's in /run/passthroughfs; another user's in
// $XDG_RUNTIME_DIR/passthroughfs, or /tmp/passthroughfs-UID, which must be that user's.

import Dispatch
import FUSE
import Glibc
import SystemPackage

enum ProcessID {
    static var own: Int32 { getpid() }
}

enum StatsSocket {
    /// Where the sockets of this user lie.
    static var directory: String {
        if geteuid() == 0 { return "/run/passthroughfs" }
        // Safe: the environment is not changed by this program.
        if let runtime = unsafe getenv("XDG_RUNTIME_DIR") { return unsafe String(cString: runtime) + "/passthroughfs" }
        return "/tmp/passthroughfs-\(geteuid())"
    }

    /// The socket of a connection, in a directory.
    static func path(_ connection: Int, in directory: String = directory) -> String { "\(directory)/\(connection).sock" }

    /// Answers whoever asks, until the process ends.
    static func serve(_ connection: Int, _ report: @escaping @Sendable () -> [UInt8]) throws(Errno) {
        // Safe: strings lent for the call.
        if unsafe mkdir(directory, 0o700) < 0, errno != EEXIST { throw Errno(rawValue: errno) }
        var status = stat()
        guard unsafe lstat(directory, &status) == 0, status.st_uid == geteuid(), status.st_mode & 0o022 == 0 else {
            throw .permissionDenied
        }
        let path = path(connection)
        // One of an earlier connection of that number, whose process did not get to removing it.
        unsafe unlink(path)
        let socket = try make()
        do throws(Errno) {
            var address = try address(path)
            // The mask makes the mode 0600 from the start: nobody slips in between.
            let mask = umask(0o177)
            let bound = unsafe withSocketAddress(&address) { unsafe bind(socket, $0, $1) }
            let error = errno
            umask(mask)
            guard bound == 0 else { throw Errno(rawValue: error) }
            guard listen(socket, 8) == 0 else { throw Errno(rawValue: errno) }
        } catch {
            Glibc.close(socket)
            throw error
        }
        DispatchQueue(label: "stats").async {
            while true {
                let client = accept(socket, nil, nil)
                guard client >= 0 else {
                    if errno == EINTR || errno == ECONNABORTED { continue }
                    return
                }
                // Who does not read must not keep the others waiting.
                var limit = timeval(tv_sec: 5, tv_usec: 0)
                unsafe setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
                var rest = report()[...]
                while !rest.isEmpty {
                    let sent = unsafe rest.withUnsafeBytes { unsafe send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
                    guard sent > 0 else { break }
                    rest = rest.dropFirst(sent)
                }
                Glibc.close(client)
            }
        }
    }

    static func remove(_ connection: Int) {
        // Safe: a string lent for the call.
        unsafe unlink(path(connection))
    }

    /// What a running mount tells.
    static func ask(_ path: String) throws(Errno) -> [UInt8] {
        let socket = try make()
        defer { Glibc.close(socket) }
        var address = try address(path)
        guard unsafe withSocketAddress(&address, { unsafe connect(socket, $0, $1) }) == 0 else { throw Errno(rawValue: errno) }
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = unsafe chunk.withUnsafeMutableBytes { unsafe recv(socket, $0.baseAddress, $0.count, 0) }
            if count < 0 {
                if errno == EINTR { continue }
                throw Errno(rawValue: errno)
            }
            if count == 0 { return answer }
            answer += chunk.prefix(count)
        }
    }

    private static func make() throws(Errno) -> Int32 {
        let socket = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw Errno(rawValue: errno) }
        return socket
    }

    private static func address(_ path: String) throws(Errno) -> sockaddr_un {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let bytes = Array(path.utf8)
        // Safe: only what fits is written, and the last byte stays 0.
        let fits = unsafe withUnsafeMutableBytes(of: &address.sun_path) { buffer in
            guard bytes.count < buffer.count else { return false }
            unsafe buffer.copyBytes(from: bytes)
            return true
        }
        guard fits else { throw .fileNameTooLong }
        return address
    }

    private static func withSocketAddress(
        _ address: inout sockaddr_un, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) -> Int32 {
        // Safe: that is how socket addresses are passed in C; the size says which kind it is.
        unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
