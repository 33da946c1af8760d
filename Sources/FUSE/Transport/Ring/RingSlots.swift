// SPDX-License-Identifier: MIT

import Synchronization
import SystemPackage

/// All entries of a connection. They are kept until it is over and all its rings are closed: the kernel writes into their memory.
final class RingSlots: Sendable {
    private struct State {
        var slots: [RingSlot] = []
        /// Made, and not taken by the kernel: for the next who needs one.
        var spare: [RingSlot] = []
        var payloadSize = 0
    }

    private let state = Mutex(State())
    let returns: RingReturns

    init(_ returns: RingReturns) { self.returns = returns }

    /// As agreed on with the kernel, in bytes.
    var payloadSize: Int {
        get { state.withLock { $0.payloadSize } }
        set { state.withLock { $0.payloadSize = newValue } }
    }

    /// How many entries there are.
    var count: Int { state.withLock { $0.slots.count - $0.spare.count } }

    /// A further entry, which the kernel knows nothing of yet.
    func make(in processor: Int) throws(Errno) -> RingSlot {
        let result: Result<RingSlot, Errno> = state.withLock { state in
            if let index = state.spare.firstIndex(where: { $0.processor == processor }) { return .success(state.spare.remove(at: index)) }
            do throws(Errno) {
                let slot = try RingSlot(processor: processor, tag: UInt64(state.slots.count + 1), payloadSize: state.payloadSize, returns)
                state.slots.append(slot)
                return .success(slot)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    /// The kernel did not take it.
    func putBack(_ slot: RingSlot) { state.withLock { $0.spare.append(slot) } }

    /// The entry of a completion; nil for what is none.
    subscript(tag: UInt64) -> RingSlot? {
        state.withLock { 0 < tag && tag <= $0.slots.count ? $0.slots[Int(tag) - 1] : nil }
    }
}
