// SPDX-License-Identifier: MIT

import FUSE
import FUSEWire
import SystemPackage

/// How large the body of a reply is.
enum ReplySize {
    case exactly(Int)
    case upTo(Int)

    func takes(_ count: Int) -> Bool {
        switch self {
        case .exactly(let size): count == size
        case .upTo(let size): count <= size
        }
    }
}

/// A request on its way.
final class KernelRequest {
    enum State {
        case waiting
        /// The server has it, from this channel.
        case sent(by: SimulatedChannel)
        case done(Result<[UInt8], Errno>)
    }

    let opcode: Opcode
    let node: UInt64
    let body: [UInt8]
    let size: ReplySize
    /// A call waits for it; otherwise nobody does.
    let isAwaited: Bool
    var unique: UInt64 = 0
    var caller = Credentials(user: 0, group: 0, groups: [])
    var process: Int32 = 0
    var extensions: [UInt8] = []
    var state = State.waiting
    var isInterrupted = false
    var whenDone: ((Result<[UInt8], Errno>) -> Void)?

    init(_ opcode: Opcode, node: UInt64, _ body: [UInt8], _ size: ReplySize, isAwaited: Bool) {
        self.opcode = opcode
        self.node = node
        self.body = body
        self.size = size
        self.isAwaited = isAwaited
    }

    var result: Result<[UInt8], Errno>? { if case .done(let result) = state { result } else { nil } }

    func finish(_ result: Result<[UInt8], Errno>) {
        guard self.result == nil else { return }
        state = .done(result)
        whenDone?(result)
    }

    var message: [UInt8] {
        var message: [UInt8] = []
        message.put(
            InHeader(
                len: UInt32(InHeader.wireSize + body.count + extensions.count), opcode: opcode.rawValue, unique: unique,
                nodeid: node, uid: caller.user, gid: caller.group, pid: UInt32(process),
                total_extlen: UInt16(extensions.count / 8)))
        return message + body + extensions
    }
}

/// Lookups that are to be given back. Shared with the inodes, which put theirs here when they go.
final class ForgetList {
    var nodes: [(node: UInt64, lookups: UInt64)] = []
}

/// Requests that the server has not taken, and those that it has not answered.
struct RequestQueue {
    private var waiting: [KernelRequest] = []
    private var sent: [UInt64: KernelRequest] = [:]
    private var interrupts: [KernelRequest] = []
    private var last: UInt64 = 0
    let forgets = ForgetList()

    mutating func append(_ request: KernelRequest) {
        // Bit 0 is an interrupt's. Source: `fuse_get_unique` in Linux.
        last += 2
        request.unique = last
        waiting.append(request)
    }

    var isEmpty: Bool { waiting.isEmpty && interrupts.isEmpty && forgets.nodes.isEmpty }
    /// Requests that have gone to the server, and are not answered.
    var unansweredCount: Int { sent.count }

    mutating func interrupt(_ request: KernelRequest) { interrupts.append(request) }

    /// What the server gets next: interrupts, forgets, requests, as in `fuse_dev_do_read`.
    mutating func next(for channel: SimulatedChannel, minor: UInt32) -> (message: [UInt8], opcode: Opcode)? {
        if !interrupts.isEmpty {
            let request = interrupts.removeFirst()
            var body: [UInt8] = []
            body.put(InterruptIn(unique: request.unique))
            let interrupt = KernelRequest(.interrupt, node: 0, body, .exactly(0), isAwaited: false)
            interrupt.unique = request.unique | 1
            return (interrupt.message, .interrupt)
        }
        if let forget = nextForget(minor: minor) { return forget }
        guard !waiting.isEmpty else { return nil }
        let request = waiting.removeFirst()
        if request.opcode.isAnswered {
            request.state = .sent(by: channel)
            sent[request.unique] = request
            if request.isInterrupted { interrupts.append(request) }
        } else {
            request.finish(.success([]))
        }
        return (request.message, request.opcode)
    }

    private mutating func nextForget(minor: UInt32) -> (message: [UInt8], opcode: Opcode)? {
        let nodes = forgets.nodes.prefix(minor < 16 ? 1 : 1000)
        guard let first = nodes.first else { return nil }
        forgets.nodes.removeFirst(nodes.count)
        last += 2
        var body: [UInt8] = []
        if nodes.count == 1 {
            body.put(ForgetIn(nlookup: first.lookups))
        } else {
            body.put(BatchForgetIn(count: UInt32(nodes.count)))
            for node in nodes { body.put(ForgetOne(nodeid: node.node, nlookup: node.lookups)) }
        }
        let opcode = nodes.count == 1 ? Opcode.forget : .batchForget
        let request = KernelRequest(opcode, node: nodes.count == 1 ? first.node : 0, body, .exactly(0), isAwaited: false)
        request.unique = last
        return (request.message, opcode)
    }

    /// A request that came by this channel and is not answered.
    func find(_ unique: UInt64, by channel: SimulatedChannel) -> KernelRequest? {
        guard let request = sent[unique], case .sent(let own) = request.state, own === channel else { return nil }
        return request
    }

    /// It is answered: an interrupt that was not taken is not sent any more. Source: `fuse_request_end`.
    mutating func remove(_ request: KernelRequest) {
        sent[request.unique] = nil
        interrupts.removeAll { $0 === request }
    }

    /// All that are unanswered come again, marked as such, and their interrupts behind them.
    mutating func resend() {
        let again = sent.values.sorted { $0.unique < $1.unique }
        sent = [:]
        interrupts = []
        for request in again {
            request.state = .waiting
            request.unique |= FUSEProtocol.uniqueResend
        }
        waiting = again + waiting
    }

    mutating func takeAll() -> [KernelRequest] {
        defer {
            waiting = []
            sent = [:]
            interrupts = []
        }
        return waiting + sent.values.sorted { $0.unique < $1.unique }
    }
}
