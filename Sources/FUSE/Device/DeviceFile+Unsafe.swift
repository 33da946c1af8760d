// SPDX-License-Identifier: MIT

import CLinux
public import FUSEWire
public import SystemPackage

extension DeviceFile {
    /// Opens `/dev/fuse`. Throws ENOENT without the module `fuse`, EACCES where its mode forbids, ENODEV or ENXIO where
    /// the node has no driver.
    public static func open() throws(Errno) -> FileDescriptor {
        // Safe: a literal, NUL-terminated.
        try FileDescriptor(rawValue: unsafe call(clinux_openat(Int32(CLINUX_AT_FDCWD), "/dev/fuse", 2 | Int32(CLINUX_O_CLOEXEC), 0)))
    }

    /// Makes `clone` a second descriptor of this connection. C counterpart: the ioctl `FUSE_DEV_IOC_CLONE`.
    func cloneConnection(to clone: FileDescriptor) throws(Errno) {
        var source = UInt32(bitPattern: descriptor.rawValue)
        // Safe: the kernel reads the four bytes within the call.
        _ = try unsafe call(clinux_ioctl(clone.rawValue, DeviceIoctl.clone, &source))
    }

    public func openBacking(_ map: BackingMap) throws(Errno) -> BackingID {
        var map = map
        // Safe: the kernel reads the 16 bytes within the call.
        return BackingID(rawValue: try unsafe call(clinux_ioctl(descriptor.rawValue, DeviceIoctl.backingOpen, &map)))
    }

    public func closeBacking(_ id: BackingID) throws(Errno) {
        var id = UInt32(bitPattern: id.rawValue)
        // Safe: the kernel reads the four bytes within the call.
        _ = try unsafe call(clinux_ioctl(descriptor.rawValue, DeviceIoctl.backingClose, &id))
    }
}
