// SPDX-License-Identifier: MIT

import FUSEWire

extension [UInt8] {
    /// Appends a structure.
    mutating func put<T: WireStruct>(_ value: T) {
        // Safe: a structure is plain bytes without padding, copied while the value lives.
        unsafe Swift.withUnsafeBytes(of: value) { unsafe append(contentsOf: $0) }
    }

    /// Appends a name and its NUL.
    mutating func put(name: [UInt8]) {
        append(contentsOf: name)
        append(0)
    }

    /// The structure at a place; nil where the bytes end before it does.
    func structure<T: WireStruct>(_: T.Type = T.self, at offset: Int = 0) -> T? {
        // Safe: bytes have no padding that could be read.
        unsafe try? span.bytes.extracting(droppingFirst: Swift.min(offset, count)).load(T.self)
    }

    /// Lends them as they lie.
    func lend<R: ~Copyable, E: Error>(_ body: (RawSpan) throws(E) -> R) throws(E) -> R {
        // Safe: as above.
        try body(unsafe span.bytes)
    }

    /// A copy of what is lent.
    init(_ bytes: RawSpan) {
        // Safe: copied while the view lives.
        self = unsafe bytes.withUnsafeBytes { unsafe [UInt8]($0) }
    }
}
