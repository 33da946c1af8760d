// SPDX-License-Identifier: MIT

public import FUSEWire
public import SystemPackage

/// A device whose messages are shown, a line each: what the kernel asks, what the filesystem answers, and how long that
/// took. ``MountOptions/trace`` makes one. A session knows nothing of it, so one that is not traced pays nothing.
///
///     > 8 LOOKUP nodeid=1 name="hello" uid=0 gid=0 pid=4711
///     < 8 LOOKUP us=12 nodeid=2 entry_valid=1.000000000 attr_valid=1.000000000 ino=2 mode=0100444 ...
///
/// `>` is a request, before the filesystem sees it; `<` its reply, before it is sent, with the microseconds since the
/// request came, and `error` where there is one; `!` a notification or the registration of a backing file, with those that
/// the kernel took for it; `?` a reply that the kernel did not take (ENOENT: nobody waited for it any more). The number
/// after the mark names the request. Fields have the kernel's names; what a message says is not valid, and flags without a
/// bit, are left out. Data are not shown, their size is.
public final class TracedDevice: Device {
    private let device: any Device
    private let tracer: Tracer

    /// `trace` is called with each line, on the thread that has the message in hand, from several at once.
    public init(_ device: any Device, _ trace: @escaping @Sendable (String) -> Void) {
        self.device = device
        tracer = Tracer(trace)
    }

    /// A lane of the device, with its messages shown.
    public func traced(_ lane: any Lane) -> any Lane { TracedLane(lane, tracer) }

    public func makeLane() throws(Errno) -> any Lane { traced(try device.makeLane()) }

    public func openBacking(_ map: BackingMap) throws(Errno) -> BackingID {
        try tracer.tells("BACKING_OPEN") { $0.put(map) } result: { id, line in
            line.put("backing_id", id.rawValue)
        } _: { () throws(Errno) in
            try device.openBacking(map)
        }
    }

    public func closeBacking(_ id: BackingID) throws(Errno) {
        try tracer.tells("BACKING_CLOSE") { $0.put("backing_id", id.rawValue) } result: { _, _ in } _: { () throws(Errno) in
            try device.closeBacking(id)
        }
    }

    public func notify(_ code: NotifyCode, _ body: RawSpan) throws(Errno) {
        try tracer.tells("\(code)") { $0.put(notification: code, body) } result: { _, _ in } _: { () throws(Errno) in
            try device.notify(code, body)
        }
    }
}

private final class TracedLane: Lane {
    private let lane: any Lane
    private let tracer: Tracer

    init(_ lane: any Lane, _ tracer: Tracer) {
        self.lane = lane
        self.tracer = tracer
    }

    func receive() throws(Errno) -> Bool { try lane.receive() }

    func withRequest(_ body: (borrowing ReceivedRequest, inout OutputRawSpan) -> Disposition) -> Disposition {
        lane.withRequest { request, output in
            tracer.received(request)
            return body(request, &output)
        }
    }

    func reply(error: Errno?) throws(Errno) {
        var unique: UInt64 = 0
        lane.withReceived { unique = $0.decodedHeader?.unique ?? 0 }
        var failure: Errno?
        lane.withReplyBody { body in
            do throws(Errno) {
                try tracer.replies(to: unique, error, body) { () throws(Errno) in try lane.reply(error: error) }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
    }

    func giveBackMemory() { lane.giveBackMemory() }

    func withReplyBody(_ body: (RawSpan) -> Void) { lane.withReplyBody(body) }

    func withReceived(_ body: (borrowing ReceivedRequest) -> Void) { lane.withReceived(body) }

    func reply(to request: RequestID, error: Errno?, body: RawSpan) throws(Errno) {
        try tracer.replies(to: request.rawValue, error, body) { () throws(Errno) in
            try lane.reply(to: request, error: error, body: body)
        }
    }
}
