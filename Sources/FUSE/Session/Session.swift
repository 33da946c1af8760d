// SPDX-License-Identifier: MIT
//
// A session: one filesystem, one connection.
//
// The way of a request: a channel receives it as an exchange, the session decodes a view of it, picks the operation, and the
// filesystem returns a value or throws; the session encodes that into the exchange's room, and commits it. `step(_:)` is all
// of that for one request, and blocks nowhere but in the channel and in the filesystem.
//
// Shared state: what was negotiated is constant from `init` on. The counters, backing files, interrupts,
// notifications and deferred replies have rules of their own, in their files. A session may be stepped by any number of
// threads, each with a channel of its own.

public import FUSEWire
import Glibc
import Logging
import Synchronization
public import SystemPackage

/// Serves one filesystem on one connection to a kernel.
///
/// ``Mount`` makes one, and threads for it, for a directory of this machine. Used by itself it can be stepped by hand,
/// with any ``Transport``.
public final class Session<FS: FileSystem>: Sendable {
    public let fileSystem: FS
    public let connection: Connection
    public let counters: SessionCounters
    let features: ProtocolFeatures
    let backings: InodeBackings
    let logger: Logger
    let faults: FaultLog
    let interrupts: Interrupts
    /// Passed by everyone but workers who calls the filesystem.
    let gate = Gate()
    private let hasEnded = Atomic(false)

    /// Answers the kernel's INIT, and starts the filesystem.
    ///
    /// - Parameters:
    ///   - fileSystem: what is to be served.
    ///   - transport: the way to the kernel.
    ///   - channel: the channel that INIT comes by: for `/dev/fuse` that of the mounted descriptor.
    ///   - options: how.
    ///   - deviceNumber: the number of the device that the mount appears as.
    /// - Throws: ``SessionError`` where the kernel is too old or the connection ended first.
    public init(
        _ fileSystem: FS, transport: any Transport, channel: any Channel, options: SessionOptions = SessionOptions(),
        mountedAs deviceNumber: UInt64? = nil
    ) throws(SessionError) {
        let backingOptions = fileSystem.backings
        let agreed = try Handshake(
            wanted: fileSystem.capabilities, wishes: transport.wishes, options: options, stackDepth: options.maxStackDepth ?? backingOptions.stackDepth
        ).run(on: channel)
        transport.agreed(on: agreed.capabilities, maxWrite: agreed.maxWrite)
        let missing = fileSystem.requiredCapabilities.subtracting(agreed.capabilities)
        guard missing.isEmpty else { throw .missing(missing) }
        self.fileSystem = fileSystem
        logger = options.logger
        faults = FaultLog(options.logger)
        counters = SessionCounters()
        features = ProtocolFeatures(minor: agreed.minor, flags: agreed.capabilities)
        let probe = PassthroughProbe(transport, wanted: options.passthrough, agreed: agreed)
        backings = InodeBackings(transport, calls: probe.calls, options: backingOptions, logger: options.logger)
        let link = SessionLink()
        interrupts = Interrupts(signal: options.preparedSignal(), logger: options.logger) { link.session?.interrupted($0) }
        let notifier = Notifier(transport, agreed, interrupts, options.logger)
        connection = Connection(
            protocolMinor: agreed.minor, capabilities: agreed.capabilities, offered: agreed.offered,
            missing: agreed.missing, omitted: agreed.omitted(of: fileSystem.omitted, probe.state), maxWrite: agreed.maxWrite, passthrough: probe.state,
            stackDepth: probe.calls == nil ? 0 : Int(agreed.stackDepth), backingDialect: probe.calls?.dialect,
            backings: Backings(inodes: backings), device: deviceNumber, notifier: notifier, link: link, interrupts: interrupts)
        if case .unavailable(let reason, let remedy) = probe.state, options.passthrough == .require {
            throw .passthroughUnavailable(reason: reason, remedy: remedy)
        }
        options.logger.tell(of: probe.state)
        CapabilityChoice.tell(agreed.missing, options.logger)
        link.connect(self)
        fileSystem.start(connection)
    }

    deinit { connection.notifier.end() }

    /// Stops the filesystem, the first time. For who steps a session by hand: the connection is over, and no thread serves it
    /// any more.
    public func end() {
        guard !hasEnded.exchange(true, ordering: .relaxed) else { return }
        connection.notifier.end()
        gate.close()
        backings.end()
        fileSystem.stop()
    }

    /// Receives one request by the channel, and answers it. False: the connection is over. Where the calling thread has
    /// ``SessionOptions/interruptSignal`` blocked, interrupts do not end its system calls.
    public func step(_ channel: any Channel) throws(Errno) -> Bool {
        let hand = interrupts.enter(channel)
        defer { interrupts.leave(hand) }
        guard let exchange = try channel.receive() else {
            interrupts.connectionIsOver(hand)
            return false
        }
        return try serve(exchange, hand)
    }

