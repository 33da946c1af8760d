// SPDX-License-Identifier: MIT
//
// The kernel by `/dev/fuse`.
//
// Every lane but the first reads from a clone of the mounted descriptor: a clone has a queue of its own for requests in
// hand, so that replies of different workers do not meet on one lock. A reply must go out by the descriptor that its
// request came in by. A clone is kept for as long as the device: when its last reference goes, requests that were read
// through it fail.

public import Logging
import Synchronization
public import SystemPackage

/// `/dev/fuse`, opened and mounted.
public final class DeviceFile: Device {
    /// The descriptor that was mounted. Owned by this object.
    public let descriptor: FileDescriptor

    /// The largest message either way, in bytes.
    let bufferSize: Int

    /// The most data that one WRITE or READ carries, in bytes: 256 pages, the kernel's own limit (`max_pages_limit`).
    public static let maximumWrite = 1 << 20

    private let logger: Logger
    private let hasToldOfSharing = Atomic(false)

    /// Takes over a descriptor of `/dev/fuse`: it is closed with the last owner of this object.
    public init(owning descriptor: FileDescriptor, logger: Logger) {
        self.descriptor = descriptor
        self.logger = logger
        bufferSize = Self.maximumWrite + 4096
    }

    deinit { try? descriptor.close() }

    /// Whether `/dev/fuse` is there and open to this user. Throws what stands against it, and what would help.
    public static func check() throws(MountError) {
        let descriptor: FileDescriptor
        do throws(Errno) { descriptor = try Self.open() } catch { throw .device(error) }
        try? descriptor.close()
    }

    /// A lane on a clone of the mounted descriptor. Where none is to be had (no descriptors left, or `/dev/fuse` not
    /// open to this user), a lane on the mounted descriptor itself: that works as well, with more contention, and is
    /// told once.
    public func makeLane() throws(Errno) -> any Lane {
        do throws(Errno) {
            let clone = try Self.open()
            do throws(Errno) {
                try cloneConnection(to: clone)
                return try DeviceFileLane(self, clone, ownsDescriptor: true)
            } catch {
                try? clone.close()
                throw error
            }
        } catch {
            if !hasToldOfSharing.exchange(true, ordering: .relaxed) {
                logger.warning("threads share one descriptor of /dev/fuse: it could not be cloned: \(error)")
            }
            return try firstLane()
        }
    }

    /// The lane of the mounted descriptor: the one by which INIT comes.
    public func firstLane() throws(Errno) -> any Lane {
        try DeviceFileLane(self, descriptor, ownsDescriptor: false)
    }
}
