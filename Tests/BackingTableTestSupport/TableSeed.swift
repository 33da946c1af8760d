// SPDX-License-Identifier: MIT

public import BackingTable

extension TableSeed {
    /// For tests: one of the seeds, by a number.
    public init(number: UInt64) {
        var generator = SplitMix(state: number)
        self.init(generator.next(), generator.next())
    }
}
