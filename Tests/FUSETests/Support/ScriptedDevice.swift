// SPDX-License-Identifier: MIT
//
// A connection in process: hand-made requests go in, replies are kept. No socket, no thread, no root.

import Dispatch
import FUSE
import FUSEWire
import Synchronization
import SystemPackage

/// The kernel's table of backing files: ids are given out upwards from 1, as a kernel does it, and what a script says
/// is refused.
final class ScriptedDevice: Device {
    struct Backings {
        /// What the next registrations answer, nil for success; then all succeed.
        var script: [Errno?] = []
        /// The registration that an id stands for now. An id that was used again stands for another one.
        var live: [BackingID: Int] = [:]
        /// Which descriptor each registration was made with.
        var files: [Int: Int32] = [:]
        var opened = 0
        var refused = 0
        var closed = 0
        /// Closes of ids that were not live: a server that keeps order causes none.
        var wronglyClosed: [BackingID] = []
        /// Ids are used again at once, which is worse for the server than what kernels do.
        var reusesIDs = false
    }

    /// Notifications that arrived, and what the next ones are answered with.
    struct Notifications {
        var arrived: [Notified] = []
        var script: [Errno?] = []
    }

    let notifications = Mutex(Notifications())
    /// Called for each notification before it counts as arrived, without a lock.
    let whileNotifying: @Sendable (NotifyCode) -> Void

    let backings: Mutex<Backings>
    /// Whether this is a kernel that lets the server choose. Others refuse a server's id as they do: EINVAL.
    let takesServerIDs: Bool
    /// Called for each registration, without a lock: a place to let others go first.
    let whileOpening: @Sendable () -> Void

    /// What stands against further lanes.
    let laneRefusal: Errno?

    init(
        script: [Errno?] = [], reusesIDs: Bool = false, takesServerIDs: Bool = false, laneRefusal: Errno? = nil,
        whileNotifying: @escaping @Sendable (NotifyCode) -> Void = { _ in }, whileOpening: @escaping @Sendable () -> Void = {}
    ) {
        self.whileNotifying = whileNotifying
        self.laneRefusal = laneRefusal
        self.takesServerIDs = takesServerIDs
        backings = Mutex(Backings(script: script, reusesIDs: reusesIDs))
        self.whileOpening = whileOpening
    }

    /// A lane by which nothing comes: it is over at once.
    func makeLane() throws(Errno) -> any Lane {
        if let laneRefusal { throw laneRefusal }
        return ScriptedLane()
    }

    func openBacking(_ map: BackingMap) throws(Errno) -> BackingID {
        let isServers = map.flags == BackingFlags.serverID.rawValue
        guard takesServerIDs && isServers || map.flags == 0 && map.id == 0 else { throw .invalidArgument }
        whileOpening()
        let answer: Result<BackingID, Errno> = backings.withLock { backings in
            if !backings.script.isEmpty, let refusal = backings.script.removeFirst() {
                backings.refused += 1
                return .failure(refusal)
            }
            if isServers {
                guard let id = Int32(exactly: map.id), id > 0 else { return .failure(.invalidArgument) }
                let candidate = BackingID(rawValue: id)
                guard backings.live[candidate] == nil else {
                    backings.refused += 1
                    return .failure(.fileExists)
                }
                backings.opened += 1
                backings.live[candidate] = backings.opened
                backings.files[backings.opened] = map.fd
                return .success(candidate)
            }
            backings.opened += 1
            var candidate = BackingID(rawValue: backings.reusesIDs ? 1 : Int32(backings.opened))
            while backings.live[candidate] != nil { candidate = BackingID(rawValue: candidate.rawValue + 1) }
            backings.live[candidate] = backings.opened
            backings.files[backings.opened] = map.fd
            return .success(candidate)
        }
        return try answer.get()
    }

    func closeBacking(_ id: BackingID) throws(Errno) {
        let isLive = backings.withLock { backings in
            guard backings.live.removeValue(forKey: id) != nil else {
                backings.wronglyClosed.append(id)
                return false
            }
            backings.closed += 1
            return true
        }
        guard isLive else { throw .noSuchFileOrDirectory }
    }

    func notify(_ code: NotifyCode, _ body: RawSpan) throws(Errno) {
        whileNotifying(code)
        let bytes = body.array
        let refusal: Errno? = notifications.withLock { notifications in
            notifications.arrived.append(Notified(code: code, body: bytes))
            return notifications.script.isEmpty ? nil : notifications.script.removeFirst()
        }
        if let refusal { throw refusal }
    }

