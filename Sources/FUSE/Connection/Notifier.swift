// SPDX-License-Identifier: MIT
//
// Notifications go out by a thread of their own. The kernel does what one says before the write of it returns, and takes
// locks for that: INVAL_ENTRY and DELETE the lock of the parent's inode, which a process that waits for the reply to a
// request may hold. A worker that writes one with such a request in hand waits for itself. So everyone puts notifications
// into a queue, and whoever serves requests may not wait for the outcome.
//
// Memory: 4,096 notifications and 8 MiB of their bytes; one that would exceed either is refused with an error, and its
// sender decides whether that matters. Wakeups of polls are never refused: the kernel takes no such lock for them, so where
// the queue is full they go out at once, by the thread at hand. So does what is told by `forgetAttributes` and `forgetContent`, always.
//
// Life cycle: the thread starts with the first notification and ends when none has come for a second, or with the
// connection. It is the only one that takes out of the queue, so notifications arrive in the order in which they were
// sent. At the end of the connection everything that still waits is told so.
//
// Locks: one mutex for the queue and the retrievals; never held during a system call or a closure of the filesystem's.

import FUSEWire
import Logging
import Synchronization
import SystemPackage

/// Sends notifications: from any thread, at any time. See ``Notification`` for what there is to say.
public final class Notifier: Sendable {
    private typealias Completion = @Sendable (Result<Void, NotificationError>) -> Void

    private struct Message {
        var code: NotifyCode
        var body: [UInt8]
        var completion: Completion?
    }

    private struct State {
        /// From `first` on; what is before it has been sent.
        var queue: [Message?] = []
        var first = 0
        var bytes = 0
        var isRunning = false
        var isOver = false
        var retrievals: [UInt64: @Sendable (UInt64, RawSpan) -> Void] = [:]
        /// Even, as the kernel's names are, and out of their way: over io_uring the answer has a name among those of requests.
        var lastRetrieval: UInt64 = 1 << 62

        var count: Int { queue.count - first }
    }

    private static let maximumCount = 4096
    private static let maximumBytes = 8 << 20
    private static let maximumRetrievals = 256

    private let transport: any Transport
    private let agreed: Agreement
    private let interrupts: Interrupts
    private let logger: Logger
    private let state = Mutex(State())
    private let bell = Bell()

    init(_ transport: any Transport, _ agreed: Agreement, _ interrupts: Interrupts, _ logger: Logger) {
        self.transport = transport
        self.agreed = agreed
        self.interrupts = interrupts
        self.logger = logger
    }

    /// Sends a notification, without waiting for it. What the kernel has against it is in the log (debug).
    /// - Throws: what stands against sending it: it is not supported, malformed, the queue is full, the connection over.
    public func send(_ notification: Notification) throws(NotificationError) {
        try notification.check(agreed)
        try enqueue(Message(code: notification.code, body: notification.body))
    }

    /// Sends a notification, and waits until the kernel has done it. That the kernel knows nothing of the node or the name
    /// is as good.
    ///
    /// Not on a thread that serves requests (that throws ``NotificationError/wouldDeadlock``); nor, which cannot be seen
    /// from here, on one that others wait for: that would have to give a deferred reply first, say.
    public func sendAndWait(_ notification: Notification) throws(NotificationError) {
        guard !interrupts.isOnServingThread else { throw .wouldDeadlock }
        try notification.check(agreed)
        let outcome = Outcome()
        try enqueue(Message(code: notification.code, body: notification.body, completion: { outcome.set($0) }))
        try outcome.wait()
    }

    /// Has the kernel forget the attributes of a node that the request in hand names: who asks for them once this has returned
    /// gets the filesystem's answer. For what changes attributes by the way, of which the reply does not tell. Not for a request that
    /// is answered with attributes (``FileSystem/setattr(_:_:handle:for:)``): those would be asked for once more.
    ///
    /// Unlike other notifications it is sent at once, by the calling thread, which may serve a request. It cannot wait for the
    /// caller of one, for the kernel takes no lock for it that is held during a request: neither the inode's nor a page's. It
    /// finds the inode, marks its attributes and its ACLs as stale, and drops no content. Finding an inode waits while it is
    /// being made or removed, which happens to none that a request names. Source: `fuse_reverse_inval_inode` in Linux, with a
    /// negative offset.
    public func forgetAttributes(of node: NodeID) {
        let notification = Notification.attributes(node)
        deliver(Message(code: notification.code, body: notification.body))
    }

    /// As ``forgetAttributes(of:)``, and has the kernel drop what it has of the node's content: of a directory, its listing.
    ///
    /// It waits for the locks of the pages that are dropped. Who holds one copies from it to a user, or fills it by a request: so a
    /// thread that serves may call this only as long as there are others to serve that; and never for a file that is written through
    /// the cache, whose pages are written back first.
    public func forgetContent(of node: NodeID) {
        let notification = Notification.content(node)
        deliver(Message(code: notification.code, body: notification.body))
    }

    private final class Outcome: Sendable {
        private let result = Mutex<Result<Void, NotificationError>?>(nil)
        private let bell = Bell()

