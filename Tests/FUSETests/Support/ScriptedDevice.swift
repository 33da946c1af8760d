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
final class ScriptedDevice: Transport {
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

    /// What stands against further channels.
    let channelRefusal: Errno?

    init(
        script: [Errno?] = [], reusesIDs: Bool = false, takesServerIDs: Bool = false, channelRefusal: Errno? = nil,
        whileNotifying: @escaping @Sendable (NotifyCode) -> Void = { _ in }, whileOpening: @escaping @Sendable () -> Void = {}
    ) {
        self.whileNotifying = whileNotifying
        self.channelRefusal = channelRefusal
        self.takesServerIDs = takesServerIDs
        backings = Mutex(Backings(script: script, reusesIDs: reusesIDs))
        self.whileOpening = whileOpening
    }

    /// A channel by which nothing comes: it is over at once.
    func makeChannel() throws(Errno) -> any Channel {
        if let channelRefusal { throw channelRefusal }
        return ScriptedChannel()
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
struct Sent: Equatable {
    var unique: UInt64
    var error: Errno?
    var body: [UInt8]
}

/// A channel whose requests are given beforehand. When there are no more, the connection is over.
final class ScriptedChannel: Channel {
    private struct State {
        var inbox: [[UInt8]] = []
        var replies: [Sent] = []
        var replyErrors: [Errno] = []
        var receiveErrors: [Errno] = []
        var repeated: [RequestID] = []
    }

    /// Signalled when an INTERRUPT is asked for again.
    let gotRepeat = DispatchSemaphore(value: 0)

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

    /// The replies since the last call, deferred ones among them.
    func takeReplies() -> [Sent] {
        state.withLock { state in
            defer { state.replies = [] }
            return state.replies
        }
    }

    func receive() throws(Errno) -> Exchange? {
        let answer: Result<[UInt8]?, Errno> = state.withLock { state in
            if !state.receiveErrors.isEmpty { return .failure(state.receiveErrors.removeFirst()) }
            return .success(state.inbox.isEmpty ? nil : state.inbox.removeFirst())
        }
        guard let request = try answer.get() else { return nil }
        let slot = try MessageSlot(capacity: capacity) { [self] (message) throws(Errno) in try take(message.array) }
        return slot.exchange(request.raw)
    }

    private func take(_ message: [UInt8]) throws(Errno) {
        guard let header = try? message.load(OutHeader.self) else { throw .invalidArgument }
        let error = header.error == 0 ? nil : Errno(rawValue: -header.error)
        let failure: Errno? = state.withLock { state in
            if !state.replyErrors.isEmpty { return state.replyErrors.removeFirst() }
            state.replies.append(Sent(unique: header.unique, error: error, body: Array(message.dropFirst(OutHeader.wireSize))))
            return nil
        }
        if let failure { throw failure }
    }

    func repeatInterrupt(of request: RequestID) -> Bool {
        state.withLock { $0.repeated.append(request) }
        gotRepeat.signal()
        return true
    }

    /// The requests whose INTERRUPTs were asked for again.
    func takeRepeated() -> [RequestID] {
        state.withLock { state in
            defer { state.repeated = [] }
            return state.repeated
        }
    }
}
