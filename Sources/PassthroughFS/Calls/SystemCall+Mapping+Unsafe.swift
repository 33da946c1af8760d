// SPDX-License-Identifier: MIT

import CLinux
import Glibc
import SystemPackage

// Files mapped into this process, for what no other call does: to hold a file without a descriptor, and to change one as
// a store through a mapping does. No pointer into such a mapping is ever followed here, for a page behind the end of a
// file that others cut short would be SIGBUS.

/// A file that is held by a mapping of it: without a name it lives on, and needs no descriptor. To be released, once.
struct Anchor: BitwiseCopyable {
    /// Where the mapping is; 0: none. Only its address matters: nobody looks there.
    fileprivate let address: UInt

    static var none: Anchor { Anchor(address: 0) }
    var isNone: Bool { address == 0 }
}

extension SystemCall {
    /// Holds a regular file. Throws where its filesystem cannot map it, or the process has too many mappings already.
    static func anchor(_ file: FileDescriptor) throws(Errno) -> Anchor {
        // O_NONBLOCK: not to wait until somebody has given up a lease.
        let reader = try reopen(file, O_RDONLY | O_NONBLOCK)
        defer { close(reader) }
        // Safe: nothing is there to be read or written, the pages of it cannot be touched.
        let memory = unsafe mmap(nil, Int(getpagesize()), PROT_NONE, MAP_PRIVATE | Int32(MAP_NORESERVE), reader.rawValue, 0)
        guard let memory = unsafe memory, unsafe memory != MAP_FAILED else { throw Errno(rawValue: errno) }
        return Anchor(address: UInt(bitPattern: memory))
    }

    static func release(_ anchor: Anchor) {
        // Safe: a mapping of this size that nobody has a pointer to.
        if !anchor.isNone { _ = unsafe munmap(UnsafeMutableRawPointer(bitPattern: anchor.address), Int(getpagesize())) }
    }

    /// How many mappings a process may have.
    static var mappingLimit: Int {
        (try? text(of: "/proc/sys/vm/max_map_count")).flatMap { Int($0.prefix { $0.isNumber }) } ?? 0
    }

    static func hasCapabilities(_ file: FileDescriptor) -> Bool {
        // Safe: nothing is written where there is no room.
        unsafe clinux_fgetxattr(file.rawValue, "security.capability", nil, 0) > 0
    }

    /// Changes an open file as a store through a mapping does: it takes no file capabilities away, which every write does.
    /// - Returns: how much was stored; less where the file has become shorter or there is no space, or nothing at all can
    ///   be stored so. What is left is to be written.
    static func store(_ file: FileDescriptor, at offset: Int64, _ data: RawSpan) -> Int {
        guard !data.isEmpty, let writer = try? reopen(file, O_RDWR | O_NONBLOCK) else { return 0 }
        defer { close(writer) }
        let within = Int(offset) % Int(getpagesize())
        // Safe: both addresses are of memory that lives until the end; the copy is the kernel's, which reports what it
        // cannot reach (EFAULT) where this process would get a signal.
        let memory = unsafe mmap(
            nil, within + data.byteCount, PROT_READ | PROT_WRITE, MAP_SHARED, writer.rawValue, Int(offset) - within)
        guard let memory = unsafe memory, unsafe memory != MAP_FAILED else { return 0 }
        defer { _ = unsafe munmap(memory, within + data.byteCount) }
        return unsafe data.withUnsafeBytes { buffer in
            unsafe max(0, outcome(clinux_copy_within(memory + within, buffer.baseAddress, buffer.count)))
        }
    }
}
