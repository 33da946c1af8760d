// SPDX-License-Identifier: MIT
//
// The threads that serve a session.
//
// Handlers are synchronous, and may block for long: a thread inside one serves nobody else. So the pool keeps at least
// one thread waiting for the requests of each of the transport's queues: whoever takes a request and leaves nobody waiting
// starts another one first, up to a bound. When many wait, one that has finished ends; its channel is
// parked for the next one, as cloning a descriptor
// costs more than a thread. Some are, without memory; those of a busy time beyond them go.
//
// Life cycle: `start` makes the first workers. A worker lives until the connection is over or until there are too many
// waiting. The last one to leave at the end of the connection stops the filesystem, and closes the pipe that `wait` and
// the signal loop watch.
//
// Shared state: `waiting` counts, for each queue, threads inside `receive` or on their way there: one that was just started
// counts, or a busy machine, where it takes a while to get a processor, would start one for each request until then. It is a
// hint for growing and shrinking and orders nothing, so it is relaxed: read too low it makes a thread too many, which ends
// again; it is never read too high for good, as every worker counts itself out before it handles a request. `state` is behind
// a mutex that is taken when a worker comes or goes, never for a request; no system call is made under it.

import Logging
import Synchronization
public import SystemPackage

/// The threads that serve a session. ``Mount`` has one; a session on a device of another kind can have one too.
public final class WorkerPool<FS: FileSystem>: Sendable {
    private struct State {
        var live = 0
        /// The last worker has left: there will be no other, also where the first ones are still being started.
        var isOver = false
        /// Of the transport's first queue.
        var parked: [any Channel] = []
        var hasToldOfBound = false
        var failure: Errno?
    }

    /// An object each: processors that serve different queues do not meet.
    private final class Waiting: Sendable {
        let count = Atomic<Int>(0)
    }

    private enum Growth {
        case use(any Channel)
        case make
        case bound(isNew: Bool)
        case over
    }

    private let session: Session<FS>
    private let transport: any Transport
    private let limits: ThreadLimits
    /// By queue.
    private let waiting: [Waiting]
    private let state = Mutex(State())
    private let endPipe: (readEnd: FileDescriptor, writeEnd: FileDescriptor)

    /// - Throws: what stands against a pipe, by which the end is told. The session is ended then: nobody would serve it.
    public init(_ session: Session<FS>, transport: any Transport, limits: ThreadLimits) throws(Errno) {
        self.session = session
        self.transport = transport
        self.limits = limits
        waiting = (0..<transport.queueCount).map { _ in Waiting() }
        do throws(Errno) { endPipe = try makePipe() } catch {
            session.end()
            throw error
        }
    }

    deinit {
        try? endPipe.readEnd.close()
        // The last worker has closed the other end, where there ever was one. Nobody else has this object any more.
        if !state.withLock({ $0.isOver }) { try? endPipe.writeEnd.close() }
    }

    /// Readable from the moment on when the connection is over and the filesystem is stopped.
    var ended: FileDescriptor { endPipe.readEnd }

    /// Waits for that moment.
    public func waitUntilEnded() { _ = try? waitForAny([ended]) }

    /// What ended the session, if it was not the end of the connection.
    var failure: Errno? { state.withLock { $0.failure } }

    /// How many threads there are.
    var threadCount: Int { state.withLock { $0.live } }

    /// Starts the first workers. Throws where not even one can be had; the session is ended then.
    public func start(_ first: any Channel) throws(Errno) {
        state.withLock { $0.live = 1 }
        do throws(Errno) { try spawn(first) } catch {
            leave(after: error)
            throw error
        }
        // The last queue first: none may get a request before all can serve theirs.
        for queue in (1..<max(1, waiting.count)).reversed() { startFirst(in: queue) }
        if waiting.count == 1 { for _ in 1..<limits.initial { grow(0, upTo: limits.maximum) } }
    }

    /// Starts the first worker of a queue.
    private func startFirst(in queue: Int) {
        state.withLock { $0.live += 1 }
        do throws(Errno) { try spawn(transport.makeChannel(in: queue)) } catch {
            transport.lacksThread(in: queue, error)
            leave()
        }
    }

