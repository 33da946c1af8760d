// SPDX-License-Identifier: MIT
//
// Requests whose callers want to give up.
//
// The kernel sends INTERRUPT when a caller that waits for a reply gets a signal. It goes on waiting: what ends its wait is
// the reply. So the handler has to come out of whatever it is blocked in, and it is told in two ways: its thread gets a
// signal, whose handler does nothing, so that a blocking system call returns EINTR; and it can ask
// (`Connection.isInterrupted`). A request whose reply is deferred has no thread: its filesystem is told.
//
// Life cycle of a mark: an INTERRUPT makes it, and the first signal goes out at once. The handler may not have blocked
// yet and would sleep through that one: so a thread of its own repeats it, after 1, 2, 4 ... up to 100 milliseconds, for
// as long as that very request is in hand. The thread ends with the last mark.
//
// An INTERRUPT can overtake its request, which another thread has read but not yet taken in hand; and it can come when
// its request is done. Those two look alike from here, so the kernel is asked: answered with EAGAIN, an INTERRUPT comes
// again if its request is still unanswered (`fuse_dev_do_write`). It looks for the request only among those that were read
// by the same descriptor, so that all of them are tried; ENOENT from each means that there is nothing left to interrupt.
// The answer is sent some 15 milliseconds after the INTERRUPT, which keeps the two from chasing each other. A channel whose
// requests come into its own memory (io_uring) knows by itself, and the kernel, asked for those, says ENOENT: so channels are asked first.
//
// When the connection is over, nobody waits for what is still in hand, and the kernel does not say so: the callers have
// got their ECONNABORTED. All of it is then taken for interrupted, so that no blocked handler keeps the process, as soon as
// one thread hears of the end: one that waits for a request, or `Mount.abort`. But not
// the `release` of a file, which has its work to do, and which the kernel never interrupts either.
//
// Locks: `state` holds the list of hands, the marks and the deferred requests. It is taken when threads come and go, for
// interrupts, and for deferred replies; never for an ordinary request. No system call is made under it. `Hand.aim` is
// taken after it was given back. `marks` is a hint for handlers that ask, hence relaxed: the lock decides.

import CLinux
import Logging
import Synchronization
import SystemPackage

final class Interrupts: Sendable {
    private struct Mark {
        /// It was found, in a hand or deferred.
        var wasFound = false
        /// The filesystem was told: for deferred requests.
        var isTold = false
        var attempts = 0
    }

    private struct State {
        var hands: [Hand] = []
        /// Those that wait for their replies.
        var deferred: Set<UInt64> = []
        /// Those whose methods still run: to whom the exchange goes then.
        var lent: [UInt64: PendingReply] = [:]
        var marks: [UInt64: Mark] = [:]
        var isRepeating = false
        var delay = 1
        /// The connection is over.
        var isOver = false

        /// Marks all that has a caller. True: there is, or may be, something left to come out of.
        mutating func markAll() -> Bool {
            for unique in hands.compactMap(\.awaited) + deferred where marks[unique] == nil { marks[unique] = Mark() }
            return !hands.isEmpty || marks.contains { !$0.value.isTold }
        }
    }

    private enum Place {
        case inHand(Hand)
        case deferred(tell: Bool)
        case over
        case notYet
        case unknown([Hand])
    }

    /// The signal for handlers; nil where there is none, and handlers must ask.
    let signal: Int32?
    private let logger: Logger
    /// Tells the filesystem of a deferred request.
    private let tell: @Sendable (RequestID) -> Void
    private let state = Mutex(State())
    private let marks = Atomic<Int>(0)
    private let bell = Bell()

    /// The kernel never has more waiting callers than there are threads; this is for what is no kernel.
    private static let maximumMarks = 1 << 16
    private static let longestDelay = 100
    /// So many attempts find nothing before the kernel is asked.
    private static let attemptsBeforeAsking = 4

    init(signal: Int32?, logger: Logger, tell: @escaping @Sendable (RequestID) -> Void) {
        self.signal = signal
        self.logger = logger
        self.tell = tell
    }

    // MARK: Who serves

    /// The calling thread starts to serve by this channel.
    func enter(_ channel: any Channel) -> Hand {
        let hand = Hand(channel)
        state.withLock { $0.hands.append(hand) }
        return hand
    }

    func leave(_ hand: Hand) {
        state.withLock { state in
            if let index = state.hands.firstIndex(where: { $0 === hand }) { state.hands.swapAt(index, state.hands.count - 1) }
            state.hands.removeLast()
        }
    }

    /// Whether the calling thread serves requests of this connection.
    var isOnServingThread: Bool {
        let thread = clinux_gettid()
        return state.withLock { $0.hands.contains { $0.thread == thread } }
    }

    /// Makes a request in hand a deferred one: `make` makes its reply of the request, or says that it cannot be deferred. Nil then,
    /// and where nobody has it in hand.
    func deferReply(to request: RequestID, _ make: (borrowing ReceivedRequest) -> PendingReply?) -> PendingReply? {
        state.withLock { state in
            guard request.rawValue != 0, !state.deferred.contains(request.rawValue),
                let hand = state.hands.first(where: { $0.holds(request.rawValue) }), !hand.hasDeferred(request.rawValue),
                let reply = hand.withRequest(make)
            else { return nil }
            state.deferred.insert(request.rawValue)
            state.lent[request.rawValue] = reply
            hand.deferReply(to: request.rawValue)
            return reply
        }
    }

