// SPDX-License-Identifier: MIT
//
// The kernel by FUSE over io_uring (Linux 6.14). Requests come by rings: a queue for every possible processor, to which a request goes from
// the processor that its caller is on. What has no answer of its own (FORGET, INTERRUPT), notifications and backing files go by
// `/dev/fuse`, which is there beside it; and so does everything where the ring does not come up.
//
// Queues, as `WorkerPool` sees them: 0 is `/dev/fuse`; 1 and so on the processors; the last one what comes by the entries of
// deferred replies (`RingReturns`).
//
// Life cycle: made before INIT, with a ring for every processor, so that what is short (descriptors, locked memory) shows
// before anything is promised. After INIT `WorkerPool` starts a thread for each queue (see `RingStart`). When the connection is over,
// each waiting entry hears of it; the first channel that does has the spare threads and the thread of `RingReturns` end, too.

import FUSEWire
import Logging
import Synchronization
import SystemPackage

/// `/dev/fuse`, opened and mounted, with requests by io_uring.
final class RingTransport: Transport {
    static let deviceQueue = 0
    /// Submissions that a thread's ring holds: it has one under way.
    static let entries: UInt32 = 2

    let device: DeviceFile
    let logger: Logger
    let faults: RingFaults
    let slots: RingSlots
    let handover = RingHandover()
    let start: RingStart
    let gathering = Gathering()
    let nudger: RingNudger
    private let processors: Int
    private let state: Mutex<State>
    /// How many threads were given an entry that came by ``RingReturns``.
    private let joined = Atomic<Int>(0)

    private struct State {
        /// For the first thread of each processor.
        var rings: [IOUring?]
        var returns: IOUring?
        var isAgreed = false
        var isOver = false
        var hasToldOfLack = false
        var whenLost: (@Sendable () -> Void)?
    }

    /// - Parameters:
    ///   - connection: the connection's number, that is the minor number of the mount's device.
    /// - Throws: why there can be none here.
    init(_ device: DeviceFile, connection: Int, logger: Logger, faults: RingFaults = RingFaults()) throws(RingRefusal) {
        guard let processors = Processors.possible else { throw .processors }
        do throws(Errno) { try RingNudger.check() } catch { throw .nudge(error) }
        nudger = RingNudger(connection)
        self.device = device
        self.logger = logger
        self.faults = faults
        self.processors = processors
        start = RingStart(processors)
        do throws(Errno) {
            var rings: [IOUring?] = []
            for processor in 0..<processors {
                try faults.check(.setUp, processor)
                rings.append(try IOUring(entries: Self.entries, for: device.descriptor))
            }
            state = Mutex(State(rings: rings, returns: try RingReturns.makeRing(for: device.descriptor)))
            slots = RingSlots(try RingReturns())
        } catch {
            throw .setUp(error)
        }
    }

    deinit { slots.returns.end() }

    // MARK: Agreeing

    var wishes: Capabilities { [.overIOUring] }

    func agreed(on capabilities: Capabilities, maxWrite: Int) {
        let isAgreed = capabilities.contains(.overIOUring)
        // As `fuse_uring_create` in Linux reckons it.
        slots.payloadSize = max(8192, maxWrite)
        state.withLock { state in
            state.isAgreed = isAgreed
            if !isAgreed { (state.rings, state.returns) = ([], nil) }
        }
    }

    var isAgreed: Bool { state.withLock { $0.isAgreed } }

    /// Waits until it is decided how requests come. Nil: over io_uring; else why not.
    func outcome() -> RingRefusal? {
        guard isAgreed else { return .notOffered }
        return start.wait() ? nil : start.failure.map { .register($0) }
    }

    var name: String { isAgreed && start.isReady == true ? "io_uring" : device.name }

    var entryCount: Int { start.isReady == true ? slots.count : 0 }

    // MARK: Queues

    var queueCount: Int { isAgreed ? processors + 2 : 1 }

    func queue(of processor: Int?) -> Int { processor.map { $0 + 1 } ?? processors + 1 }

    /// The channel by which INIT comes.
    func firstChannel() throws(Errno) -> any Channel { GatheringChannel(try device.firstChannel(), gathering) }

    func makeChannel() throws(Errno) -> any Channel { GatheringChannel(try device.makeChannel(), gathering) }

    func makeChannel(in queue: Int) throws(Errno) -> any Channel {
        if queue == Self.deviceQueue { return try makeChannel() }
        // Where the ring has not come up, its threads read from there.
        if start.isReady == false { return try device.makeChannel() }
        if queue == self.queue(of: nil) {
            let ring: IOUring? = state.withLock { $0.returns.take() }
            if let ring { try slots.returns.start(ring, slots, handover, nudger) { [weak self] in self?.lose($0) } }
            return RingChannel(self, processor: nil)
        }
        let processor = queue - 1
        if let ring: IOUring = state.withLock({ $0.rings[processor].take() }) {
            return RingChannel(self, processor: processor, ring: ring, isFirst: true)
        }
        return RingChannel(self, processor: processor, ring: try IOUring(entries: Self.entries, for: device.descriptor))
    }

    func lacksThread(in queue: Int, _ error: Errno) {
        guard queue != Self.deviceQueue else { return }
        failed(RingStart.Failure(processor: queue - 1, error: error), nil)
    }

