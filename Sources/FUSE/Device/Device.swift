// SPDX-License-Identifier: MIT

public import FUSEWire
public import SystemPackage

/// The seam to a kernel: `/dev/fuse`, FUSE over io_uring, or a simulated one. A session knows no more of the kernel than
/// this.
///
/// A device is one connection. Requests come by its lanes, of which every worker has one of its own; what is not about
/// a request in hand (the backing files) goes by the device itself, from any thread.
public protocol Device: AnyObject, Sendable {
    /// A further lane for requests. Throws what stood against it; the session then goes on with fewer.
    func makeLane() throws(Errno) -> any Lane

    /// Registers a backing file. C counterpart: the ioctl `FUSE_DEV_IOC_BACKING_OPEN`.
    func openBacking(_ map: BackingMap) throws(Errno) -> BackingID

    /// Takes a registration back. Open files keep the backing file itself. C counterpart: the ioctl
    /// `FUSE_DEV_IOC_BACKING_CLOSE`.
    func closeBacking(_ id: BackingID) throws(Errno)

    /// Tells the kernel something that it did not ask for. `body` is the code's structure and what follows it. Returns
    /// when the kernel has done it, which can take as long as another thread's request. C counterpart: a message whose
    /// `unique` is 0.
    func notify(_ code: NotifyCode, _ body: RawSpan) throws(Errno)
}

/// A worker's way to the kernel: one request at a time, from ``receive()`` to ``reply(error:)``. Used by one
/// thread at a time; it owns the memory of the request and of its reply.
public protocol Lane: AnyObject, Sendable {
    /// Waits for the next request. False: the connection is over (unmounted or aborted).
    func receive() throws(Errno) -> Bool

    /// Lends the request in hand, and the room for the body of its reply. What `body` leaves in the room is what
    /// ``reply(error:)`` sends.
    func withRequest(_ body: (borrowing ReceivedRequest, inout OutputRawSpan) -> Disposition) -> Disposition

    /// Answers the request in hand: with the body left in the room by ``withRequest(_:)``, or with an error alone.
    /// Throws ENOENT where nobody waits any more: the connection was aborted. For a caller that is killed the kernel waits
    /// (`request_wait_answer` in `fs/fuse/dev.c`).
    func reply(error: Errno?) throws(Errno)

    /// Lends the body that was last left in the room.
    func withReplyBody(_ body: (RawSpan) -> Void)

    /// Lends the request in hand once more: also within ``withRequest(_:)``, by the thread that is there.
    func withReceived(_ body: (borrowing ReceivedRequest) -> Void)

    /// Nothing comes by it for a while: what its messages have taken may go back to the system. With no request in hand.
    func giveBackMemory()

    /// Answers a request that came by this lane, with a body of the caller's own. The one method that any thread may
    /// call at any time. Throws as ``reply(error:)`` does.
    func reply(to request: RequestID, error: Errno?, body: RawSpan) throws(Errno)
}

extension Lane {
    public func giveBackMemory() {}
}

/// What becomes of a request.
public enum Disposition: Equatable, Sendable {
    /// Its reply has the body that was written.
    case reply
    /// Its reply is an error.
    case fail(Errno)
    /// It gets none: FORGET and the like.
    case noReply
}

/// A request as a lane got it: in one piece from `/dev/fuse`, in three from io_uring.
public struct ReceivedRequest: ~Escapable {
    let header: RawSpan
    let operation: RawSpan
    let payload: RawSpan
    let isContiguous: Bool

    /// A message in one piece: header, operation structure, payload.
    @_lifetime(copy message)
    public init(contiguous message: RawSpan) {
        header = message
        operation = message
        payload = message
        isContiguous = true
    }

    /// A message whose three parts came apart.
    @_lifetime(copy header, copy operation, copy payload)
    public init(header: RawSpan, operation: RawSpan, payload: RawSpan) {
        self.header = header
        self.operation = operation
        self.payload = payload
        isContiguous = false
    }
}
