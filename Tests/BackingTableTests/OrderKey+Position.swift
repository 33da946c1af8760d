// SPDX-License-Identifier: MIT

@testable import BackingTable

extension OrderKey {
    /// Where the key stands in the chain, of 2^64 places: its bits from the lowest up, read as a number.
    var position: UInt64 { reversed(bits) }
}

extension Bucket {
    /// Where the bucket begins.
    var position: UInt64 { reversed(UInt64(number)) }
}

func reversed(_ word: UInt64) -> UInt64 {
    (0..<64).reduce(0) { result, bit in word >> UInt64(bit) & 1 == 1 ? result | 1 << UInt64(63 - bit) : result }
}
