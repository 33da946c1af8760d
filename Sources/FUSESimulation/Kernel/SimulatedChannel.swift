// SPDX-License-Identifier: MIT
//
// A thread's way to the simulated kernel. What it has received last belongs to the thread that uses the channel; everything
// that others see goes through the kernel, which has a lock of its own.

public import FUSE
import FUSEWire
public import SystemPackage

/// A way to a simulated kernel, as a descriptor of `/dev/fuse` is one to a real kernel.
public final class SimulatedChannel: Channel, @unchecked Sendable {
    private let kernel: SimulatedKernel
    private var slot: MessageSlot?

    /// The request that was received last, as it came: header, structure, payload.
    public private(set) var received: [UInt8] = []

    init(_ kernel: SimulatedKernel) { self.kernel = kernel }

    public func receive() throws(Errno) -> Exchange? {
        guard let message = receiveMessage() else { return nil }
        let slot: MessageSlot
        if let free = self.slot, !free.isInUse { slot = free } else {
            // More than any request asks for, so that a server which sends too much is found out by the kernel.
            slot = try MessageSlot(capacity: kernel.options.maximumWrite + 65536) { [weak self] (reply) throws(Errno) in
                // The kernel holds it for as long as a request is unanswered that came by it.
                guard let self else { throw .noSuchFileOrDirectory }
                try write([UInt8](reply))
            }
            self.slot = slot
        }
        return message.lend { slot.exchange($0) }
    }

    /// Waits for a request, and leaves its reply to ``write(_:)``. Nil: the connection is over.
    public func receiveMessage() -> [UInt8]? {
        guard let message = kernel.nextMessage(for: self) else { return nil }
        received = message
        return message
    }

    /// What `write(2)` on `/dev/fuse` does with any bytes: takes them for a reply or a notification, or refuses them.
    ///
    /// - Throws: `.invalidArgument`: a header that is cut short or lies about the length, an error outside -511...0, a reply
    ///   of the wrong size or an error with a body (whose caller then gets EIO), a notification that makes no sense.
    ///   `.noSuchFileOrDirectory`: nobody waits for this reply here, as for none once the connection is over, or the
    ///   notification is about something that is not known. Source: `fuse_dev_do_write` in Linux.
    public func write(_ message: [UInt8]) throws(Errno) { try kernel.take(message, from: self) }

    public func repeatInterrupt(of request: RequestID) -> Bool {
        var message: [UInt8] = []
        message.put(OutHeader(
            len: UInt32(OutHeader.wireSize), error: -Errno.resourceTemporarilyUnavailable.rawValue, unique: request.rawValue | 1))
        return (try? write(message)) != nil
    }
}
