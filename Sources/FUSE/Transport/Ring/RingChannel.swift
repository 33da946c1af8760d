// SPDX-License-Identifier: MIT
//
// A thread's way to the kernel over io_uring: a ring of its own, and on it one entry that waits for a request. With one entry alone
// nothing is ever assigned to a thread that is inside a handler; the kernel gives a request to any entry of the queue that
// waits. Answering and receiving the next are one system call.
//
//     new --registers its entry--> ring: waits there; a reply that is deferred keeps its entry, and a further one is registered
//                                      ^
//                                      | answers at once what it was handed: that entry is its own now
//                                      |
//     no queue of its own --------> spare: waits for what RingHandover has
//
//     the ring did not come up -> device: reads /dev/fuse
//
// Used by one thread, but for what others may ask: that looks at `shown` alone.

import FUSEWire
import Glibc
import Synchronization
import SystemPackage

final class RingChannel: Channel, @unchecked Sendable {
    private enum Place {
        case new
        case ring(IOUring)
        case spare
        case device(any Channel)
    }

    private let transport: RingTransport
    /// The processor whose queue it serves; nil while it has none.
    private var processor: Int?
    /// The queue cannot do without it, and it was there before the kernel was told anything.
    private let isFirst: Bool
    /// Made before it was needed.
    private var ring: IOUring?
    private var place: Place
    /// What its last request came in, or its next one will.
    private var slot: RingSlot?
    /// What other threads ask for.
    private let shown = Mutex(Shown())

    private struct Shown {
        var slot: RingSlot?
        var device: (any Channel)?
    }

    /// The slot has its request already.
    private var hasRequest = false
    /// So long nothing has to come before memory is given back.
    private static let idle = 2000

    /// - Parameters:
    ///   - processor: whose queue it is to serve; nil for one that takes what others have received.
    ///   - ring: a ring that it is to have.
    init(_ transport: RingTransport, processor: Int?, ring: IOUring? = nil, isFirst: Bool = false) {
        self.transport = transport
        self.processor = processor
        self.ring = ring
        self.isFirst = isFirst
        place = processor == nil ? .spare : .new
    }

    var queue: Int {
        switch place {
        case .device: RingTransport.deviceQueue
        case .ring, .new: transport.queue(of: processor)
        case .spare: transport.queue(of: nil)
        }
    }

    var mayLeave: Bool {
        switch place {
        case .device: true
        case .spare: processor == nil
        case .ring, .new: false
        }
    }

    func takePlace() throws(Errno) {
        switch place {
        case .new: try begin()
        case .spare: joinQueue()
        case .ring, .device: break
        }
    }

    func receive() throws(Errno) -> Exchange? {
        switch place {
        case .ring(let ring): return try receive(ring)
        case .device(let channel): return try channel.receive()
        case .spare: return try receiveAsSpare()
        case .new:
            try begin()
            return try receive()
        }
    }

    func giveBackMemory() { if case .device(let channel) = place { channel.giveBackMemory() } }

    func holds(_ request: RequestID) -> Bool { shown.withLock { $0.slot?.holds(request.rawValue) ?? false } }

    func repeatInterrupt(of request: RequestID) -> Bool {
        shown.withLock { $0.device }?.repeatInterrupt(of: request) ?? false
    }

    private func use(_ slot: RingSlot?) {
        self.slot = slot
        shown.withLock { $0.slot = slot }
    }

    // MARK: Beginning

    private func begin() throws(Errno) {
        guard let processor, let ring else {
            place = .spare
            return
        }
        do throws(Errno) {
            try transport.faults.check(.enable, processor)
            try ring.enable()
            guard Processors.run(on: processor) else { throw .notPermitted }
            if isFirst { try register(ring, processor) }
        } catch {
            guard isFirst else {
                // One thread too few, then: what others receive it can serve.
                transport.logger.warning("a further thread for processor \(processor) has no ring: \(error)")
                self.processor = nil
                place = .spare
                return
            }
            transport.failed(RingStart.Failure(processor: processor, error: error), ring)
            return try useDevice()
        }
        if isFirst {
            transport.start.succeeded()
            guard transport.start.wait() else { return try useDevice() }
            transport.gathering.isOn.store(true, ordering: .relaxed)
        }
        place = .ring(ring)
    }

