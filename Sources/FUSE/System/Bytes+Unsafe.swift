// SPDX-License-Identifier: MIT

import FUSEWire

extension [UInt8] {
    mutating func put<T: WireStruct>(_ value: T) {
        // Safe: a structure is plain bytes without padding, copied while the value lives.
        unsafe Swift.withUnsafeBytes(of: value) { unsafe append(contentsOf: $0) }
    }

    /// A structure, and a name with its NUL.
    mutating func put<T: WireStruct>(_ value: T, _ name: String) {
        put(value)
        append(contentsOf: name.utf8)
        append(0)
    }

    var rawSpan: RawSpan {
        // Safe: bytes have no padding that could be read.
        @_lifetime(borrow self) get { unsafe span.bytes }
    }
}