    /// The method of a deferred request is back: who gets its exchange.
    func takeDeferred(_ unique: UInt64) -> PendingReply? { state.withLock { $0.lent.removeValue(forKey: unique) } }

    /// A deferred request gets its reply.
    func replied(to request: RequestID) {
        state.withLock { state in
            state.deferred.remove(request.rawValue)
            if state.marks.removeValue(forKey: request.rawValue) != nil { marks.store(state.marks.count, ordering: .relaxed) }
        }
    }

    /// How many deferred requests wait for their replies.
    var deferredCount: Int { state.withLock { $0.deferred.count } }

    // MARK: Who is interrupted

    func isInterrupted(_ request: RequestID) -> Bool {
        guard marks.load(ordering: .relaxed) > 0 else { return false }
        return state.withLock { $0.marks[request.rawValue] != nil }
    }

    /// An INTERRUPT has come for this request.
    func arrived(for unique: UInt64) {
        let (isNew, starts) = state.withLock { state in
            guard state.marks[unique] == nil, state.marks.count < Self.maximumMarks else { return (false, false) }
            state.marks[unique] = Mark()
            marks.store(state.marks.count, ordering: .relaxed)
            state.delay = 1
            defer { state.isRepeating = true }
            return (true, !state.isRepeating)
        }
        guard isNew else { return }
        pursue(unique)
        if starts { repeatOnThread() } else { bell.ring() }
    }

    /// The connection is over: a channel said so to the calling thread, whose hand this is, or it was aborted from here. What others
    /// have in hand ends as if interrupted.
    func connectionIsOver(_ hand: Hand? = nil) {
        let (uniques, starts) = state.withLock { state in
            state.isOver = true
            _ = state.markAll()
            marks.store(state.marks.count, ordering: .relaxed)
            // Those that wait for requests hear of it themselves; one that has just received one is still to take it in hand.
            let isMore = state.hands.contains { $0 !== hand } || !state.marks.isEmpty
            let starts = isMore && !state.isRepeating
            if starts { (state.isRepeating, state.delay) = (true, 1) }
            return (Array(state.marks.keys), starts)
        }
        for unique in uniques { pursue(unique) }
        if starts { repeatOnThread() }
    }

    private func repeatOnThread() {
        do throws(Errno) { try startThread { [self] in repeatUntilDone() } } catch {
            state.withLock { $0.isRepeating = false }
            logger.warning("an interrupt is told once only: no thread could be started: \(error)")
        }
    }

    private func repeatUntilDone() {
        while true {
            let next: (uniques: [UInt64], delay: Int)? = state.withLock { state in
                let isMore = state.isOver ? state.markAll() : !state.marks.isEmpty
                marks.store(state.marks.count, ordering: .relaxed)
                guard isMore else {
                    state.isRepeating = false
                    return nil
                }
                defer { state.delay = min(state.delay * 2, Self.longestDelay) }
                return (Array(state.marks.keys), state.delay)
            }
            guard let next else { return }
            // A new one shortens the wait of all, but does not put them off.
            if bell.wait(milliseconds: next.delay) { bell.wait(milliseconds: 1) }
            for unique in next.uniques { pursue(unique) }
        }
    }

    private func pursue(_ unique: UInt64) {
        switch state.withLock({ Self.place(of: unique, &$0, marks) }) {
        case .inHand(let hand): if let signal { hand.interrupt(unique, with: signal) }
        case .deferred(let isNews): if isNews { tell(RequestID(rawValue: unique)) }
        case .unknown(let hands):
            // It came by a channel whose thread is still to take it in hand.
            if hands.contains(where: { $0.channel.holds(RequestID(rawValue: unique)) }) { return markAgain(unique) }
            for hand in hands where hand.channel.repeatInterrupt(of: RequestID(rawValue: unique)) { return }
        case .over, .notYet: break
        }
    }

    private func markAgain(_ unique: UInt64) {
        state.withLock { state in
            state.marks[unique] = Mark()
            marks.store(state.marks.count, ordering: .relaxed)
        }
    }

    private static func place(of unique: UInt64, _ state: inout State, _ count: borrowing Atomic<Int>) -> Place {
        guard var mark = state.marks[unique] else { return .over }
        defer { count.store(state.marks.count, ordering: .relaxed) }
        // First: a deferred request may still be in the hand of the thread whose handler deferred it.
        if state.deferred.contains(unique) {
            let isNews = !mark.isTold
            mark.wasFound = true
            mark.isTold = true
            state.marks[unique] = mark
            return .deferred(tell: isNews)
        }
        if let hand = state.hands.first(where: { $0.holds(unique) }) {
            mark.wasFound = true
            state.marks[unique] = mark
            return .inHand(hand)
        }
        mark.attempts += 1
        state.marks[unique] = mark
        if !mark.wasFound, mark.attempts <= attemptsBeforeAsking { return .notYet }
        state.marks[unique] = nil
        return mark.wasFound ? .over : .unknown(state.hands)
    }
}
