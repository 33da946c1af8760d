// SPDX-License-Identifier: MIT

import Glibc
import SystemPackage

/// Sockets that have a path for an address. C counterpart: `unix(7)`.
enum LocalSocket {
    /// A socket that programs started later do not inherit.
    static func make(_ type: __socket_type) throws(Errno) -> Int32 {
        let socket = socket(AF_UNIX, Int32(type.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { throw Errno(rawValue: errno) }
        return socket
    }

    static func bind(_ socket: Int32, to path: String) throws(Errno) {
        unsafe try withAddress(path) { unsafe Glibc.bind(socket, $0, $1) }
    }

    /// - Parameter path: a leading `@` stands for the NUL of an abstract name.
    static func connect(_ socket: Int32, to path: String) throws(Errno) {
        unsafe try withAddress(path) { unsafe Glibc.connect(socket, $0, $1) }
    }

    /// Throws ECONNREFUSED where a stream socket lies there that nobody listens on.
    static func probe(_ path: String) throws(Errno) {
        let socket = try make(SOCK_STREAM)
        defer { close(socket) }
        // Many who wait to be taken: somebody listens. It is not waited for.
        guard fcntl(socket, F_SETFL, O_NONBLOCK) == 0 else { throw Errno(rawValue: errno) }
        do throws(Errno) { try connect(socket, to: path) } catch .resourceTemporarilyUnavailable {}
    }

    /// From now on connecting, sending and receiving throw EAGAIN after so many seconds. C counterpart: `SO_RCVTIMEO`.
    static func limitWaiting(_ socket: Int32, seconds: Int) throws(Errno) {
        var limit = timeval(tv_sec: seconds, tv_usec: 0)
        for option in [SO_SNDTIMEO, SO_RCVTIMEO] {
            // Safe: a structure lent for the call, with its size.
            let result = unsafe setsockopt(socket, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
            guard result == 0 else { throw Errno(rawValue: errno) }
        }
    }

    /// Sends a datagram on a connected socket. Throws EAGAIN where there is no room for it, at once where it is not to wait.
    static func send(_ text: String, on socket: Int32, waiting: Bool = true) throws(Errno) {
        var bytes = Array(text.utf8)
        let flags = Int32(MSG_NOSIGNAL) | (waiting ? 0 : Int32(MSG_DONTWAIT))
        // Safe: the array is lent for the call.
        while unsafe Glibc.send(socket, &bytes, bytes.count, flags) < 0 {
            guard errno == EINTR else { throw Errno(rawValue: errno) }
        }
    }

    private static func withAddress(_ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32) throws(Errno) {
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        var bytes = Array(path.utf8)
        let isAbstract = bytes.first == UInt8(ascii: "@")
        if isAbstract { bytes[0] = 0 }
        // Safe: only what fits is written, and the last byte stays 0.
        let fits = unsafe withUnsafeMutableBytes(of: &address.sun_path) { buffer in
            guard bytes.count < buffer.count else { return false }
            unsafe buffer.copyBytes(from: bytes)
            return true
        }
        guard fits else { throw .fileNameTooLong }
        // The length of an abstract name counts: it may hold NULs.
        let length = isAbstract ? MemoryLayout<sa_family_t>.size + bytes.count : MemoryLayout<sockaddr_un>.size
        // Safe: that is how socket addresses are passed in C; the family says which kind it is.
        let result = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0, socklen_t(length)) }
        }
        guard result == 0 else { throw Errno(rawValue: errno) }
    }
}