        func set(_ value: Result<Void, NotificationError>) {
            result.withLock { $0 = value }
            bell.ring()
        }

        func wait() throws(NotificationError) {
            bell.wait()
            try (result.withLock { $0 } ?? .failure(.ended)).get()
        }
    }

    /// Asks for what the page cache has of a file's content, from `offset` on: no more than it has in one piece from there,
    /// and no more than one write carries.
    ///
    /// `then` is called once, with the offset and the data: none where the kernel has none, or the connection ends.
    ///   On a thread that serves requests; the view is good for the call.
    /// - Throws: as ``send(_:)``. `then` is not called in that case. C counterpart: `FUSE_NOTIFY_RETRIEVE`.
    public func retrieve(
        _ node: NodeID, at offset: UInt64, count: Int, then: @escaping @Sendable (UInt64, RawSpan) -> Void
    ) throws(NotificationError) {
        guard count > 0 else { throw .malformed("\(count) bytes") }
        let name: UInt64? = state.withLock { state in
            guard state.retrievals.count < Self.maximumRetrievals else { return nil }
            state.lastRetrieval += 2
            state.retrievals[state.lastRetrieval] = then
            return state.lastRetrieval
        }
        guard let name else { throw .full }
        var body: [UInt8] = []
        body.put(
            NotifyRetrieveOut(
                notify_unique: name, nodeid: node.rawValue, offset: offset, size: UInt32(clamping: min(count, agreed.maxWrite))))
        do throws(NotificationError) {
            try enqueue(Message(code: .retrieve, body: body) { [weak self] outcome in
                // An answer comes only where the kernel has taken the question.
                if case .success(()) = outcome { return }
                self?.retrieved(name, at: offset, RawSpan())
            })
        } catch {
            state.withLock { _ = $0.retrievals.removeValue(forKey: name) }
            throw error
        }
    }

    func retrieved(_ name: UInt64, at offset: UInt64, _ data: RawSpan) {
        state.withLock { $0.retrievals.removeValue(forKey: name) }?(offset, data)
    }

    func wake(_ waker: PollWaker) {
        var body: [UInt8] = []
        body.put(NotifyPollWakeupOut(kh: waker.handle))
        do throws(NotificationError) { try enqueue(Message(code: .poll, body: body)) } catch {
            if error == .full { deliver(Message(code: .poll, body: body)) }
        }
    }

    // MARK: The queue

    private func enqueue(_ message: Message) throws(NotificationError) {
        let (failure, starts): (NotificationError?, Bool) = state.withLock { state in
            if state.isOver { return (.ended, false) }
            guard state.count < Self.maximumCount, state.bytes + message.body.count <= Self.maximumBytes else { return (.full, false) }
            state.queue.append(message)
            state.bytes += message.body.count
            defer { state.isRunning = true }
            return (nil, !state.isRunning)
        }
        if let failure { throw failure }
        guard starts else { return bell.ring() }
        do throws(Errno) { try startThread { [self] in run() } } catch {
            // Who serves no request can do it: whoever waits for the outcome would wait for ever.
            guard interrupts.isOnServingThread else { return run() }
            state.withLock { $0.isRunning = false }
            logger.error("notifications wait: no thread could be started for them: \(error)")
        }
    }

    private func run() {
        var hasRung = true
        while true {
            let (message, ends): (Message?, Bool) = state.withLock { state in
                guard state.first < state.queue.count else {
                    state.queue.removeAll(keepingCapacity: state.queue.capacity <= 256)
                    state.first = 0
                    let ends = state.isOver || !hasRung
                    if ends { state.isRunning = false }
                    return (nil, ends)
                }
                let message = state.queue[state.first].take()
                state.first += 1
                state.bytes -= message?.body.count ?? 0
                // A queue that is never empty would grow for ever otherwise.
                if state.first == Self.maximumCount {
                    state.queue.removeSubrange(..<state.first)
                    state.first = 0
                }
                return (message, false)
            }
            if ends { return }
            if let message { deliver(message) } else { hasRung = bell.wait(milliseconds: 1000) }
        }
    }

    private func deliver(_ message: Message) {
        do throws(Errno) {
            try transport.notify(message.code, message.body.rawSpan)
            message.completion?(.success(()))
        } catch {
            // The kernel has no such node or name: then nothing of it is stale. Only a retrieval has its answer in this.
            if error == .noSuchFileOrDirectory, message.code != .retrieve { message.completion?(.success(())) } else {
                logger.debug("the kernel refused a notification \(message.code): \(error)")
                message.completion?(.failure(.refused(error)))
            }
        }
    }

    /// The connection is over.
    func end() {
        let (waiting, retrievals) = state.withLock { state in
            state.isOver = true
            defer {
                state.queue = []
                state.first = 0
                state.bytes = 0
                state.retrievals = [:]
            }
            return (state.queue[state.first...].compactMap(\.self), state.retrievals.values.map(\.self))
        }
        bell.ring()
        for message in waiting { message.completion?(.failure(.ended)) }
        for then in retrievals { then(0, RawSpan()) }
    }
}
