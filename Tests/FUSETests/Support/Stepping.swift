// SPDX-License-Identifier: MIT

import FUSE
import FUSEWire
import Logging
import Testing

/// A session on a scripted connection, stepped by hand.
struct Stepped<FS: FileSystem> {
    let session: Session<FS>
    let device: ScriptedDevice
    let lane: ScriptedLane
    /// The lane as the session has it.
    let traced: any Lane
    let initReply: Reply

    init(
        _ fileSystem: FS, device: ScriptedDevice = ScriptedDevice(), opening: [UInt8] = initRequest(),
        options: SessionOptions = SessionOptions(logger: .silent), capacity: Int = 1 << 20,
        trace: (@Sendable (String) -> Void)? = nil
    ) throws {
        self.device = device
        lane = ScriptedLane([opening], capacity: capacity)
        let tracedDevice = trace.map { TracedDevice(device, $0) }
        traced = tracedDevice?.traced(lane) ?? lane
        session = try Session(fileSystem, device: tracedDevice ?? device, lane: traced, options: options)
        let replies = lane.takeReplies()
        try #require(replies.count == 1)
        initReply = replies[0]
    }

    /// Sends one request, and returns what was answered: one reply, or none.
    func exchange(_ request: [UInt8]) throws -> Reply? {
        lane.send(request)
        try #require(try session.step(traced))
        let replies = lane.takeReplies()
        try #require(replies.count <= 1)
        return replies.first
    }
}

extension Logger {
    /// Says nothing.
    static var silent: Logger { Logger(label: "test") { _ in SwiftLogNoOpLogHandler() } }
}
