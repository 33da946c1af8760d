// SPDX-License-Identifier: MIT
//
// Replies that come after their thread has gone on: deferred ones. Someone gives such a reply on a thread of his own, and the kernel takes
// it by any ring (see `RingSlot`); but the entry then waits for its next request there, and a ring is its thread's alone. So there is
// one ring, and one thread, for them: it sends the replies, and what comes by those entries afterwards it hands to a thread without
// an entry (`RingHandover`). It runs no handler itself, so it never keeps a request waiting. A thread that has been handed a request,
// and answers it at once, does so by a ring of its own, and the entry stays with it: so one deferred reply does not lead
// its entry's requests by this detour for good.
//
// The event counter wakes the thread; its 8 bytes are read into `count`, which lives as long as this object, and the
// thread has it.
//
// Locks: `state`, around the list alone.

import CLinux
import Glibc
import Logging
import Synchronization
import SystemPackage

@safe final class RingReturns: @unchecked Sendable {
    private struct State {
        var slots: [RingSlot] = []
        var isOver = false
    }

    private let state = Mutex(State())
    private let event: FileDescriptor
    private let count: UnsafeMutablePointer<UInt64>
    /// Submissions that fit into the ring.
    private static let entries: UInt32 = 64

    init() throws(Errno) {
        event = FileDescriptor(rawValue: try SystemCall.result(clinux_eventfd()))
        // Safe: freed in deinit.
        unsafe count = .allocate(capacity: 1)
        unsafe count.initialize(to: 0)
    }

    deinit {
        unsafe count.deallocate()
        try? event.close()
    }

    /// The reply in it is to be sent.
    func give(back slot: RingSlot) {
        if state.withLock({ state in
            if !state.isOver { state.slots.append(slot) }
            return state.slots.count == 1
        }) { wake() }
    }

    /// The connection is over.
    func end() {
        state.withLock { state in
            state.isOver = true
            state.slots = []
        }
        wake()
    }

    private func wake() {
        var one: UInt64 = 1
        // Safe: lent for the call. It cannot fail: the counter would have to be full.
        _ = unsafe write(event.rawValue, &one, 8)
    }

    /// Starts the thread. It ends with the connection. `lose` is called where it cannot go on.
    func start(
        _ ring: IOUring, _ slots: RingSlots, _ handover: RingHandover, _ nudger: RingNudger,
        _ lose: @escaping @Sendable (RingLoss) -> Void
    ) throws(Errno) {
        try startThread { [self] in
            do throws(Errno) { try run(ring, slots, handover, nudger, lose) } catch { lose(.thread(error)) }
        }
    }

    private func run(
        _ ring: IOUring, _ slots: RingSlots, _ handover: RingHandover, _ nudger: RingNudger, _ lose: (RingLoss) -> Void
    ) throws(Errno) {
        try ring.enable()
        let address = unsafe UInt64(UInt(bitPattern: count))
        ring.prepareRead(of: event, address, tag: 0)
        while true {
            try ring.enterPatiently(for: 1)
            while let completion = ring.next() {
                guard let slot = slots[completion.tag] else {
                    let (given, isOver) = state.withLock { state in
                        defer { state.slots = [] }
                        return (state.slots, state.isOver)
                    }
                    if isOver { return }
                    ring.prepareRead(of: event, address, tag: 0)
                    try send(given, ring)
                    continue
                }
                if completion.result == 0, slot.isNudge(of: nudger) {
                    slot.answerNudge()
                    ring.prepareCommit(slot)
                    try ring.enterPatiently(for: 0)
                } else if completion.result == 0 {
                    handover.give(slot)
                } else if let loss = RingLoss(commit: completion.result) {
                    lose(loss)
                }
            }
        }
    }

    private func send(_ given: [RingSlot], _ ring: IOUring) throws(Errno) {
        // One is the event's.
        for (index, slot) in given.enumerated() {
            if index % Int(Self.entries - 1) == Int(Self.entries - 2) { try ring.enterPatiently(for: 0) }
            ring.prepareCommit(slot)
        }
    }

    /// Its ring.
    static func makeRing(for file: FileDescriptor) throws(Errno) -> IOUring { try IOUring(entries: entries, for: file) }
}

/// Why a connection over io_uring cannot go on.
enum RingLoss: CustomStringConvertible {
    /// The kernel takes no replies any more: somebody has switched it off, after an entry could not be registered
    /// (`fuse_uring_cmd`).
    case switchedOff
    /// A thread can no longer wait for requests.
    case thread(Errno)

    /// Nil where a reply is refused because the connection is over, or its request is.
    init?(commit result: Int32) {
        guard result == -EOPNOTSUPP else { return nil }
        self = .switchedOff
    }

    var description: String {
        switch self {
        case .switchedOff: "/sys/module/fuse/parameters/enable_uring was switched off, and the kernel takes no replies over io_uring any more"
        case .thread(let error): "a thread could not wait for requests: \(error)"
        }
    }
}
