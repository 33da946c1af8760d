// SPDX-License-Identifier: MIT

import FUSEWire
import Synchronization
public import SystemPackage

/// The duty to answer a request later, from any thread: for filesystems that wait for something and would hold a thread
/// meanwhile. ``Connection/deferReply(to:_:)`` makes one within the method that the request called.
///
/// It is answered exactly once, which the compiler checks: each `reply` consumes it. Which of them fits follows from the
/// method: an `Entry` for a lookup, data for a read, nothing for an fsync. One that does not fit gives the caller EIO, and
/// so does one whose answer the method could not have returned either. Dropped without an answer, its caller gets EIO too. The
/// log names the operation, once.
///
/// **Interrupts.** The caller may want to give up: ``FileSystem/interrupted(_:)`` says so, and ``isInterrupted``. An answer
/// is due all the same, `.interrupted` being the usual one.
///
/// **The end of a mount.** A normal unmount waits for callers, and so for these answers. Where the connection was aborted,
/// nobody waits any more: an answer that names a node or an open file is taken back (`forget`, `release`), as with every
/// reply that nobody received. ``FileSystem/stop()`` may run while some are outstanding: answers given from then on go
/// nowhere, and the filesystem is not called for them.
///
/// C counterpart: keeping the `fuse_req_t` of libfuse's lowlevel API.
public struct DeferredReply: ~Copyable, Sendable {
    private let pending: PendingReply

    init(_ pending: PendingReply) { self.pending = pending }

    deinit { if pending.claim() { pending.session.abandon(pending) } }

    /// Who asks.
    public var request: Request { pending.request }

    /// The most bytes that the caller takes: of reads, listings and attributes.
    public var size: Int { pending.size }

    /// Whether the caller wants to give up.
    public var isInterrupted: Bool { pending.interrupts.isInterrupted(pending.request.id) }

    /// Answers with an error, as throwing it would.
    public consuming func fail(_ error: Errno) {
        sendError(error)
    }

    /// The answer to what has no result: `flush`, `fsync`, `unlink`, `rename`, `access`, `setlk` ...
    public consuming func reply() {
        send(.nothing) { (_, _) throws(Errno) in }
    }

    /// The answer to `lookup`, `revive` and `parent`, and to what creates without opening.
    public consuming func reply(_ entry: Entry) {
        send(.entry) { (output, pending) throws(Errno) in
            try output.put(pending.session.entryOut(entry, for: pending.opcode, type: pending.typeToMake))
        }
    }

    /// The answer to `getattr`, `statx` and `setattr`.
    public consuming func reply(_ attributes: AttributesReply) {
        send(.attributes) { (output, pending) throws(Errno) in
            if pending.opcode == .statx {
                try output.put(attributes.statxOut(of: pending.node))
            } else {
                try output.put(attributes.attrOut(of: pending.node))
            }
        }
    }

    /// The answer to `statfs`.
    public consuming func reply(_ statistics: FileSystemStatistics) {
        send(.statistics) { (output, _) throws(Errno) in try output.put(StatfsOut(st: Kstatfs(statistics))) }
    }

    /// The answer to `open`.
    public consuming func reply(_ opened: consuming Opened) {
        // What the closure is to consume has to be one that can be taken.
        var answer: Opened? = opened
        send(.opened) { (output, pending) throws(Errno) in
            if let opened = answer.take() { try output.put(pending.session.openOut(pending.node, opened)) }
        }
    }

    /// The answer to `create` and `tmpfile`.
    public consuming func reply(_ created: consuming Created) {
        var answer: Created? = created
        send(.created) { (output, pending) throws(Errno) in
            guard let created = answer.take() else { return }
            let (entry, opened) = try pending.session.createdOut(created, for: pending.opcode, pending.request)
            try output.put(entry)
            try output.put(opened)
        }
    }

    /// The answer to `opendir`.
    public consuming func reply(_ opened: OpenedDirectory) {
        send(.openedDirectory) { (output, _) throws(Errno) in try output.put(OpenOut(opened)) }
    }

    /// The answer to `write` and `copyFileRange`: how many bytes; to `lseek`: where.
    public consuming func reply(count: UInt64) {
        send(.count) { (output, pending) throws(Errno) in
            switch pending.opcode {
            case .write: try output.put(written: Int(clamping: count), of: pending.size)
            case .lseek: try output.put(offset: count)
            default: try output.put(copied: count, of: UInt64(pending.size), isWide: pending.opcode == .copyFileRange64)
            }
        }
    }

    /// The answer to `read`, `readlink`, `getxattr` and `listxattr`: `fill` writes it in place, and may throw. A value that is
    /// larger than the caller has room for is ERANGE.
    public consuming func reply(data fill: (inout DataWriter) throws(Errno) -> Void) {
        if pending.opcode.replyKind == .value {
            send(.value) { (output, pending) throws(Errno) in
                // Only the size is wanted: the value says it.
                let room = pending.size > 0 ? pending.size : Self.largestValue
                try output.fillValue(asked: pending.size, room: room) { (value) throws(Errno) in
                    try fill(&value)
                    return nil
                }
            }
        } else {
            send(.data) { (output, pending) throws(Errno) in try output.fill(upTo: pending.size, fill) }
        }
    }

