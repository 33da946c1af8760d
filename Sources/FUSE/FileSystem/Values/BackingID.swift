// SPDX-License-Identifier: MIT

/// Names a backing file on one connection: from 1 to `Int32.max`. C counterpart: `backing_id`.
public struct BackingID: RawRepresentable, Hashable, Sendable {
    public let rawValue: Int32

    @inlinable public init(rawValue: Int32) { self.rawValue = rawValue }
}
