// SPDX-License-Identifier: MIT

import Foundation
import Synchronization

public struct Failed: Error, CustomStringConvertible {
    public var description: String

    public init(description: String) { self.description = description }
}

/// The output of a program that succeeds. It is killed when its time is over, and `Watchdog` with it.
@discardableResult
public func run(
    _ program: String, _ arguments: [String], in directory: String? = nil, environment: [String: String] = [:], limit: Double = 3600
) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: program)
    process.arguments = arguments
    if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory) }
    if !environment.isEmpty { process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 } }
    let pipe = Pipe()
    process.standardOutput = pipe
    try process.run()
    let number = process.processIdentifier
    return try Watchdog.within(limit, "\(program) \(arguments.joined(separator: " "))", also: number) {
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        guard process.terminationReason == .exit, process.terminationStatus == 0 else {
            throw Failed(description: "\(program) \(arguments.joined(separator: " ")): ended with \(process.terminationStatus)")
        }
        return String(decoding: output, as: UTF8.self)
    }
}

/// Ends what waits for ever. Who uses a filesystem whose server hangs cannot be killed before the server is: so all servers that run are
/// known here, and go first.
public enum Watchdog {
    private static let servers = Mutex<Set<Int32>>([])

    public static func knows(_ server: Int32) { servers.withLock { _ = $0.insert(server) } }
    public static func forgets(_ server: Int32) { servers.withLock { _ = $0.remove(server) } }

    public static func within<Result>(
        _ seconds: Double, _ what: String, also process: Int32? = nil, _ body: () throws -> Result
    ) throws -> Result {
        let isOver = Mutex(false)
        let item = DispatchWorkItem {
            // Not the next program's, which may have this one's number.
            guard !isOver.withLock({ $0 }) else { return }
            note("not done after \(Int(seconds)) seconds: \(what)")
            if let process { kill(process, SIGKILL) }
            for server in servers.withLock({ $0 }) { kill(server, SIGKILL) }
        }
        DispatchQueue.global().asyncAfter(deadline: .now() + seconds, execute: item)
        defer {
            isOver.withLock { $0 = true }
            item.cancel()
        }
        return try body()
    }
}

public func note(_ text: String) { FileHandle.standardError.write(Data("# \(text)\n".utf8)) }
