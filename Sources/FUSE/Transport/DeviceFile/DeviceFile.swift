// SPDX-License-Identifier: MIT
//
// The kernel by `/dev/fuse`.
//
// Every channel but the first reads from a clone of the mounted descriptor: a clone has a queue of its own for requests in
// hand, so that replies of different threads do not meet on one lock. A reply must go out by the descriptor that its
// request came in by; when the last reference to a clone goes, requests that were read through it fail.

public import Logging
import Synchronization
public import SystemPackage

/// `/dev/fuse`, opened and mounted.
public final class DeviceFile: Transport {
    /// The descriptor that was mounted. Owned by this object.
    public let descriptor: FileDescriptor

    /// The largest message either way, in bytes.
    let messageSize: Int

    /// The most data that one WRITE or READ carries, in bytes: 256 pages, the kernel's own limit (`max_pages_limit`).
    public static let maximumWrite = 1 << 20

    public let name = "/dev/fuse"

    private let logger: Logger
    private let hasToldOfSharing = Atomic(false)

    /// Takes over a descriptor of `/dev/fuse`: it is closed with the last owner of this object.
    public init(owning descriptor: FileDescriptor, logger: Logger) {
        self.descriptor = descriptor
        self.logger = logger
        messageSize = Self.maximumWrite + 4096
    }

    deinit { try? descriptor.close() }

    /// A channel on a clone of the mounted descriptor. Where none is to be had (no descriptors left, or `/dev/fuse` not
    /// open to this user), a channel on the mounted descriptor itself: that works as well, with more contention, and is
    /// told once.
    public func makeChannel() throws(Errno) -> any Channel {
        let clone: DeviceFileClone
        do throws(Errno) { clone = try makeClone() } catch {
            if !hasToldOfSharing.exchange(true, ordering: .relaxed) {
                logger.warning("threads share one descriptor of /dev/fuse: it could not be cloned: \(error)")
            }
            return try firstChannel()
        }
        return try DeviceFileChannel(clone)
    }

    private func makeClone() throws(Errno) -> DeviceFileClone {
        let clone = DeviceFileClone(self, try Self.open(), isOwned: true)
        try cloneConnection(to: clone.descriptor)
        return clone
    }

    /// The channel of the mounted descriptor: the one by which INIT comes.
    public func firstChannel() throws(Errno) -> any Channel {
        try DeviceFileChannel(DeviceFileClone(self, descriptor, isOwned: false))
    }
}
