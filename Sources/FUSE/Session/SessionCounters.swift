// SPDX-License-Identifier: MIT
//
// How many requests of each kind came. Each counter is added to with relaxed order: nothing is ordered by it, and a
// reader wants a number, not a moment.

public import FUSEWire
import Synchronization

/// Counts a session's requests.
public final class SessionCounters: Sendable {
    private let counts: InlineArray<64, Atomic<UInt64>>

    init() { counts = InlineArray { _ in Atomic(0) } }

    func count(_ opcode: Opcode) {
        counts[Int(min(opcode.rawValue, 63))].wrappingAdd(1, ordering: .relaxed)
    }

    /// How many requests of this kind came so far.
    public subscript(opcode: Opcode) -> UInt64 {
        opcode.rawValue < 64 ? counts[Int(opcode.rawValue)].load(ordering: .relaxed) : 0
    }

    /// All kinds that came at all, in the order of their numbers.
    public var all: [(opcode: Opcode, count: UInt64)] {
        (0..<64).compactMap { index in
            let opcode = Opcode(rawValue: UInt32(index))
            let count = self[opcode]
            return count > 0 ? (opcode, count) : nil
        }
    }
}
