// SPDX-License-Identifier: MIT

extension WireStruct {
    /// Equal are structures whose bytes are: there is no padding that could differ unseen.
    public static func == (left: Self, right: Self) -> Bool {
        // Safe: both are plain bytes (see `WireStruct`), looked at while the values live.
        unsafe withUnsafeBytes(of: left) { left in
            unsafe withUnsafeBytes(of: right) { right in unsafe left.elementsEqual(right) }
        }
    }
}

extension LengthenedWireStruct {
    /// Loads whichever form `bytes` holds; fields that the older one lacks are zero.
    public init(_ bytes: RawSpan) throws(WireError) {
        guard bytes.byteCount >= Self.shortSize else { throw .truncated }
        let count = bytes.byteCount >= Self.wireSize ? Self.wireSize : Self.shortSize
        var value = Self.zero
        // Safe: `count` is within both buffers by the lines above, and any bytes make a Self (see `WireStruct`).
        unsafe withUnsafeMutableBytes(of: &value) { target in
            unsafe bytes.extracting(first: count).withUnsafeBytes { source in unsafe target.copyMemory(from: source) }
        }
        self = value
    }
}
