// SPDX-License-Identifier: MIT

import FUSEWire
import Foundation

extension [UInt8] {
    /// Safe: bytes have no padding.
    var raw: RawSpan {
        @_lifetime(borrow self) get { unsafe span.bytes }
    }

    /// The structure that the bytes begin with.
    func load<T: WireStruct>(_: T.Type = T.self, at offset: Int = 0) throws -> T {
        try raw.extracting(droppingFirst: offset).load(T.self)
    }
}

extension RawSpan {
    var array: [UInt8] {
        // Safe: copied while the span lives.
        unsafe withUnsafeBytes { unsafe Array($0) }
    }

    var text: String { String(decoding: array, as: UTF8.self) }
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

/// A whole request on node 7 by process 4711 of user 1000, its lengths filled in.
func request(
    _ opcode: Opcode, structure: [UInt8] = [], payload: [UInt8] = [], extensions: [UInt8] = [], node: UInt64 = 7,
    unique: UInt64 = 0x1122_3344_5566_7788
) -> [UInt8] {
    let length = InHeader.wireSize + structure.count + payload.count + extensions.count
    let header = InHeader(
        len: UInt32(length), opcode: opcode.rawValue, unique: unique, nodeid: node, uid: 1000, gid: 100, pid: 4711,
        total_extlen: UInt16(extensions.count / 8))
    return bytes(header) + structure + payload + extensions
}

/// The kernel's first request.
func initRequest(
    major: UInt32 = 7, minor: UInt32 = 45, offers flags: InitFlags = InitFlags(rawValue: .max), count: Int = InitIn.wireSize
) -> [UInt8] {
    let structure = InitIn(
        major: major, minor: minor, max_readahead: 131072, flags: flags.low, flags2: flags.high)
    return request(.initialize, structure: Array(bytes(structure)[..<count]), node: 0, unique: 2)
}

/// An extension with the caller's supplementary groups.
func groupsExtension(_ groups: [UInt32]) -> [UInt8] {
    let ids = groups.flatMap { group in (0..<4).map { UInt8(truncatingIfNeeded: group >> ($0 * 8)) } }
    let size = ExtHeader.wireSize + SuppGroups.wireSize + ids.count
    let aligned = FUSEProtocol.aligned(size)
    return bytes(ExtHeader(size: UInt32(aligned), type: ExtensionType.groups.rawValue))
        + bytes(SuppGroups(nr_groups: UInt32(groups.count))) + ids + [UInt8](repeating: 0, count: aligned - size)
}
