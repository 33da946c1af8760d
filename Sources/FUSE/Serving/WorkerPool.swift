// SPDX-License-Identifier: MIT
//
// The threads that serve a session.
//
// Handlers are synchronous, and may block for long: a thread inside one serves nobody else. So the pool keeps at least
// one thread waiting for requests: whoever takes a request and leaves nobody waiting starts another one first, up to a
// bound. When many wait, one that has finished goes home; its channel is parked for the next one, as cloning a descriptor
// costs more than a thread. Some are, without memory; those of a busy time beyond them go.
//
// Life cycle: `start` makes the first workers. A worker lives until the connection is over or until there are too many
// waiting. The last one to leave at the end of the connection stops the filesystem, and closes the pipe that `wait` and
// the signal loop watch.
//
// Shared state: `waiting` counts threads inside `receive` or on their way there: one that was just started counts, or a
// busy machine, where it takes a while to get a processor, would start one for each request until then. It is a hint
// for growing and shrinking and orders nothing, so it is relaxed: read too low it makes a thread too many, which goes
// home again; it is never read too high for good, as every worker counts itself out before it handles a request. `state` is behind a mutex that is taken when a worker
// comes or goes, never for a request; no system call is made under it.

import Logging
import Synchronization
public import SystemPackage

/// The threads that serve a session. ``Mount`` has one; a session on a device of another kind can have one too.
public final class WorkerPool<FS: FileSystem>: Sendable {
    private struct State {
        var live = 0
        /// The last worker has left: there will be no other, also where the first ones are still being started.
        var isOver = false
        var parked: [any Channel] = []
        var hasToldOfBound = false
        var failure: Errno?
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
    private let waiting = Atomic<Int>(0)
    private let state = Mutex(State())
    private let endPipe: (readEnd: FileDescriptor, writeEnd: FileDescriptor)

    /// - Throws: what stands against a pipe, by which the end is told. The session is ended then: nobody would serve it.
    public init(_ session: Session<FS>, transport: any Transport, limits: ThreadLimits) throws(Errno) {
        self.session = session
        self.transport = transport
        self.limits = limits
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
        for _ in 1..<limits.initial { grow(upTo: limits.maximum) }
    }

    private func spawn(_ channel: any Channel) throws(Errno) {
        waiting.add(1, ordering: .relaxed)
        do throws(Errno) { try startThread { [self] in work(channel) } } catch {
            waiting.subtract(1, ordering: .relaxed)
            throw error
        }
    }

    private func work(_ channel: any Channel) {
        if let signal = session.interrupts.signal { InterruptSignal.unblock(signal) }
        let hand = session.interrupts.enter(channel)
        defer { session.interrupts.leave(hand) }
        do throws(Errno) {
            while true {
                let exchange: Exchange?
                do throws(Errno) { exchange = try channel.receive() } catch {
                    waiting.subtract(1, ordering: .relaxed)
                    throw error
                }
                let left = waiting.subtract(1, ordering: .relaxed).newValue
                guard let exchange else {
                    session.interrupts.connectionIsOver(hand)
                    return leave()
                }
                // What is forgotten comes in floods, when memory is short, and blocks nobody: a few threads are enough for it,
                // and all that there may be would take memory themselves.
                if left == 0 { grow(upTo: exchange.isForget ? min(limits.idle, limits.maximum) : limits.maximum) }
                guard try session.serve(exchange, hand) else { return leave() }
                // As it is now: at the end of a busy time, with nothing more to come, those go who are too many.
                if waiting.load(ordering: .relaxed) >= limits.idle, goHome(channel) { return }
                waiting.add(1, ordering: .relaxed)
            }
        } catch {
            session.logger.error("a thread stopped serving: \(error)")
            leave(after: error)
        }
    }

    /// Starts a worker more, if the bound allows.
    private func grow(upTo bound: Int) {
        let decision: Growth = state.withLock { state in
            if state.isOver { return .over }
            guard state.live < bound else {
                if bound < limits.maximum { return .bound(isNew: false) }
                defer { state.hasToldOfBound = true }
                return .bound(isNew: !state.hasToldOfBound)
            }
            state.live += 1
            return state.parked.popLast().map { .use($0) } ?? .make
        }
        do throws(Errno) {
            switch decision {
            case .use(let channel): try spawn(channel)
            case .make: try spawn(transport.makeChannel())
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
    private func goHome(_ channel: any Channel) -> Bool {
        channel.giveBackMemory()
        return state.withLock { state in
            guard state.live > limits.initial, waiting.load(ordering: .relaxed) >= limits.idle else { return false }
            state.live -= 1
            if state.parked.count < limits.idle { state.parked.append(channel) }
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
