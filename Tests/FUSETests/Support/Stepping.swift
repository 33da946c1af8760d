// SPDX-License-Identifier: MIT

import FUSE
import FUSEWire
import Logging
import Testing

/// A session on a scripted connection, stepped by hand.
struct Stepped<FS: FileSystem> {
    let session: Session<FS>
    let device: ScriptedDevice
    let channel: ScriptedChannel
    /// The channel as the session has it.
    let traced: any Channel
    let initReply: Sent

    init(
        _ fileSystem: FS, device: ScriptedDevice = ScriptedDevice(), opening: [UInt8] = initRequest(),
        options: SessionOptions = SessionOptions(logger: .silent), capacity: Int = 1 << 20,
        trace: (@Sendable (String) -> Void)? = nil
    ) throws {
        self.device = device
        channel = ScriptedChannel([opening], capacity: capacity)
        let tracedTransport = trace.map { TracedTransport(device, $0) }
        traced = tracedTransport?.traced(channel) ?? channel
        session = try Session(fileSystem, transport: tracedTransport ?? device, channel: traced, options: options)
        let replies = channel.takeReplies()
        try #require(replies.count == 1)
        initReply = replies[0]
    }

    /// Sends one request, and returns what was answered: one reply, or none.
    func exchange(_ request: [UInt8]) throws -> Sent? {
        channel.send(request)
        try #require(try session.step(traced))
        let replies = channel.takeReplies()
        try #require(replies.count <= 1)
        return replies.first
    }
}

extension Logger {
    /// Says nothing.
    static var silent: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}
