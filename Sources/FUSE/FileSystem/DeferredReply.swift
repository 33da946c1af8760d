// SPDX-License-Identifier: MIT

import FUSEWire
import Synchronization
public import SystemPackage

/// The duty to answer a request later, from any thread: for filesystems that wait for something and would hold a thread
/// meanwhile. ``Connection/deferReply(to:_:)`` makes one within the method that the request called.
///
/// It is answered exactly once, which the compiler checks: each `reply` consumes it. Which of them fits follows from the
/// method: an `Entry` for a lookup, data for a read, nothing for an fsync. One that does not fit gives the caller EIO, and
/// an error in the log. Dropped without an answer, its caller gets EIO too, and the log names the operation.
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
        send { (_) throws(Errno) in throw error }
    }

    /// The answer to what has no result: `flush`, `fsync`, `unlink`, `rename`, `access`, `setlk` ...
    public consuming func reply() {
        let opcode = pending.opcode
        send { (_) throws(Errno) in
            switch opcode {
            case .unlink, .rmdir, .rename, .rename2, .access, .flush, .fsync, .fallocate, .setlk, .setlkw, .fsyncdir, .syncfs,
                .setxattr, .removexattr:
                break
            default: throw .doesNotFit
            }
        }
    }

    /// The answer to `lookup`, and to what creates without opening.
    public consuming func reply(_ entry: Entry) {
        let fits = [.lookup, .mknod, .mkdir, .symlink, .link].contains(pending.opcode)
        send { (output) throws(Errno) in
            guard fits else { throw .doesNotFit }
            try output.put(EntryOut(entry))
        }
    }

    /// The answer to `getattr` and `setattr`.
    public consuming func reply(_ attributes: AttributesReply) {
        let fits = [.getattr, .setattr].contains(pending.opcode)
        send { (output) throws(Errno) in
            guard fits else { throw .doesNotFit }
            try output.put(AttrOut(attributes))
        }
    }

    /// The answer to `open`.
    public consuming func reply(_ opened: Opened) {
        let pending = pending
        send { (output) throws(Errno) in
            guard pending.opcode == .open else { throw .doesNotFit }
            try output.put(pending.session.openOut(pending.node, opened))
        }
    }

    /// The answer to `create` and `tmpfile`.
    public consuming func reply(_ created: Created) {
        let pending = pending
        send { (output) throws(Errno) in
            guard [.create, .tmpfile].contains(pending.opcode) else { throw .doesNotFit }
            try output.put(EntryOut(created.entry))
            try output.put(pending.session.openOut(created.entry.node, created.opened))
        }
    }

    /// The answer to `opendir`.
    public consuming func reply(_ opened: OpenedDirectory) {
        let fits = pending.opcode == .opendir
        send { (output) throws(Errno) in
            guard fits else { throw .doesNotFit }
            try output.put(OpenOut(opened))
        }
    }

    /// The answer to `write` and `copyFileRange`: how many bytes; to `lseek`: where.
    public consuming func reply(count: UInt64) {
        let (opcode, size) = (pending.opcode, pending.size)
        send { (output) throws(Errno) in
            switch opcode {
            case .write: try output.put(WriteOut(size: UInt32(min(count, UInt64(size)))))
            case .copyFileRange: try output.put(WriteOut(size: UInt32(clamping: count)))
            case .copyFileRange64: try output.put(CopyFileRangeOut(bytes_copied: count))
            case .lseek: try output.put(LseekOut(offset: count))
            default: throw .doesNotFit
            }
        }
    }

    /// The answer to `read`, `readlink`, `getxattr` and `listxattr`: `fill` writes it in place, and may throw.
    public consuming func reply(data fill: (inout OutputRawSpan) throws(Errno) -> Void) {
        let (opcode, size) = (pending.opcode, pending.size)
        send { (output) throws(Errno) in
            switch opcode {
            case .read, .readlink: try output.append(upTo: size, fill)
            case .getxattr, .listxattr:
                // Only the size is wanted: the value says it.
                try output.append(upTo: size > 0 ? size : output.freeCapacity, fill)
                if size == 0 {
                    let count = output.byteCount
                    output.removeAll()
                    try output.put(GetxattrOut(size: UInt32(clamping: count)))
                }
            default: throw .doesNotFit
            }
        }
    }

    /// The answer to `readdir`, also where that was called for want of a `readdirplus`.
    public consuming func reply(entries fill: (inout DirectoryWriter) throws(Errno) -> Void) {
        let (opcode, size) = (pending.opcode, pending.size)
        send { (output) throws(Errno) in
            guard opcode == .readdir || opcode == .readdirplus else { throw .doesNotFit }
            try output.append(upTo: size) { (room) throws(Errno) in
                try DirectoryWriter.fill(&room, isPlus: opcode == .readdirplus, fill)
            }
        }
    }

    /// The answer to `readdirplus`.
    public consuming func reply(entriesPlus fill: (inout DirectoryPlusWriter) throws(Errno) -> Void) {
        let (fits, size) = (pending.opcode == .readdirplus, pending.size)
        send { (output) throws(Errno) in
            guard fits else { throw .doesNotFit }
            try output.append(upTo: size) { (room) throws(Errno) in try DirectoryPlusWriter.fill(&room, fill) }
        }
    }

    private consuming func send(_ encode: (inout OutputRawSpan) throws(Errno) -> Void) {
        guard pending.claim() else { return }
        // A value of unknown size has 64 KiB at the most (XATTR_SIZE_MAX); everything else is small or says its size.
        let isValueOfAnySize = [.getxattr, .listxattr].contains(pending.opcode) && pending.size == 0
        pending.session.finish(pending, capacity: isValueOfAnySize ? 65536 : min(pending.size, 1 << 20) + 256, encode)
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
    /// A deferred reply of the wrong kind. No errno has this value.
    static var doesNotFit: Errno { Errno(rawValue: -1_836_475_206) }
}

