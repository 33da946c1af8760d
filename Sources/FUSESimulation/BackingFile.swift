// SPDX-License-Identifier: MIT

import Glibc
public import SystemPackage

/// What a kernel keeps for a backing id: the file, whatever becomes of the descriptor that it was registered by.
///
/// A kernel holds the `struct file`. Here a duplicate of the descriptor does: it refers to the same open file, `O_PATH`
/// ones included, and is closed when the last owner goes.
public struct BackingFile: ~Copyable, Sendable {
    public let descriptor: FileDescriptor
    /// Which file it is.
    public let inode: Inode
    public let device: DeviceID

    /// - Throws: what BACKING_OPEN answers for this descriptor. `.badFileDescriptor`: it is not open; `.isDirectory`;
    ///   `.invalidArgument`: it is not a regular file; `.noMemory`: no descriptor is left for the duplicate, which a
    ///   kernel would not need.
    init(duplicating descriptor: FileDescriptor) throws(Errno) {
        let duplicate = fcntl(descriptor.rawValue, F_DUPFD_CLOEXEC, 0)
        guard duplicate >= 0 else {
            throw Glibc.errno == EBADF ? .badFileDescriptor : .noMemory
        }
        let copy = FileDescriptor(rawValue: duplicate)
        let failure: Errno
        do {
            let status = try Stat(copy)
            switch status.type {
            case .regular:
                self.descriptor = copy
                inode = status.inode
                device = status.deviceID
                return
            case .directory: failure = .isDirectory
            default: failure = .invalidArgument
            }
        } catch {
            failure = error
        }
        try? copy.close()
        throw failure
    }

    // An error of close() is nobody's here, as it would be in a kernel.
    deinit { try? descriptor.close() }
}
