// SPDX-License-Identifier: MIT

import FUSEWire

/// What `body` writes into a buffer of `capacity` bytes.
func encoded<Failure: Error>(
    capacity: Int = 4096, _ body: (inout OutputRawSpan) throws(Failure) -> Void
) throws(Failure) -> [UInt8] {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: capacity, alignment: 8)
    // Safe: the buffer outlives the span, and what is copied out of it has been written.
    defer { unsafe buffer.deallocate() }
    var output = unsafe OutputRawSpan(buffer: buffer, initializedCount: 0)
    try body(&output)
    let count = unsafe output.finalize(for: buffer)
    return unsafe Array(buffer[..<count])
}

extension [UInt8] {
    /// Safe: bytes have no padding.
    var raw: RawSpan {
        @_lifetime(borrow self) get { unsafe span.bytes }
    }
}

extension RawSpan {
    var array: [UInt8] {
        // Safe: copied while the span lives.
        unsafe withUnsafeBytes { unsafe Array($0) }
    }
}

extension String {
    /// As the wire has names in requests.
    var withNUL: [UInt8] { Array(utf8) + [0] }
}

/// The bytes of a structure.
func bytes<T: WireStruct>(_ value: T) -> [UInt8] {
    // Safe: a structure is plain bytes, copied while the variable lives.
    unsafe withUnsafeBytes(of: value) { unsafe Array($0) }
}

/// A whole request, its lengths filled in.
func request(
    _ opcode: Opcode, structure: [UInt8] = [], payload: [UInt8] = [], extensions: [UInt8] = []
) -> [UInt8] {
    let length = InHeader.wireSize + structure.count + payload.count + extensions.count
    let header = InHeader(
        len: UInt32(length), opcode: opcode.rawValue, unique: 0x1122_3344_5566_7788, nodeid: 1, uid: 1000, gid: 100,
        pid: 4711, total_extlen: UInt16(extensions.count / 8))
    return bytes(header) + structure + payload + extensions
}

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
