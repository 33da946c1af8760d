// SPDX-License-Identifier: MIT

import CLinux
import FUSEWire
import Glibc
public import SystemPackage

/// A thread's descriptor of `/dev/fuse`. One thread at a time receives by it.
public final class DeviceFileChannel: Channel, @unchecked Sendable {
    private let clone: DeviceFileClone
    private var slot: MessageSlot

    init(_ clone: DeviceFileClone) throws(Errno) {
        self.clone = clone
        slot = try clone.makeSlot()
    }

    public func receive() throws(Errno) -> Exchange? {
        if slot.isInUse { slot = try clone.makeSlot() }
        while true {
            // Safe: the room is the slot's, which is not in use.
            let count = unsafe read(clone.descriptor.rawValue, slot.room.baseAddress, slot.room.count)
            if count >= 0 { return MessageSlot.exchange(slot, count) }
            switch errno {
            case EINTR, EAGAIN, ENOENT: continue  // ENOENT: the request was withdrawn while it was being read
            case ENODEV, ECONNABORTED: return nil
            default: throw Errno(rawValue: errno)
            }
        }
    }

    public func giveBackMemory() { slot.giveBackMemory() }

    /// An INTERRUPT has its request's name and bit 0. Source: FUSE_INT_REQ_BIT in `fs/fuse/dev.c`.
    public func repeatInterrupt(of request: RequestID) -> Bool {
        let header = OutHeader(len: 0, error: -Errno.resourceTemporarilyUnavailable.rawValue, unique: request.rawValue | 1)
        return (try? clone.descriptor.sendMessage(header, RawSpan())) != nil
    }
}

/// A descriptor of the connection: the mounted one, or a clone. It is open for as long as a request may be unanswered that came
/// by it: when the last reference to a clone goes, those fail with ECONNABORTED.
final class DeviceFileClone: Sendable {
    let descriptor: FileDescriptor
    /// Keeps the mounted descriptor open.
    private let device: DeviceFile
    private let isOwned: Bool

    init(_ device: DeviceFile, _ descriptor: FileDescriptor, isOwned: Bool) {
        self.device = device
        self.descriptor = descriptor
        self.isOwned = isOwned
    }

    deinit { if isOwned { try? descriptor.close() } }

    func makeSlot() throws(Errno) -> MessageSlot {
        try MessageSlot(capacity: device.messageSize) { [self] (message) throws(Errno) in try write(message) }
    }

    /// A reply goes out by the descriptor that its request came in by.
    private func write(_ message: RawSpan) throws(Errno) {
        // Safe: lent for the call, which only reads it.
        while unsafe message.withUnsafeBytes({ unsafe Glibc.write(descriptor.rawValue, $0.baseAddress, $0.count) }) < 0 {
            guard errno == EINTR else { throw Errno(rawValue: errno) }
        }
    }
}
