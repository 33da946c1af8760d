// SPDX-License-Identifier: MIT

import Glibc
import SystemPackage

/// Tells a service manager how the service is: systemd, by the datagram socket that NOTIFY_SOCKET names. C counterpart:
/// `sd_notify(3)`.
struct ServiceManager {
    private let path: String

    /// Nil where nobody wants to know.
    init?() {
        // Safe: the environment is not changed any more.
        guard let value = unsafe getenv("NOTIFY_SOCKET") else { return nil }
        path = unsafe String(cString: value)
    }

    func ready(_ status: String) throws(Errno) { try send("READY=1\nSTATUS=\(status)\nMAINPID=\(ProcessID.own)") }

    func stopping(_ status: String) throws(Errno) { try send("STOPPING=1\nSTATUS=\(status)") }

    private func send(_ text: String) throws(Errno) {
        let socket = try LocalSocket.make(SOCK_DGRAM)
        defer { close(socket) }
        try LocalSocket.connect(socket, to: path)
        try LocalSocket.send(text, on: socket)
    }
}
