// SPDX-License-Identifier: MIT

import Glibc
public import SystemPackage

/// What a kernel keeps for a backing id: the file, whatever becomes of the descriptor that it was registered by.
///
/// A kernel holds the `struct file`. Here a duplicate of the descriptor does: it refers to the same open file, `O_PATH`
/// ones included, and is closed when the last owner goes. Or, for more files than there can be descriptors, the file's
/// handle: then a file that is removed meanwhile is gone.
public struct HeldFile: ~Copyable, Sendable {
    private enum Hold {
        case descriptor(FileDescriptor)
        case handle(HeldHandle, mount: FileDescriptor)
    }

    private let hold: Hold
    /// Which file it is.
    public let inode: Inode
    public let device: DeviceID

    /// The duplicate, where it is held by one.
    public var descriptor: FileDescriptor? { if case .descriptor(let descriptor) = hold { descriptor } else { nil } }

    /// - Parameter mount: a descriptor of anything on the mount that the file is on, which outlives this; the file is then held
    ///   by its handle. It takes CAP_DAC_READ_SEARCH.
    /// - Throws: what BACKING_OPEN answers for this descriptor. `.badFileDescriptor`: it is not open; `.isDirectory`;
    ///   `.invalidArgument`: it is not a regular file; `.noMemory`: no descriptor is left for the duplicate, which a
    ///   kernel would not need.
    init(holding descriptor: FileDescriptor, on mount: FileDescriptor? = nil) throws(Errno) {
        let status = try Stat(descriptor)
        switch status.type {
        case .regular: break
        case .directory: throw .isDirectory
        default: throw .invalidArgument
        }
        if let mount {
            hold = .handle(try HeldHandle(of: descriptor), mount: mount)
        } else {
            let duplicate = fcntl(descriptor.rawValue, F_DUPFD_CLOEXEC, 0)
            guard duplicate >= 0 else { throw .noMemory }
            hold = .descriptor(FileDescriptor(rawValue: duplicate))
        }
        inode = status.inode
        device = status.deviceID
    }

    /// Opens it anew, as the kernel does it by its path: with flags of its own, also where the descriptor was opened for naming
    /// the file alone. Nil where that fails.
    func open(_ flags: Int32) -> FileDescriptor? {
        switch hold {
        case .descriptor(let descriptor): reopen(descriptor, flags)
        case .handle(let handle, let mount): handle.open(flags, on: mount)
        }
    }

    // An error of close() is nobody's here, as it would be in a kernel.
    deinit { if case .descriptor(let descriptor) = hold { try? descriptor.close() } }
}