    /// The ring does not come up.
    private func useDevice() throws(Errno) {
        use(nil)
        ring = nil
        let channel = try transport.device.makeChannel()
        shown.withLock { $0.device = channel }
        place = .device(channel)
    }

    // MARK: Entries

    /// Has the kernel take a further entry for this ring.
    private func register(_ ring: IOUring, _ processor: Int) throws(Errno) {
        let slot = try transport.slots.make(in: processor)
        do throws(Errno) {
            if transport.faults.refuses(.register, processor) { ring.prepareRefusal() } else { ring.prepareRegister(slot) }
            try ring.enter(for: 0)
            if let completion = ring.next() {
                guard completion.result == 0 else { throw Errno(rawValue: -completion.result) }
                hasRequest = true
            }
        } catch {
            transport.slots.putBack(slot)
            throw error
        }
        slot.isWaiting = true
        use(slot)
    }

    // MARK: On the ring

    private func receive(_ ring: IOUring) throws(Errno) -> Exchange? {
        guard let processor else { return nil }
        if let slot, slot.detach() { use(nil) }
        // It has none yet, or the reply is deferred and keeps it. Where there is no memory for another one, that may change.
        while slot == nil {
            do throws(Errno) {
                try register(ring, processor)
                // Its processor may have come online meanwhile.
                _ = Processors.run(on: processor)
                try transport.nudger.nudge(processor)
            } catch {
                guard transport.isGoingOn(after: error, processor) else { return nil }
                usleep(100_000)
            }
        }
        guard let slot else { return nil }
        if !slot.isWaiting { ring.prepareCommit(slot) }
        return try wait(ring, slot)
    }

    private func take(_ slot: RingSlot) -> Exchange {
        slot.isWaiting = false
        slot.receive()
        return Exchange(slot)
    }

    /// Waits until the entry has a request.
    private func wait(_ ring: IOUring, _ slot: RingSlot) throws(Errno) -> Exchange? {
        slot.isWaiting = true
        while true {
            if hasRequest {
                hasRequest = false
                guard slot.isNudge(of: transport.nudger) else { return take(slot) }
                slot.answerNudge()
                ring.prepareCommit(slot)
            }
            if let completion = ring.next() {
                hasRequest = completion.result == 0
                if hasRequest { continue }
                return isLost(Errno(rawValue: -completion.result)) ? nil : try receive(ring)
            }
            if slot.isLarge {
                if try !ring.enter(atMost: Self.idle) { slot.giveBack() }
            } else {
                try enter(ring)
            }
        }
    }

    /// The kernel has given an entry back. True: the connection is over.
    private func isLost(_ error: Errno) -> Bool {
        use(nil)
        if let loss = RingLoss(commit: -error.rawValue) {
            transport.lose(loss)
            return true
        }
        // Aborted or unmounted. ENOENT: it was, while the reply was under way.
        guard [.invalidArgument, .noSuchFileOrDirectory].contains(error), transport.device.isConnected else {
            transport.end()
            return true
        }
        // Not known to happen. This thread needs another one.
        transport.logger.error("an entry of io_uring was lost: \(error)")
        return false
    }

    /// What it cannot wait out would leave the queue's callers alone.
    private func enter(_ ring: IOUring) throws(Errno) {
        do throws(Errno) { try ring.enterPatiently(for: 1) } catch {
            transport.lose(.thread(error))
            throw error
        }
    }

    // MARK: As a spare one

    private func receiveAsSpare() throws(Errno) -> Exchange? {
        if let slot {
            // Its reply is there, and this thread stays what it is; or it is deferred.
            if !slot.detach() { transport.slots.returns.give(back: slot) }
            use(nil)
        }
        if let slot = transport.handover.next() {
            use(slot)
            return take(slot)
        }
        guard transport.start.isReady == false else { return nil }
        // The ring did not come up.
        try useDevice()
        return try receive()
    }

    /// It has answered at once what it was handed: the entry may stay with it, by a ring of its own.
    private func joinQueue() {
        guard let slot, slot.isReplied, transport.mayJoin(),
            let ring = try? IOUring(entries: RingTransport.entries, for: transport.device.descriptor), (try? ring.enable()) != nil
        else { return }
        guard Processors.run(on: slot.processor) else { return }
        self.ring = ring
        processor = slot.processor
        place = .ring(ring)
    }
}