    private func spawn(_ channel: any Channel) throws(Errno) {
        let count = waiting[channel.queue]
        count.count.add(1, ordering: .relaxed)
        do throws(Errno) { try startThread { [self] in work(channel, count) } } catch {
            count.count.subtract(1, ordering: .relaxed)
            throw error
        }
    }

    private func work(_ channel: any Channel, _ first: Waiting) {
        if let signal = session.interrupts.signal { InterruptSignal.unblock(signal) }
        let hand = session.interrupts.enter(channel)
        defer { session.interrupts.leave(hand) }
        var count = first
        do throws(Errno) {
            while true {
                let exchange: Exchange?
                do throws(Errno) {
                    if waiting.count > 1 {
                        try channel.takePlace()
                        count = move(from: count, to: waiting[channel.queue])
                    }
                    exchange = try channel.receive()
                } catch {
                    count.count.subtract(1, ordering: .relaxed)
                    throw error
                }
                let left = count.count.subtract(1, ordering: .relaxed).newValue
                guard let exchange else {
                    session.interrupts.connectionIsOver(hand)
                    return leave()
                }
                // What is forgotten comes in floods, when memory is short, and blocks nobody: a few threads are enough for it,
                // and all that there may be would take memory themselves.
                if left == 0 { grow(channel.queue, upTo: exchange.isForget ? min(limits.idle, limits.maximum) : limits.maximum) }
                guard try session.serve(exchange, hand) else { return leave() }
                // As it is now: at the end of a busy time, with nothing more to come, those go who are too many.
                if count.count.load(ordering: .relaxed) >= limits.idle, channel.mayLeave, goHome(channel, count) { return }
                count.count.add(1, ordering: .relaxed)
            }
        } catch {
            session.logger.error("a thread stopped serving: \(error)")
            leave(after: error)
        }
    }

    /// The calling thread is to wait in another queue than it was counted in.
    private func move(from old: Waiting, to new: Waiting) -> Waiting {
        if old !== new {
            new.count.add(1, ordering: .relaxed)
            old.count.subtract(1, ordering: .relaxed)
        }
        return new
    }

    /// Starts a worker more for a queue, if the bound allows.
    private func grow(_ queue: Int, upTo bound: Int) {
        let decision: Growth = state.withLock { state in
            if state.isOver { return .over }
            // Those that wait in other queues do this one no good.
            let idle = waiting.count == 1 ? 0 : waiting.reduce(0) { $0 + $1.count.load(ordering: .relaxed) }
            guard state.live - idle < bound else {
                if bound < limits.maximum { return .bound(isNew: false) }
                defer { state.hasToldOfBound = true }
                return .bound(isNew: !state.hasToldOfBound)
            }
            state.live += 1
            return queue == 0 ? state.parked.popLast().map { .use($0) } ?? .make : .make
        }
        do throws(Errno) {
            switch decision {
            case .use(let channel): try spawn(channel)
            case .make: try spawn(transport.makeChannel(in: queue))
            case .over: break
            case .bound(let isNew):
                if isNew { session.logger.warning("all \(limits.maximum) threads are inside calls: further requests wait") }
            }
        } catch {
            // There are others; this one is missed only while all of them are inside calls.
            session.logger.warning("no further thread could be started: \(error)")
            leave()
        }
    }

    /// Ends this worker, unless others have gone meanwhile. True: it has ended.
    private func goHome(_ channel: any Channel, _ count: Waiting) -> Bool {
        channel.giveBackMemory()
        return state.withLock { state in
            guard state.live > limits.initial, count.count.load(ordering: .relaxed) >= limits.idle else { return false }
            state.live -= 1
            if channel.queue == 0, state.parked.count < limits.idle { state.parked.append(channel) }
            return true
        }
    }

    /// Ends this worker; the last one ends the session.
    private func leave(after failure: Errno? = nil) {
        let parked: [any Channel]? = state.withLock { state in
            state.live -= 1
            if let failure { state.failure = failure }
            guard state.live == 0 else { return nil }
            state.isOver = true
            defer { state.parked = [] }
            return state.parked
        }
        guard parked != nil else { return }
        session.end()
        try? endPipe.writeEnd.close()
    }
}
