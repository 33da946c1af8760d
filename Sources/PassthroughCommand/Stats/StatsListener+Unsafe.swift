// SPDX-License-Identifier: MIT

import CLinux
import Dispatch
import Glibc
import SystemPackage

/// The socket of a mount that this process serves.
struct StatsListener {
    private let socket: Int32
    private let path: String
    private let identity: Identity

    /// What tells a file from another of the same name.
    private struct Identity: Equatable {
        let device: UInt
        let inode: UInt

        init?(_ path: String) {
            var status = stat()
            // Safe: a string lent for the call, and a structure that is filled within it.
            guard unsafe lstat(path, &status) == 0 else { return nil }
            device = status.st_dev
            inode = status.st_ino
        }
    }

    /// Makes the socket, with mode 0600, and takes connections from now on.
    init(_ connection: Int) throws(Errno) {
        try StatsSocket.makeDirectory()
        let path = StatsSocket.path(connection)
        let socket = try LocalSocket.make(SOCK_STREAM)
        do throws(Errno) {
            // A socket has its mode before it has a name: nobody slips in between. The process's mask would do that as well,
            // but it is also that of the threads which are making files for users. Source: `unix_bind_bsd` in Linux.
            guard fchmod(socket, 0o600) == 0 else { throw Errno(rawValue: errno) }
            identity = try StatsSocket.withLock { () throws(Errno) in
                // One of an earlier connection of that number, whose process did not get to removing it. Safe: a string lent
                // for the call.
                unsafe unlink(path)
                try LocalSocket.bind(socket, to: path)
                guard listen(socket, 8) == 0, let identity = Identity(path) else { throw Errno(rawValue: errno) }
                return identity
            }
        } catch {
            close(socket)
            throw error
        }
        self.socket = socket
        self.path = path
    }

    /// Answers whoever asks, until the process ends.
    func serve(_ report: @escaping @Sendable () -> [UInt8]) {
        DispatchQueue(label: "stats").async { [socket] in
            while true {
                let client = clinux_accept(socket)
                if client >= 0 {
                    Self.answer(client, report())
                    close(client)
                } else if errno != EINTR, errno != ECONNABORTED {
                    // No descriptor or memory to be had, which passes. The one who asks waits.
                    usleep(100_000)
                }
            }
        }
    }

    private static func answer(_ client: Int32, _ report: [UInt8]) {
        // Who does not read must not keep the others waiting.
        _ = try? LocalSocket.limitWaiting(client, seconds: 5)
        var rest = report[...]
        while !rest.isEmpty {
            // Safe: the array is lent for the call.
            let sent = unsafe rest.withUnsafeBytes { unsafe send(client, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            if sent < 0, errno == EINTR { continue }
            guard sent > 0 else { return }
            rest = rest.dropFirst(sent)
        }
    }

    /// Removes the socket, unless another mount has one of that name by now.
    func remove() {
        _ = try? StatsSocket.withLock { () throws(Errno) in
            // Safe: a string lent for the call.
            if Identity(path) == identity { unsafe unlink(path) }
        }
    }
}
