// SPDX-License-Identifier: MIT

import CLinux
import FUSE
import Glibc
import SystemPackage

/// One entry of a directory of the source, as a view of the buffer that it was read into.
@safe
struct SourceEntry {
    let inode: UInt64
    /// The place behind it: the source's own cookie.
    let next: DirectoryOffset
    let type: FileType
    /// Ends with a NUL. Good while the entry is being handled.
    private let name: UnsafePointer<CChar>
    private let count: Int

    /// Takes a `struct linux_dirent64`: inode and offset (8 bytes each), length (2), type (1), name.
    fileprivate init(_ record: UnsafeRawBufferPointer) {
        inode = unsafe record.loadUnaligned(fromByteOffset: 0, as: UInt64.self)
        next = DirectoryOffset(rawValue: unsafe record.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        // DT_* are the file type's bits of the mode.
        type = FileType(rawValue: CInterop.Mode(unsafe record[18]) << 12)
        unsafe name = record.baseAddress.unsafelyUnwrapped.advanced(by: 19).assumingMemoryBound(to: CChar.self)
        count = unsafe strnlen(name, record.count - 19)
    }

    var nameCount: Int { count }

    /// `.` and `..`, which are no lookup's business.
    var isDots: Bool { unsafe (count == 1 && name[0] == 46) || (count == 2 && name[0] == 46 && name[1] == 46) }

    func withName<R>(_ body: (RawSpan) -> R) -> R {
        // Safe: the buffer outlives the entry, see `SystemCall.entries`.
        body(unsafe UnsafeRawBufferPointer(start: name, count: count).bytes)
    }

    func find(in directory: FileDescriptor) throws(Errno) -> FileDescriptor {
        try unsafe SystemCall.find(name, in: directory)
    }

    func handle(in directory: FileDescriptor) throws(Errno) -> (handle: InodeHandle, mountID: Int32) {
        try unsafe SystemCall.handle(name, in: directory)
    }

    func status(in directory: FileDescriptor) throws(Errno) -> stat { try unsafe SystemCall.status(name, in: directory) }
}

extension SystemCall {
    /// Reads entries from where the descriptor stands, as many as go into `capacity` bytes, and hands out one after the
    /// other until `body` wants no more.
    /// - Returns: the place behind the last entry that was read, handed out or not: where the descriptor stands now. nil
    ///   at the end of the directory.
    static func entries(
        of directory: FileDescriptor, capacity: Int, _ body: (SourceEntry) -> Bool
    ) throws(Errno) -> UInt64? {
        var failure: Errno?
        // A longest entry takes 280 bytes; 64 KiB is what glibc reads at once at most.
        let capacity = min(max(capacity, 512), ScratchBuffers.size)
        let position: UInt64?? = unsafe ScratchBuffers.withBuffer(byteCount: capacity) { buffer in
            let count = unsafe outcome(clinux_getdents64(directory.rawValue, buffer.baseAddress, buffer.count))
            guard count > 0 else {
                if count < 0 { failure = Errno(rawValue: Int32(truncatingIfNeeded: -count)) }
                return nil
            }
            var offset = 0
            var wanted = true
            var last: UInt64 = 0
            // The kernel wrote whole records; what contradicts that ends the reading.
            while offset &+ 20 <= count {
                let length = Int(unsafe buffer.loadUnaligned(fromByteOffset: offset &+ 16, as: UInt16.self))
                guard length >= 20, offset &+ length <= count else { break }
                let entry = unsafe SourceEntry(UnsafeRawBufferPointer(rebasing: buffer[offset..<(offset &+ length)]))
                if wanted { wanted = body(entry) }
                last = entry.next.rawValue
                offset &+= length
            }
            return last
        }
        if let failure { throw failure }
        guard let position else { throw .noMemory }
        return position
    }
}