    /// Whether one more thread may keep an entry that it was handed. One has to stay who is handed the next.
    func mayJoin() -> Bool {
        guard handover.isAwaited else { return false }
        let isIn = joined.add(1, ordering: .relaxed).newValue <= processors * 16
        if !isIn { joined.subtract(1, ordering: .relaxed) }
        return isIn
    }

    // MARK: What goes wrong

    /// The first thread of a queue cannot serve it. `ring` is one that the calling thread owns.
    func failed(_ failure: RingStart.Failure, _ ring: IOUring?) {
        if start.failed(failure) { logger.warning("\(RingRefusal.register(failure)): requests come by /dev/fuse") }
        slots.returns.end()
        handover.end()
        // The kernel may not know yet.
        do throws(Errno) {
            try refuse(by: ring)
        } catch {
            // Not by that one, then.
            let other = state.withLock { $0.rings.lazy.compactMap { $0 }.first }
            do throws(Errno) { try refuse(by: other) } catch { lose(.thread(error)) }
        }
    }

    private func refuse(by given: IOUring?) throws(Errno) {
        let ring: IOUring
        if let given { ring = given } else { ring = try IOUring(entries: Self.entries, for: device.descriptor) }
        try ring.enable()
        ring.prepareRefusal()
        try ring.enterPatiently(for: 0)
    }

    /// A further entry could not be registered. The kernel has taken that for the end of io_uring, but goes on with it as long as it is
    /// switched on.
    /// False: the connection is over.
    func isGoingOn(after error: Errno, _ processor: Int) -> Bool {
        let (isOver, isNew) = state.withLock { ($0.isOver, !$0.hasToldOfLack) }
        guard !isOver, device.isConnected else { return false }
        guard isNew else { return true }
        state.withLock { $0.hasToldOfLack = true }
        logger.warning("no further entry of io_uring for processor \(processor): \(error): requests may have to wait. /sys/module/fuse/parameters/enable_uring must stay on while this is mounted")
        return true
    }

    /// What ends the connection where it can no longer be served, so that no caller waits for ever.
    func whenLost(_ abort: @escaping @Sendable () -> Void) { state.withLock { $0.whenLost = abort } }

    func lose(_ loss: RingLoss) {
        let abort = state.withLock { state in
            defer { state.whenLost = nil }
            return state.isOver ? nil : state.whenLost
        }
        if let abort {
            logger.error("\(loss): the connection is aborted")
            abort()
        }
        end()
    }

    /// The connection is over.
    func end() {
        state.withLock { state in
            state.isOver = true
            state.whenLost = nil
        }
        slots.returns.end()
        handover.end()
        nudger.end()
    }

    // MARK: Beside the ring

    func openBacking(_ map: BackingMap) throws(Errno) -> BackingID { try device.openBacking(map) }
    func closeBacking(_ id: BackingID) throws(Errno) { try device.closeBacking(id) }
    func notify(_ code: NotifyCode, _ body: RawSpan) throws(Errno) { try device.notify(code, body) }
}

/// Why requests do not come over io_uring.
enum RingRefusal: Error, CustomStringConvertible {
    /// It cannot be known how many processors there can be.
    case processors
    /// `ustat(2)` cannot be called: see ``RingNudger``.
    case nudge(Errno)
    /// There is no io_uring to be had.
    case setUp(Errno)
    /// The kernel does not offer it.
    case notOffered
    /// A queue did not get its entry.
    case register(RingStart.Failure)

    var description: String {
        switch self {
        case .processors: "FUSE over io_uring: the possible processors are not known: /sys/devices/system/cpu/possible"
        case .nudge(let error): "FUSE over io_uring: ustat(2), without which requests could be left waiting: \(error)"
        case .setUp(let error): "io_uring cannot be set up: \(error)"
        case .notOffered: "the kernel does not offer FUSE over io_uring"
        case .register(let failure): "FUSE over io_uring: processor \(failure.processor) has no entry: \(failure.error)"
        }
    }

    /// What would help.
    var remedy: String {
        switch self {
        case .processors: "mount /sys"
        case .nudge(.noFunction): "this architecture has no such call"
        case .nudge: "allow it in the filter of system calls (seccomp)"
        case .setUp(.tooManyOpenFiles): "raise the limit of open files: it takes one for every possible processor"
        case .setUp(.notPermitted): "set kernel.io_uring_disabled to 0"
        case .setUp: "Linux 6.14 or newer with CONFIG_IO_URING is needed"
        case .notOffered:
            "Linux 6.14 or newer with CONFIG_FUSE_IO_URING is needed, and it has to be switched on before mounting: echo Y > /sys/module/fuse/parameters/enable_uring"
        case .register: "it may be short of memory: mount again later"
        }
    }
}

/// What is to go wrong, for tests.
struct RingFaults: Sendable {
    enum Step: Sendable { case setUp, enable, register }

    /// Whether a step for a processor is to fail. One that registers is then refused by the kernel itself.
    var refuse: (@Sendable (Step, Int) -> Bool)?

    func refuses(_ step: Step, _ processor: Int) -> Bool { refuse?(step, processor) ?? false }

    func check(_ step: Step, _ processor: Int) throws(Errno) { if refuses(step, processor) { throw .noMemory } }
}
