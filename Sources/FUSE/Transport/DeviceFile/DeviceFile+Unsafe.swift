// SPDX-License-Identifier: MIT

import CLinux
public import FUSEWire
import Glibc
public import SystemPackage

extension DeviceFile {
    /// Opens `/dev/fuse`. Throws ENOENT without the module `fuse`, EACCES where its mode forbids, ENODEV or ENXIO where
    /// the node has no driver.
    public static func open() throws(Errno) -> FileDescriptor {
        // Safe: a literal, NUL-terminated.
        try FileDescriptor(rawValue: unsafe SystemCall.result(clinux_openat(Int32(CLINUX_AT_FDCWD), "/dev/fuse", 2 | Int32(CLINUX_O_CLOEXEC), 0)))
    }

    /// Whether the connection lives: it is neither unmounted nor aborted. Source: `fuse_dev_poll` in Linux.
    var isConnected: Bool { isConnected(after: 0) }

    /// The same after so many milliseconds, or as soon as it is not.
    func isConnected(after milliseconds: Int32) -> Bool {
        var polls = pollfd(fd: descriptor.rawValue, events: 0, revents: 0)
        // Safe: the structure is lent for the call.
        while unsafe poll(&polls, 1, milliseconds) < 0 { guard errno == EINTR else { return false } }
        return polls.revents & Int16(POLLERR) == 0
    }

    /// Makes `clone` a second descriptor of this connection. C counterpart: the ioctl `FUSE_DEV_IOC_CLONE`.
    func cloneConnection(to clone: FileDescriptor) throws(Errno) {
        var source = UInt32(bitPattern: descriptor.rawValue)
        // Safe: the kernel reads the four bytes within the call.
        _ = try unsafe SystemCall.result(clinux_ioctl(clone.rawValue, DeviceIoctl.clone, &source))
    }

    public func openBacking(_ map: BackingMap) throws(Errno) -> BackingID {
        var map = map
        // Safe: the kernel reads the 16 bytes within the call.
        return BackingID(rawValue: try unsafe SystemCall.result(clinux_ioctl(descriptor.rawValue, DeviceIoctl.backingOpen, &map)))
    }

    public func notify(_ code: NotifyCode, _ body: RawSpan) throws(Errno) {
        try descriptor.sendMessage(OutHeader(len: 0, error: code.rawValue, unique: 0), body)
    }

    public func closeBacking(_ id: BackingID) throws(Errno) {
        var id = UInt32(bitPattern: id.rawValue)
        // Safe: the kernel reads the four bytes within the call.
        _ = try unsafe SystemCall.result(clinux_ioctl(descriptor.rawValue, DeviceIoctl.backingClose, &id))
    }
}

extension FileDescriptor {
    /// Writes a message to `/dev/fuse` in one call, its length filled in. Any thread may: the kernel takes a message
    /// whole.
    func sendMessage(_ header: OutHeader, _ body: RawSpan) throws(Errno) {
        var header = header
        header.len = UInt32(truncatingIfNeeded: OutHeader.wireSize &+ body.byteCount)
        // Safe: both parts are lent for the call, which only reads them.
        let failure: Errno? = unsafe body.withUnsafeBytes { body in
            unsafe withUnsafeMutableBytes(of: &header) { header in
                var parts: InlineArray<2, iovec> = [
                    unsafe iovec(iov_base: header.baseAddress, iov_len: header.count),
                    unsafe iovec(iov_base: UnsafeMutableRawPointer(mutating: body.baseAddress), iov_len: body.count),
                ]
                let count = unsafe body.isEmpty ? 1 : 2 as Int32
                return unsafe withUnsafeBytes(of: &parts) { parts in
                    let first = unsafe parts.assumingMemoryBound(to: iovec.self).baseAddress
                    while unsafe writev(rawValue, first, count) < 0 {
                        guard errno == EINTR else { return Errno(rawValue: errno) }
                    }
                    return nil
                }
            }
        }
        if let failure { throw failure }
    }
}
