// SPDX-License-Identifier: MIT

import FUSE
import FUSESimulation
import FUSEWire
import SystemPackage
import Testing

/// A server that answers each request as it is told, right or wrong. It has one directory, the root, and gives each name the
/// node that the test says.
final class WrongServer {
    /// What it does with a request: sends anything by the channel, any number of times.
    typealias Answer = (SimulatedChannel, InHeader) throws -> Void

    let kernel: SimulatedKernel
    let channel: SimulatedChannel
    var answers: [Opcode: Answer] = [:]
    /// What `write(2)` said to what was sent, nil for success.
    var outcomes: [Errno?] = []
    /// What it said to the reply to INIT.
    private(set) var initOutcome: Errno?
    var requests: [(header: InHeader, bytes: [UInt8])] = []

    /// - Parameter replySize: how much of the reply to INIT is sent.
    init(
        _ options: KernelOptions = KernelOptions(), reply: InitOut = WrongServer.initReply(), replySize: Int = InitOut.wireSize
    ) throws {
        kernel = SimulatedKernel(options)
        channel = try #require(try kernel.makeChannel() as? SimulatedChannel)
        #expect(channel.receiveMessage() != nil)
        let header = try channel.received.load(InHeader.self)
        #expect(header.opcode == Opcode.initialize.rawValue)
        send(header.unique, Array((bytes(reply) + [0]).prefix(replySize)))
        initOutcome = outcomes.removeLast()
        answers[.lookup] = { [unowned self] in send($1.unique, bytes(Self.entry(2))) }
        answers[.getattr] = { [unowned self] in
            let attr = $1.nodeid == 1 ? Attr(ino: 1, mode: 0o40777, nlink: 2) : Self.entry($1.nodeid).attr
            send($1.unique, bytes(AttrOut(attr_valid: 100, attr: attr)))
        }
        answers[.open] = { [unowned self] in send($1.unique, bytes(OpenOut(fh: 7))) }
        for opcode: Opcode in [.flush, .release, .unlink] { answers[opcode] = { [unowned self] in send($1.unique) } }
        kernel.serve { [unowned self] in serve() }
    }

    deinit {
        kernel.abort()
        kernel.exitAll()
    }

    static func initReply(_ flags: InitFlags = [.initExt, .passthrough, .maxPages, .atomicOTrunc, .handleKillprivV2]) -> InitOut {
        InitOut(
            major: 7, minor: 45, flags: flags.low, max_write: 1 << 17, time_gran: 1, max_pages: 32, flags2: flags.high, max_stack_depth: 1)
    }

    /// A regular file.
    static func entry(_ node: UInt64, timeout: UInt64 = 100) -> EntryOut {
        EntryOut(
            nodeid: node, entry_valid: timeout, attr_valid: timeout,
            attr: Attr(ino: node, size: 10, mode: 0o100666, nlink: 1))
    }

    private func serve() {
        do {
            guard channel.receiveMessage() != nil else { return }
            let header = try channel.received.load(InHeader.self)
            requests.append((header, channel.received))
            if let answer = answers[Opcode(rawValue: header.opcode)] { try answer(channel, header) } else {
                if Opcode(rawValue: header.opcode).isAnswered { send(header.unique, error: -38) }
            }
        } catch {
            Issue.record("\(error)")
        }
    }

    /// Sends a reply.
    func send(_ unique: UInt64, error: Int32 = 0, length: UInt32? = nil, _ body: [UInt8] = []) {
        raw(bytes(OutHeader(len: length ?? UInt32(16 + body.count), error: error, unique: unique)) + body)
    }

    func raw(_ message: [UInt8]) {
        do throws(Errno) {
            try channel.write(message)
            outcomes.append(nil)
        } catch {
            outcomes.append(error)
        }
    }

    /// Sends a notification, and says what the kernel thinks of it.
    func notify(_ code: NotifyCode, _ body: [UInt8]) -> Errno? {
        raw(bytes(OutHeader(len: UInt32(16 + body.count), error: code.rawValue, unique: 0)) + body)
        return outcomes.removeLast()
    }

    /// How often each node was forgotten.
    var forgotten: [UInt64: UInt64] {
        var counts: [UInt64: UInt64] = [:]
        for request in requests {
            switch Opcode(rawValue: request.header.opcode) {
            case .forget:
                counts[request.header.nodeid, default: 0] += (try? request.bytes.load(ForgetIn.self, at: InHeader.wireSize))?.nlookup ?? 0
            case .batchForget:
                let count = (try? request.bytes.load(BatchForgetIn.self, at: InHeader.wireSize))?.count ?? 0
                for index in 0..<Int(count) {
                    let offset = InHeader.wireSize + BatchForgetIn.wireSize + index * ForgetOne.wireSize
                    if let one = try? request.bytes.load(ForgetOne.self, at: offset) { counts[one.nodeid, default: 0] += one.nlookup }
                }
            default: break
            }
        }
        return counts
    }

    func count(_ opcode: Opcode) -> Int { requests.count { $0.header.opcode == opcode.rawValue } }
}

extension [UInt8] {
    /// The structure at a place.
    func load<T: WireStruct>(_: T.Type = T.self, at offset: Int = 0) throws -> T {
        // Safe: bytes have no padding.
        try unsafe span.bytes.extracting(droppingFirst: offset).load(T.self)
    }
}

/// The bytes of a structure.
func bytes<T: WireStruct>(_ value: T) -> [UInt8] {
    // Safe: a structure is plain bytes, copied while the value lives.
    unsafe withUnsafeBytes(of: value) { unsafe Array($0) }
}