extension Connection {
    /// Puts the reply to a request off: `take` gets the duty to give it. To be called within the method that the request
    /// called, as the last thing it does:
    ///
    ///     throw connection.deferReply(to: request) { reply in queue.append(DeferredReply.Box(reply)) }
    ///
    /// The reply may be given before the method has returned, and from any thread. What the method returns or throws after
    /// this call counts for nothing. `release`, `releasedir` and `forget`, which nobody waits for, cannot be deferred, nor,
    /// with `InitFlags.securityCtx`, what makes an inode, for its security context comes with the request: the error is then
    /// EINVAL, and `take` is not called.
    /// - Returns: what the method is to throw.
    public func deferReply(to request: Request, _ take: (consuming sending DeferredReply) -> Void) -> Errno {
        guard let session = link.session, let lane = interrupts.deferReply(to: request.id) else { return .invalidArgument }
        var header: PendingReply.Header?
        lane.withReceived { header = PendingReply.Header($0, features) }
        // It was decoded before the method was called.
        let isLabelled = capabilities.contains(.securityCtx)
        guard let header, ![.release, .releasedir].contains(header.opcode),
            !isLabelled || ![.mknod, .mkdir, .symlink, .create, .tmpfile].contains(header.opcode)
        else {
            interrupts.undefer(request.id)
            return .invalidArgument
        }
        take(DeferredReply(PendingReply(request, header, lane, session, interrupts)))
        return .deferred
    }

    /// Whether the caller of a request wants to give up: it got a signal while it waits. Cheap enough to be asked in each
    /// round of a loop. The method should then come out with `.interrupted`, or with what it has done so far.
    ///
    /// A method that is blocked in a system call need not ask: the call returns EINTR, see
    /// ``SessionOptions/interruptSignal``.
    public func isInterrupted(_ request: Request) -> Bool { interrupts.isInterrupted(request.id) }
}
