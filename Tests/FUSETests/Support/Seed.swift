// SPDX-License-Identifier: MIT

import Foundation

/// Small, seedable, the same everywhere.
struct SplitMix64: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }
}

/// The seed of a random test: that of the environment, or a new one. Printed, so that a failure can be had again.
func seed(of test: String) -> UInt64 {
    let given = ProcessInfo.processInfo.environment["SWIFT_FUSE_SEED"].flatMap { UInt64($0) }
    let seed = given ?? UInt64.random(in: 0...UInt64.max)
    print("\(test): SWIFT_FUSE_SEED=\(seed)")
    return seed
}

/// A number that the environment gives, as for a longer run.
func environmentNumber(_ name: String) -> Int? { ProcessInfo.processInfo.environment[name].flatMap { Int($0) } }
