// SPDX-License-Identifier: MIT
//
// A worker's way to the simulated kernel. What is in hand belongs to the thread that uses the lane; everything that
// others see goes through the kernel, which has a lock of its own.

public import FUSE
import FUSEWire
public import SystemPackage

/// A way to a simulated kernel, as a descriptor of `/dev/fuse` is one to a real kernel.
@safe
public final class SimulatedLane: Lane, @unchecked Sendable {
    private let kernel: SimulatedKernel
    private var request: [UInt8] = []
    private var bodyCount = 0
    private let room: UnsafeMutableRawBufferPointer

    init(_ kernel: SimulatedKernel) {
        self.kernel = kernel
        // More than any request asks for, so that a server which sends too much is found out by the kernel.
        unsafe room = .allocate(byteCount: kernel.options.maximumWrite + 65536, alignment: 4096)
    }

    deinit { unsafe room.deallocate() }

    public func receive() throws(Errno) -> Bool {
        guard let message = kernel.nextMessage(for: self) else { return false }
        request = message
        bodyCount = 0
        return true
    }

    public func withRequest(_ body: (borrowing ReceivedRequest, inout OutputRawSpan) -> Disposition) -> Disposition {
        // Safe: the room is this lane's and outlives the span; one thread at a time uses a lane.
        var output = unsafe OutputRawSpan(buffer: room, initializedCount: 0)
        let disposition = request.lend { body(ReceivedRequest(contiguous: $0), &output) }
        bodyCount = unsafe output.finalize(for: room)
        return disposition
    }

    public func withReplyBody(_ body: (RawSpan) -> Void) {
        // Safe: so many bytes were written by the last withRequest.
        body(unsafe RawSpan(_unsafeStart: room.baseAddress.unsafelyUnwrapped, byteCount: bodyCount))
    }

    public func withReceived(_ body: (borrowing ReceivedRequest) -> Void) {
        request.lend { body(ReceivedRequest(contiguous: $0)) }
    }

    public func reply(error: Errno?) throws(Errno) {
        let unique = request.structure(InHeader.self)?.unique ?? 0
        var body: [UInt8] = []
        if error == nil { withReplyBody { body = [UInt8]($0) } }
        try send(error: error.map { -$0.rawValue } ?? 0, unique: unique, body)
    }

    public func reply(to request: RequestID, error: Errno?, body: RawSpan) throws(Errno) {
        try send(error: error.map { -$0.rawValue } ?? 0, unique: request.rawValue, [UInt8](body))
    }

    private func send(error: Int32, unique: UInt64, _ body: [UInt8]) throws(Errno) {
        var message: [UInt8] = []
        message.put(OutHeader(len: UInt32(OutHeader.wireSize + body.count), error: error, unique: unique))
        try write(message + body)
    }

    /// The request in hand as it came: header, structure, payload.
    public var received: [UInt8] { request }

    /// What `write(2)` on `/dev/fuse` does with any bytes: takes them for a reply or a notification, or refuses them.
    ///
    /// - Throws: `.invalidArgument`: a header that is cut short or lies about the length, an error outside -511...0, a reply
    ///   of the wrong size or an error with a body (whose caller then gets EIO), a notification that makes no sense.
    ///   `.noSuchFileOrDirectory`: nobody waits for this reply here, as for none once the connection is over, or the
    ///   notification is about something that is not known. Source: `fuse_dev_do_write` in Linux.
    public func write(_ message: [UInt8]) throws(Errno) { try kernel.take(message, from: self) }
}