    /// The answer to `readdir`, also where that was called for want of a `readdirplus`.
    public consuming func reply(entries fill: (inout DirectoryWriter) throws(Errno) -> Void) {
        send(.entries) { (output, pending) throws(Errno) in
            try output.append(upTo: pending.size) { (room) throws(Errno) in
                let leftOut = try DirectoryWriter.fill(&room, isPlus: pending.opcode == .readdirplus, fill)
                if leftOut { pending.session.faults.tell(.entry, pending.opcode, pending.node) }
            }
        }
    }

    /// The answer to `readdirplus`.
    public consuming func reply(entriesPlus fill: (inout DirectoryPlusWriter) throws(Errno) -> Void) {
        send(.entries) { (output, pending) throws(Errno) in
            guard pending.opcode == .readdirplus else { throw Errno(.doesNotFit) }
            try output.append(upTo: pending.size) { (room) throws(Errno) in
                let leftOut = try DirectoryPlusWriter.fill(&room, takeBack: { pending.session.takeBack($0) }, fill)
                if leftOut { pending.session.faults.tell(.entry, pending.opcode, pending.node) }
            }
        }
    }

    /// The answer to `getlk`: a lock that is in the way, nil where there is none.
    public consuming func reply(lock: FileLock?) {
        send(.lock) { (output, _) throws(Errno) in try output.put(LkOut(found: lock)) }
    }

    /// The answer to `poll`.
    public consuming func reply(events: PollEvents) {
        send(.events) { (output, _) throws(Errno) in try output.put(PollOut(revents: events.rawValue)) }
    }

    /// The answer to `ioctl`: what the call returns, 0 or more, and the data that go back, which `fill` writes in place.
    public consuming func reply(result: Int32, data fill: (inout DataWriter) throws(Errno) -> Void) {
        send(.command) { (output, pending) throws(Errno) in
            try output.fillIoctl(upTo: pending.size) { (data) throws(Errno) in
                try fill(&data)
                return result
            }
        }
    }

    /// The answer to `ioctl`, without data.
    public consuming func reply(result: Int32) {
        reply(result: result, data: { (_) throws(Errno) in })
    }

    /// A value of unknown size has 64 KiB at the most (XATTR_SIZE_MAX); everything else is small or says its size.
    private static var largestValue: Int { 65536 }

    private consuming func send(
        _ kind: ReplyKind, _ encode: (inout OutputRawSpan, PendingReply) throws(Errno) -> Void
    ) {
        guard pending.claim() else { return }
        let pending = pending
        // And what is of one size: the largest is that of `statx`.
        let room =
            switch kind {
            case .value where pending.size == 0: Self.largestValue
            case .data, .value, .entries, .command: min(pending.size, 1 << 20)
            default: 0
            }
        pending.session.finish(pending, capacity: room + 512) { (output) throws(Errno) in
            guard pending.opcode.replyKind == kind else { throw Errno(.doesNotFit) }
            try encode(&output, pending)
        }
    }

    /// Answers with an error.
    private consuming func sendError(_ error: Errno) {
        guard pending.claim() else { return }
        pending.session.finish(pending, capacity: 0) { (_) throws(Errno) in throw error }
    }

    /// Keeps one where only copyable values can be kept: in an array, a dictionary, a closure.
    public final class Box: Sendable {
        private let reply: Mutex<DeferredReply?>

        public init(_ reply: consuming sending DeferredReply) { self.reply = Mutex(reply) }

        /// The reply, the first time; nil from then on.
        public func take() -> sending DeferredReply? { reply.withLock { $0.take() } }
    }
}

extension Errno {
    /// What a method throws that has deferred its reply. No errno has this value, see `notImplemented`.
    static var deferred: Errno { Errno(rawValue: -1_836_475_205) }
}

extension Connection {
    /// Puts the reply to a request off: `take` gets the duty to give it. To be called within the method that the request
    /// called, as the last thing it does:
    ///
    ///     throw connection.deferReply(to: request) { reply in queue.append(DeferredReply.Box(reply)) }
    ///
    /// The reply may be given from any thread; one that is given before the method has returned leaves when it returns, as the
    /// method may still read the request. What the method returns or throws after
    /// this call counts for nothing: no file that it names is open. `release`, `releasedir` and `forget`, which nobody waits for,
    /// cannot be deferred, nor, with `InitFlags.securityCtx`, what makes an inode, for its security context comes with the
    /// request; nor can a request be deferred twice: the error is then EINVAL, and `take` is not called.
    /// - Returns: what the method is to throw.
    public func deferReply(to request: Request, _ take: (consuming sending DeferredReply) -> Void) -> Errno {
        guard let session = link.session else { return .invalidArgument }
        let isLabelled = capabilities.contains(.securityCtx)
        let pending = interrupts.deferReply(to: request.id) { received -> PendingReply? in
            guard let reply = PendingReply(request, received, features, session, interrupts),
                reply.opcode.replyKind != nil, !isLabelled || reply.typeToMake == nil
            else { return nil }
            return reply
        }
        guard let pending else { return .invalidArgument }
        take(DeferredReply(pending))
        return .deferred
    }

    /// Whether the caller of a request wants to give up: it got a signal while it waits. Cheap enough to be asked in each
    /// round of a loop. The method should then come out with `.interrupted`, or with what it has done so far.
    ///
    /// A method that is blocked in a system call need not ask: the call returns EINTR, see
    /// ``SessionOptions/interruptSignal``.
    public func isInterrupted(_ request: Request) -> Bool { interrupts.isInterrupted(request.id) }
}
