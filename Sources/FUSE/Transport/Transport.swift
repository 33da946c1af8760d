// SPDX-License-Identifier: MIT

public import FUSEWire
public import SystemPackage

/// A connection to a kernel: by `/dev/fuse`, by io_uring, or to a simulated one. A session knows no more of the kernel than
/// this, and does not ask which of them it is.
///
/// Requests come by its channels, of which each thread has one of its own. What is not the reply to a request (backing files,
/// notifications) goes by the transport itself, from any thread.
public protocol Transport: AnyObject, Sendable {
    /// A further channel for requests. Throws what stood against it; the session then goes on with fewer.
    func makeChannel() throws(Errno) -> any Channel

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

/// A thread's way to the kernel. Used by one thread at a time, but for ``repeatInterrupt(of:)``.
public protocol Channel: AnyObject, Sendable {
    /// Waits for the next request. Nil: the connection is over (unmounted or aborted). An exchange that was received before and
    /// is not yet committed, because its reply is deferred, stays as it is.
    func receive() throws(Errno) -> Exchange?

    /// Nothing comes by it for a while: what its messages have taken may go back to the system. With no request in hand.
    func giveBackMemory()

    /// Has the kernel send the INTERRUPT of a request again if that came by this channel and is not answered. False: it did not
    /// come by this one, or is answered, or this is no transport that can say so. Any thread may call it, at any time.
    /// Source: `fuse_dev_do_write`, where an INTERRUPT is answered with EAGAIN.
    func repeatInterrupt(of request: RequestID) -> Bool
}

extension Channel {
    public func giveBackMemory() {}
    public func repeatInterrupt(of request: RequestID) -> Bool { false }
}
