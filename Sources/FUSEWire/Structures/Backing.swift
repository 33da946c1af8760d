// SPDX-License-Identifier: MIT

/// The argument of `DeviceIoctl.backingOpen` (7.40). In C: `struct fuse_backing_map`.
public struct BackingMap: WireStruct {
    /// An open descriptor of the backing file.
    public var fd: Int32
    /// `BackingFlags`.
    public var flags: UInt32
    /// The id that the server chooses, with `BackingFlags.serverID`; 0 otherwise. Kernels without server-chosen ids
    /// call this word `padding` and refuse anything but 0.
    public var id: UInt64

    @inlinable
    public init(fd: Int32 = 0, flags: UInt32 = 0, id: UInt64 = 0) {
        self.fd = fd
        self.flags = flags
        self.id = id
    }
}
