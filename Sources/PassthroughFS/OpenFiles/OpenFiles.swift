// SPDX-License-Identifier: MIT

import FUSE
import Synchronization
import SystemPackage

// The files and directories that users have open through the mount, by descriptor number.
//
// Life of a record: free -> open -> free, with the tag stepped. A descriptor's number belongs to the thread that got it
// from the kernel until it is put here, and to the thread that took it out again until it is closed; so two threads
// never write one record at a time, except for two releases of one handle, of which the exchange lets one through.
// The kernel sends the release when the last reference to the open file is gone, which each request on it holds: no
// request uses a descriptor that is being closed. A handle from before is told by its tag: EBADF.
//
// Memory orders: a handle reaches another thread through the kernel, which orders everything before it; acquire and
// release on the state say so without it.

/// What is kept of an open file: plain data, all zeros where there is none.
struct OpenFileRecord: ~Copyable {
    /// Tag (upper half) and kind (lower half).
    let state: Atomic<UInt64>
    /// Of a directory: the position that its descriptor has, or ``OpenFiles/busy``.
    let position: Atomic<UInt64>
}

/// The open files: a handle is the descriptor's number and a tag, so that a wrong or late handle finds nothing, and
/// all that is left open can be closed in the end.
///
/// Limits: 2^24 descriptors; EMFILE beyond.
final class OpenFiles: Sendable {
    enum Kind: UInt64 {
        case file = 1
        case directory = 2
    }

    /// Whoever put it there uses the descriptor's position.
    static let busy: UInt64 = .max
    /// The position is not known: no directory has this one.
    static let unknown: UInt64 = .max - 1

    private let records: MappedArray<OpenFileRecord>
    /// One more than the highest number ever put.
    private let end = Atomic<Int>(0)

    init() throws(Errno) { records = try MappedArray(count: 1 << 24, least: 1 << 16) }

    deinit { closeAll() }

    /// Takes over a descriptor. On failure it is closed.
    func insert(_ descriptor: FileDescriptor, _ kind: Kind) throws(Errno) -> FileHandle {
        let index = Int(descriptor.rawValue)
        guard index >= 0, index < records.count else {
            SystemCall.close(descriptor)
            throw .tooManyOpenFiles
        }
        if index >= end.load(ordering: .relaxed) { end.max(index &+ 1, ordering: .relaxed) }
        let tag = (records[index].state.load(ordering: .relaxed) >> 32 &+ 1) & 0xffff_ffff
        records[index].position.store(0, ordering: .relaxed)
        records[index].state.store(tag << 32 | kind.rawValue, ordering: .releasing)
        return FileHandle(rawValue: tag << 32 | UInt64(index))
    }

    /// The descriptor behind a handle. Throws EBADF.
    func descriptor(_ handle: FileHandle, _ kind: Kind) throws(Errno) -> FileDescriptor {
        let index = Int(handle.rawValue & 0xffff_ffff)
        guard index < records.count,
            records[index].state.load(ordering: .acquiring) == handle.rawValue & ~0xffff_ffff | kind.rawValue
        else { throw .badFileDescriptor }
        return FileDescriptor(rawValue: Int32(truncatingIfNeeded: index))
    }

    /// Closes the descriptor behind a handle, once.
    func close(_ handle: FileHandle, _ kind: Kind) {
        let index = Int(handle.rawValue & 0xffff_ffff)
        guard index < records.count else { return }
        let tag = handle.rawValue & ~0xffff_ffff
        let (exchanged, _) = records[index].state.compareExchange(
            expected: tag | kind.rawValue, desired: tag, ordering: .acquiringAndReleasing)
        if exchanged { SystemCall.close(FileDescriptor(rawValue: Int32(truncatingIfNeeded: index))) }
    }

    /// Takes the position of an open directory for a while; nil where another thread has it.
    func takePosition(of descriptor: FileDescriptor) -> UInt64? {
        let old = records[Int(descriptor.rawValue)].position.exchange(OpenFiles.busy, ordering: .acquiring)
        return old == OpenFiles.busy ? nil : old
    }

    /// Gives it back, as it is now.
    func returnPosition(_ position: UInt64, of descriptor: FileDescriptor) {
        records[Int(descriptor.rawValue)].position.store(position, ordering: .releasing)
    }

    /// Closes what is open. Only when no operation is running.
    func closeAll() {
        for index in 0..<end.load(ordering: .acquiring) {
            let old = records[index].state.load(ordering: .relaxed)
            guard old & 0xffff_ffff != 0 else { continue }
            records[index].state.store(old & ~0xffff_ffff, ordering: .relaxed)
            SystemCall.close(FileDescriptor(rawValue: Int32(truncatingIfNeeded: index)))
        }
    }
}
