// SPDX-License-Identifier: MIT

public import BackingTable

extension EntryID: ExpressibleByIntegerLiteral {
    /// For tests: an id written down.
    public init(integerLiteral value: UInt64) {
        guard let id = EntryID(value) else { preconditionFailure("\(value) is no id") }
        self = id
    }
}
