// SPDX-License-Identifier: MIT

public import FUSEWire
public import SystemPackage

/// A transport whose messages are shown, a line each: what the kernel asks, what the filesystem answers, and how long that
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
public final class TracedTransport: Transport {
    private let transport: any Transport
    private let tracer: Tracer

    /// `trace` is called with each line, on the thread that has the message in hand, from several at once.
    public init(_ transport: any Transport, _ trace: @escaping @Sendable (String) -> Void) {
        self.transport = transport
        tracer = Tracer(trace)
    }

    /// A channel of the transport, with its messages shown.
    public func traced(_ channel: any Channel) -> any Channel { TracedChannel(channel, tracer) }

    public var name: String { transport.name }
    public var entryCount: Int { transport.entryCount }
    public var wishes: Capabilities { transport.wishes }
    public var queueCount: Int { transport.queueCount }
    public func agreed(on capabilities: Capabilities, maxWrite: Int) { transport.agreed(on: capabilities, maxWrite: maxWrite) }
    public func lacksThread(in queue: Int, _ error: Errno) { transport.lacksThread(in: queue, error) }
    public func makeChannel() throws(Errno) -> any Channel { traced(try transport.makeChannel()) }
    public func makeChannel(in queue: Int) throws(Errno) -> any Channel { traced(try transport.makeChannel(in: queue)) }

    public func openBacking(_ map: BackingMap) throws(Errno) -> BackingID {
        try tracer.tells("BACKING_OPEN") { $0.put(map) } result: { id, line in
            line.put("backing_id", id.rawValue)
        } _: { () throws(Errno) in
            try transport.openBacking(map)
        }
    }

    public func closeBacking(_ id: BackingID) throws(Errno) {
        try tracer.tells("BACKING_CLOSE") { $0.put("backing_id", id.rawValue) } result: { _, _ in } _: { () throws(Errno) in
            try transport.closeBacking(id)
        }
    }

    public func notify(_ code: NotifyCode, _ body: RawSpan) throws(Errno) {
        try tracer.tells("\(code)") { $0.put(notification: code, body) } result: { _, _ in } _: { () throws(Errno) in
            try transport.notify(code, body)
        }
    }
}

private final class TracedChannel: Channel {
    private let channel: any Channel
    private let tracer: Tracer

    init(_ channel: any Channel, _ tracer: Tracer) {
        self.channel = channel
        self.tracer = tracer
    }

    func receive() throws(Errno) -> Exchange? {
        guard let exchange = try channel.receive() else { return nil }
        tracer.received(exchange.request)
        return Exchange(TracedSlot(exchange.slot, tracer))
    }

    var queue: Int { channel.queue }
    func takePlace() throws(Errno) { try channel.takePlace() }
    var mayLeave: Bool { channel.mayLeave }
    func giveBackMemory() { channel.giveBackMemory() }
    func holds(_ request: RequestID) -> Bool { channel.holds(request) }

    func repeatInterrupt(of request: RequestID) -> Bool {
        tracer.repeats(request) { channel.repeatInterrupt(of: request) }
    }
}

/// Shows the reply, and hands it on.
private final class TracedSlot: ExchangeSlot, @unchecked Sendable {
    private let slot: ExchangeSlot
    private let tracer: Tracer

    init(_ slot: ExchangeSlot, _ tracer: Tracer) {
        self.slot = slot
        self.tracer = tracer
        super.init(slot.memory)
    }

    override func commit(_ reply: Reply) throws(Errno) {
        let memory = memory
        switch reply {
        case .none: try slot.commit(reply)
        case .body(let count):
            try tracer.replies(to: memory.unique, nil, memory.body(count)) { () throws(Errno) in try slot.commit(reply) }
        case .error(let error):
            try tracer.replies(to: memory.unique, error, RawSpan()) { () throws(Errno) in try slot.commit(reply) }
        }
    }
}