    /// Answers a request. False: the connection is over.
    func serve(_ exchange: consuming Exchange, _ hand: Hand) throws(Errno) -> Bool {
        // What is sent to this thread for a request that is over arrives before the next one.
        defer { hand.settle() }
        let reply = answer(exchange, hand)
        hand.putDown()
        guard let reply else {
            if let pending = interrupts.takeDeferred(exchange.slot.memory.unique) { own(pending, exchange) }
            return true
        }
        switch exchange.commit(reply) {
        case .taken: return true
        case .refused(let error, let exchange): return try retract(exchange, reply, error)
        }
    }

    /// The kernel did not take a reply: what it would have handed over comes back. Where the connection lives its caller gets
    /// EIO, rather than to wait for ever, and the thread goes on. False: the connection is over. Throws where the kernel takes
    /// not even that.
    private func retract(_ exchange: consuming Exchange, _ reply: Reply, _ refusal: Errno) throws(Errno) -> Bool {
        takeBack(exchange, reply)
        switch refusal {
        case .noSuchFileOrDirectory: return true
        case .operationNotSupportedByDevice, .connectionAbort: return false
        default: break
        }
        if let header = exchange.header {
            faults.tell(.refused, Opcode(rawValue: header.opcode), NodeID(rawValue: header.nodeid), refusal)
        }
        guard case .refused(let error, _) = exchange.commit(.error(.ioError)) else { return true }
        switch error {
        // It has ended the request by itself, with EIO (`fuse_dev_do_write`).
        case .noSuchFileOrDirectory: return true
        case .operationNotSupportedByDevice, .connectionAbort: return false
        default: throw error
        }
    }

    /// Calls the filesystem, and encodes its answer. Nil: somebody else replies.
    private func answer(_ exchange: borrowing Exchange, _ hand: Hand) -> Reply? {
        let message: RequestMessage
        do throws(Errno) { message = try exchange.request.message(features) } catch {
            // Without a header there is no name to reply to.
            guard let header = exchange.header else { return Reply.none }
            let opcode = Opcode(rawValue: header.opcode)
            counters.count(opcode)
            return opcode.isAnswered ? .error(error) : Reply.none
        }
        let opcode = message.opcode
        let unique = message.header.unique
        counters.count(opcode)
        let isAnswered = opcode.isAnswered
        if isAnswered { hand.take(unique, opcode, exchange.slot) }
        do throws(Errno) {
            var room = exchange.room
            try dispatch(message, hand, into: &room)
            guard isAnswered else { return Reply.none }
            return hand.hasDeferred(unique) ? nil : .body(room.byteCount)
        } catch {
            guard isAnswered else { return Reply.none }
            if hand.hasDeferred(unique) { return nil }
            return .error(faults.presentable(error, opcode, message.node))
        }
    }
}

/// Why a session could not start.
public enum SessionError: Error, Equatable, CustomStringConvertible {
    /// The kernel speaks an older protocol than this library.
    case kernelTooOld(major: UInt32, minor: UInt32)
    /// The first request was no INIT, or cut short.
    case notAnInit
    /// The connection ended before INIT was answered.
    case ended
    /// The kernel does not offer what the filesystem requires, see ``FileSystem/requiredCapabilities``.
    case missing(Capabilities)
    /// Passthrough was required.
    case passthroughUnavailable(reason: String, remedy: String)
    /// A system call failed.
    case system(Errno)

    public var description: String {
        switch self {
        case .kernelTooOld(let major, let minor):
            "the kernel speaks FUSE protocol \(major).\(minor), and \(FUSEProtocol.major).\(FUSEProtocol.oldestMinor) is the oldest served here: Linux 5.4 or newer is needed"
        case .notAnInit: "the kernel's first request was no INIT: the descriptor was in use before"
        case .ended: "the connection ended before it was set up: it was unmounted or aborted"
        case .missing(let capabilities):
            "the kernel does not offer \(capabilities)" + (capabilities.contains(.allowIdmap) ? " (id-mapped mounts): Linux 6.12 or newer is needed" : "")
        case .passthroughUnavailable(let reason, let remedy): "passthrough is required, and not to be had: \(reason); \(remedy)"
        case .system(let errno): "\(errno)"
        }
    }
}

extension SessionOptions {
    /// The signal, ready to be sent; nil where there is none to be had, which is told.
    func preparedSignal() -> Int32? {
        guard let interruptSignal else { return nil }
        switch InterruptSignal.prepare(interruptSignal) {
        case .ready: return interruptSignal
        case .taken:
            logger.warning("interrupts do not end blocking calls: this program has a handler for signal \(interruptSignal), choose another one")
        case .impossible:
            logger.warning("interrupts do not end blocking calls: signal \(interruptSignal) cannot be used for it")
        }
        return nil
    }
}
