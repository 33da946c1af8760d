// SPDX-License-Identifier: MIT

import Glibc
import Logging
import SystemPackage

/// What takes messages for good.
protocol LogDestination: Sendable {
    /// Writes one message. Throws where it was not taken.
    mutating func write(_ level: Logger.Level, _ text: String) throws(Errno)

    /// Where the process's own output goes in the background: last words of a crash, above all.
    var descriptor: FileDescriptor { get }
}

/// A file that grows: each message is a line, with its time in UTC.
struct LogFile: LogDestination {
    let descriptor: FileDescriptor

    init(_ path: String) throws(Errno) {
        do {
            descriptor = try FileDescriptor.open(
                FilePath(path), .writeOnly, options: [.append, .create, .closeOnExec], permissions: [.ownerReadWrite, .groupRead])
        } catch {
            throw error as? Errno ?? .ioError
        }
    }

    func write(_ level: Logger.Level, _ text: String) throws(Errno) {
        let line = "\(LogTime.text("%Y-%m-%dT%H:%M:%SZ", isUTC: true)) passthroughfs[\(ProcessID.own)]: \(text)\n"
        do { _ = try descriptor.writeAll(line.utf8) } catch { throw error as? Errno ?? .ioError }
    }
}

/// The system's log. C counterpart: `syslog(3)`, which drops without a word what nobody takes, and waits for who does not
/// read. Here a log that is full is waited for a second, and from then on not at all until it takes something again: the
/// one who reads it may itself wait for a file of the mount.
struct Syslog: LogDestination {
    static let path = "/dev/log"

    private var socket: Int32
    /// It did not take the last message in time.
    private var isFull = false
    var descriptor: FileDescriptor { FileDescriptor(rawValue: socket) }

    init() throws(Errno) { socket = try Self.connected() }

    private static func connected() throws(Errno) -> Int32 {
        let socket = try LocalSocket.make(SOCK_DGRAM)
        do throws(Errno) {
            try LocalSocket.limitWaiting(socket, seconds: 1)
            try LocalSocket.connect(socket, to: path)
            return socket
        } catch {
            close(socket)
            throw error
        }
    }

    mutating func write(_ level: Logger.Level, _ text: String) throws(Errno) {
        let severity =
            switch level {
            case .critical: 2
            case .error: 3
            case .warning: 4
            case .notice: 5
            case .info: 6
            case .debug, .trace: 7
            }
        // Facility 3: a daemon's. Form: RFC 3164, as sent on the machine itself, without its name.
        let message = "<\(3 << 3 | severity)>\(LogTime.text("%b %e %H:%M:%S", isUTC: false)) passthroughfs[\(ProcessID.own)]: \(text)"
        do throws(Errno) {
            try LocalSocket.send(message, on: socket, waiting: !isFull)
            isFull = false
        } catch .resourceTemporarilyUnavailable {
            isFull = true
            throw .resourceTemporarilyUnavailable
        } catch {
            // Whoever listened was started anew: it has another socket now.
            let new = try Self.connected()
            close(socket)
            socket = new
            try LocalSocket.send(message, on: socket)
        }
    }
}

private enum LogTime {
    /// The time of now. C counterpart: `strftime(3)`, in the C locale.
    static func text(_ format: String, isUTC: Bool) -> String {
        var now = time(nil)
        var parts = unsafe tm()
        var buffer = [CChar](repeating: 0, count: 64)
        // Safe: the structures are filled within the calls, and the buffer's size is told.
        if isUTC { unsafe gmtime_r(&now, &parts) } else { unsafe localtime_r(&now, &parts) }
        let count = unsafe strftime(&buffer, buffer.count, format, &parts)
        return String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

extension FileDescriptor {
    /// Makes the process's standard input empty, and standard output and error this.
    func becomeStandardOutput() throws(Errno) {
        do {
            let nothing = try FileDescriptor.open(FilePath("/dev/null"), .readOnly)
            _ = try nothing.duplicate(as: .standardInput)
            if nothing != .standardInput { try nothing.close() }
            _ = try duplicate(as: .standardOutput)
            _ = try duplicate(as: .standardError)
        } catch {
            throw error as? Errno ?? .ioError
        }
    }
}
