// SPDX-License-Identifier: MIT

import CLinux
import FUSE
import Glibc
import SystemPackage

// Extended attributes go by path: descriptors opened with `O_PATH` cannot be asked. The path is the descriptor's own in
// /proc, which is followed to the inode and no further, so that a symbolic link's own attributes are meant. Pointers are
// safe as in `SystemCall`.

extension SystemCall {
    static func getxattr(_ name: borrowing Name, of file: FileDescriptor, into value: inout OutputRawSpan) throws(Errno) -> Int {
        let onlySize = value.freeCapacity == 0
        return try unsafe value.withUnsafeMutableBytes { buffer, count throws(Errno) in
            let room = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
            let size = try unsafe self.value(name.withCString { name in
                unsafe withPath(of: file) { path in unsafe outcome(clinux_getxattr(path, name, room.baseAddress, room.count)) }
            })
            if !onlySize { count &+= size }
            return size
        }
    }

    static func listxattr(_ file: FileDescriptor, into names: inout OutputRawSpan) throws(Errno) -> Int {
        let onlySize = names.freeCapacity == 0
        return try unsafe names.withUnsafeMutableBytes { buffer, count throws(Errno) in
            let room = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[count...])
            let start = unsafe room.baseAddress?.assumingMemoryBound(to: CChar.self)
            let size = try unsafe value(withPath(of: file) { path in unsafe outcome(clinux_listxattr(path, start, room.count)) })
            if !onlySize { count &+= size }
            return size
        }
    }

    /// Names that are not for everybody.
    struct HiddenAttributes: OptionSet {
        let rawValue: UInt8

        /// All that start with `trusted.`.
        static var trusted: HiddenAttributes { HiddenAttributes(rawValue: 1) }
        /// `security.capability`.
        static var capabilities: HiddenAttributes { HiddenAttributes(rawValue: 2) }

        fileprivate func hides(_ names: UnsafeRawBufferPointer) -> Bool {
            unsafe contains(.trusted) && starts(names, "trusted.") || contains(.capabilities) && starts(names, "security.capability\0")
        }

        private func starts(_ names: UnsafeRawBufferPointer, _ prefix: StaticString) -> Bool {
            unsafe names.starts(with: UnsafeRawBufferPointer(start: prefix.utf8Start, count: prefix.utf8CodeUnitCount))
        }
    }

    /// As above, without some names.
    static func listxattr(
        _ file: FileDescriptor, into names: inout OutputRawSpan, without hidden: HiddenAttributes
    ) throws(Errno) -> Int {
        // XATTR_LIST_MAX.
        try unsafe withUnsafeTemporaryAllocation(byteCount: 65536, alignment: 1) { buffer throws(Errno) in
            let start = unsafe buffer.baseAddress?.assumingMemoryBound(to: CChar.self)
            let size = try unsafe value(withPath(of: file) { path in unsafe outcome(clinux_listxattr(path, start, buffer.count)) })
            // Once to count, once to write: where a name is not wanted, it is stepped over.
            var count = 0
            for pass in 0..<2 {
                let isWriting = pass == 1
                var offset = 0
                while offset < size {
                    let rest = unsafe UnsafeRawBufferPointer(rebasing: buffer[offset..<size])
                    let length = unsafe min(rest.count, strnlen(rest.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: CChar.self), rest.count) &+ 1)
                    let isHidden = unsafe hidden.hides(rest)
                    if !isHidden, !isWriting { count &+= length }
                    if !isHidden, isWriting { for index in 0..<length { unsafe names.append(rest[index]) } }
                    offset &+= length
                }
                if names.freeCapacity == 0 { return count }
                guard isWriting || count <= names.freeCapacity else { throw Errno.outOfRange }
            }
            return count
        }
    }

    static func setxattr(_ name: borrowing Name, of file: FileDescriptor, to value: RawSpan, flags: Int32) throws(Errno) {
        try unsafe check(value.withUnsafeBytes { value in
            unsafe name.withCString { name in
                unsafe withPath(of: file) { path in
                    unsafe outcome(clinux_setxattr(path, name, value.baseAddress, value.count, flags))
                }
            }
        })
    }

    static func removexattr(_ name: borrowing Name, of file: FileDescriptor) throws(Errno) {
        try unsafe check(name.withCString { name in
            unsafe withPath(of: file) { path in unsafe outcome(clinux_removexattr(path, name)) }
        })
    }

    /// Takes a file's capabilities away. None there, and a source that knows none, are as good.
    static func removeCapabilities(of file: FileDescriptor) throws(Errno) {
        let result = unsafe withPath(of: file) { path in unsafe outcome(clinux_removexattr(path, "security.capability")) }
        if result == -Int(ENODATA) || result == -Int(EOPNOTSUPP) { return }
        try check(result)
    }
}
