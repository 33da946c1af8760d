// SPDX-License-Identifier: MIT

import FUSE
import Glibc
import SystemPackage

extension RawSpan {
    /// A copy.
    var array: [UInt8] {
        // Safe: copied while the view lives.
        unsafe withUnsafeBytes { unsafe Array($0) }
    }
}

extension Timestamp {
    static var now: Timestamp {
        var time = timespec()
        // Safe: filled within the call.
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Timestamp(seconds: Int64(time.tv_sec), nanoseconds: UInt32(time.tv_nsec))
    }
}

extension DirectoryWriter {
    mutating func add(_ name: [UInt8], _ node: NodeID, _ type: FileType, next: UInt64) -> Bool {
        // Safe: bytes have no padding that could be read.
        unsafe add(name.span.bytes, inode: node.rawValue, type: type, next: DirectoryOffset(rawValue: next))
    }
}

extension DirectoryPlusWriter {
    mutating func add(_ name: [UInt8], _ entry: Entry?, _ node: NodeID, _ type: FileType, next: UInt64) -> Bool {
        // Safe: as above.
        unsafe add(name.span.bytes, entry: entry, inode: node.rawValue, type: type, next: DirectoryOffset(rawValue: next))
    }
}
