// SPDX-License-Identifier: MIT

/// What was measured: for each key a number for each round.
public struct Figures<Key: Hashable> {
    private var values: [Key: [Double]] = [:]

    public init() {}

    public mutating func add(_ value: Double, to key: Key) { values[key, default: []].append(value) }

    public var keys: Dictionary<Key, [Double]>.Keys { values.keys }

    public func all(_ key: Key) -> [Double] { values[key] ?? [] }

    public func median(_ key: Key) -> Double? {
        guard let sorted = values[key]?.sorted() else { return nil }
        return sorted[sorted.count / 2]
    }

    public func sum(_ key: Key) -> Double? { values[key]?.reduce(0, +) }

    /// By how much the middle half of the rounds differ, as a part of the median.
    public func spread(_ key: Key) -> Double? {
        guard let sorted = values[key]?.sorted(), sorted.count > 2 else { return nil }
        return (sorted[sorted.count * 3 / 4] - sorted[sorted.count / 4]) / sorted[sorted.count / 2]
    }
}
