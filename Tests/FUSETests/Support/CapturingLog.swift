// SPDX-License-Identifier: MIT

import Logging
import Synchronization

/// Keeps what is logged.
final class CapturedLog: Sendable {
    private let lines = Mutex<[String]>([])
    /// Called with each message, without a lock: a place to let others go first.
    private let whileLogging: @Sendable () -> Void

    init(whileLogging: @escaping @Sendable () -> Void = {}) { self.whileLogging = whileLogging }

    var all: [String] { lines.withLock { $0 } }

    /// A logger whose messages end up here, as `level: message`.
    var logger: Logger { Logger(label: "test") { _ in Handler(log: self) } }

    private struct Handler: LogHandler {
        let log: CapturedLog
        var metadata: Logger.Metadata = [:]
        var logLevel: Logger.Level = .notice

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            log.lines.withLock { $0.append("\(event.level): \(event.message)") }
            log.whileLogging()
        }
    }
}