    /// The registration that an id stands for.
    func registration(_ id: BackingID) -> Int? { backings.withLock { $0.live[id] } }
}

/// A notification as it arrived.
struct Notified: Equatable {
    var code: NotifyCode
    var body: [UInt8]
}

/// What a session sent.
struct Reply: Equatable {
    var unique: UInt64
    var error: Errno?
    var body: [UInt8]
}

/// A lane whose requests are given beforehand. When there are no more, the connection is over.
final class ScriptedLane: Lane {
    private struct State {
        var inbox: [[UInt8]] = []
        var current: [UInt8] = []
        var body: [UInt8] = []
        var replies: [Reply] = []
        var replyErrors: [Errno] = []
        var receiveErrors: [Errno] = []
        var later: [Reply] = []
        var laterErrors: [Errno] = []
    }

    /// Signalled by each later reply.
    let gotLater = DispatchSemaphore(value: 0)

    private let state = Mutex(State())
    private let capacity: Int

    /// - Parameter capacity: room for a reply's body, in bytes.
    init(_ requests: [[UInt8]] = [], capacity: Int = 1 << 20) {
        self.capacity = capacity
        state.withLock { $0.inbox = requests }
    }

    func send(_ request: [UInt8]) { state.withLock { $0.inbox.append(request) } }

    /// Makes the next reply fail.
    func failReply(with error: Errno) { state.withLock { $0.replyErrors.append(error) } }

    /// Takes back what ``failReply(with:)`` asked for and no reply met.
    func forgetFailures() { state.withLock { $0.replyErrors = [] } }

    /// Makes the next receive fail.
    func failReceive(with error: Errno) { state.withLock { $0.receiveErrors.append(error) } }

    /// The replies since the last call.
    func takeReplies() -> [Reply] {
        state.withLock { state in
            defer { state.replies = [] }
            return state.replies
        }
    }

    func receive() throws(Errno) -> Bool {
        let answer: Result<Bool, Errno> = state.withLock { state in
            if !state.receiveErrors.isEmpty { return .failure(state.receiveErrors.removeFirst()) }
            guard !state.inbox.isEmpty else { return .success(false) }
            state.current = state.inbox.removeFirst()
            state.body = []
            return .success(true)
        }
        return try answer.get()
    }

    func withRequest(_ body: (borrowing ReceivedRequest, inout OutputRawSpan) -> Disposition) -> Disposition {
        let request = state.withLock { $0.current }
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 16)
        // Safe: the room outlives the span, and what is copied out of it has been written.
        defer { unsafe room.deallocate() }
        var output = unsafe OutputRawSpan(buffer: room, initializedCount: 0)
        let disposition = body(ReceivedRequest(contiguous: request.raw), &output)
        let count = unsafe output.finalize(for: room)
        let written = unsafe Array(room[..<count])
        state.withLock { $0.body = written }
        return disposition
    }

    func reply(error: Errno?) throws(Errno) {
        let failure: Errno? = state.withLock { state in
            if !state.replyErrors.isEmpty { return state.replyErrors.removeFirst() }
            let unique = RequestMessage.header(of: state.current.raw)?.unique ?? 0
            state.replies.append(Reply(unique: unique, error: error, body: error == nil ? state.body : []))
            return nil
        }
        if let failure { throw failure }
    }

    func withReceived(_ body: (borrowing ReceivedRequest) -> Void) {
        let request = state.withLock { $0.current }
        body(ReceivedRequest(contiguous: request.raw))
    }

    func reply(to request: RequestID, error: Errno?, body: RawSpan) throws(Errno) {
        let bytes = body.array
        let failure: Errno? = state.withLock { state in
            if !state.laterErrors.isEmpty { return state.laterErrors.removeFirst() }
            state.later.append(Reply(unique: request.rawValue, error: error, body: bytes))
            return nil
        }
        if let failure { throw failure }
        gotLater.signal()
    }

    /// The replies that came in another way than by the thread that had the request in hand.
    func takeLater() -> [Reply] {
        state.withLock { state in
            defer { state.later = [] }
            return state.later
        }
    }

    /// Makes the next of these fail.
    func failLater(with error: Errno) { state.withLock { $0.laterErrors.append(error) } }

    func withReplyBody(_ body: (RawSpan) -> Void) {
        let written = state.withLock { $0.body }
        body(written.raw)
    }
}
