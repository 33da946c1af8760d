// SPDX-License-Identifier: MIT

import FUSE
import Logging
import Synchronization
import SystemPackage

/// Where a mount's messages go: to the terminal until it is live, and to the log from the start. Without a log to the
/// terminal throughout.
///
/// Nothing is lost without a word: what the log does not take (a full disk, a system log that is not running) is
/// counted, and told as soon as it takes something again.
final class MessageLog: Sendable {
    private struct State {
        var showsOnTerminal = true
        var hasMessages = false
        var destination: (any LogDestination)?
        var lost = 0
        var cause: Errno?
    }

    private let state: Mutex<State>
    /// What the log writes to; nil without one.
    let descriptor: FileDescriptor?

    init(_ destination: (any LogDestination)?) {
        descriptor = destination?.descriptor
        state = Mutex(State(destination: destination))
    }

    /// Whether there was anything to say.
    var hasMessages: Bool { state.withLock { $0.hasMessages } }

    func write(_ level: Logger.Level, _ text: String) {
        state.withLock { state in
            state.hasMessages = true
            if state.showsOnTerminal { Console.complain(text) }
            guard state.destination != nil else { return }
            do throws(Errno) {
                if state.lost > 0 {
                    let cause = state.cause.map { ": \($0)" } ?? ""
                    try state.destination?.write(.warning, "warning: \(state.lost) messages before this one could not be written\(cause)")
                    state.lost = 0
                }
                try state.destination?.write(level, text)
            } catch {
                state.lost += 1
                state.cause = error
            }
        }
    }

    /// From now on messages go to the log alone, where there is one.
    func leaveTerminal() {
        state.withLock { $0.showsOnTerminal = $0.destination == nil }
    }

    func logger(verbose: Bool) -> Logger {
        var logger = Logger(label: "passthroughfs") { _ in MessageLogHandler(log: self) }
        logger.logLevel = verbose ? .debug : .notice
        return logger
    }
}

/// One line a message, as command-line tools write them: no label.
struct MessageLogHandler: LogHandler {
    let log: MessageLog
    var logLevel = Logger.Level.notice
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let remedy = event.metadata?["remedy"].map { " (\($0))" } ?? ""
        let level = event.level >= .warning ? "\(event.level): " : ""
        log.write(event.level, "\(level)\(event.message)\(remedy)")
    }
}
