// SPDX-License-Identifier: MIT

import Foundation

/// A number that the environment gives, as for a longer run.
func environmentNumber(_ name: String) -> Int? { ProcessInfo.processInfo.environment[name].flatMap { Int($0) } }

/// The seed of a random test: that of the environment, or a new one. Printed, so that a failure can be had again.
func seed(of test: String) -> UInt64 {
    let given = ProcessInfo.processInfo.environment["SWIFT_FUSE_SEED"].flatMap { UInt64($0) }
    let seed = given ?? UInt64.random(in: 0...UInt64.max)
    print("\(test): SWIFT_FUSE_SEED=\(seed)")
    return seed
}
