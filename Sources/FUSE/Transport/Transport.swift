// SPDX-License-Identifier: MIT

public import FUSEWire
public import SystemPackage

/// A connection to a kernel: by `/dev/fuse`, by io_uring, or to a simulated one. A session knows no more of the kernel than
/// this, and does not ask which of them it is.
///
/// Requests come by its channels, of which each thread has one of its own. What is not the reply to a request (backing files,
/// notifications) goes by the transport itself, from any thread.
public protocol Transport: AnyObject, Sendable {
    /// What it is, in a word.
    var name: String { get }

    /// How many requests the kernel can hand over without waiting for a reply: entries of io_uring. 0 where there is no such bound.
    var entryCount: Int { get }

    /// What it asks the kernel for at INIT.
    var wishes: Capabilities { get }

    /// INIT is answered: what both sides have agreed on, and the most data in a message. Before any channel is made.
    func agreed(on capabilities: Capabilities, maxWrite: Int)

    /// How many queues requests come by. A request that waits in one waits for a thread that serves that one: each has to have
    /// one at any time.
    var queueCount: Int { get }

    /// A further channel for requests. Throws what stood against it; the session then goes on with fewer.
    func makeChannel() throws(Errno) -> any Channel

    /// A further channel for the requests of a queue, numbered from 0. It may come to serve another one, see ``Channel/queue``.
    func makeChannel(in queue: Int) throws(Errno) -> any Channel

    /// Not even one thread could be had for a queue.
    func lacksThread(in queue: Int, _ error: Errno)

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

extension Transport {
    public var name: String { "\(Self.self)" }
    public var entryCount: Int { 0 }
    public var wishes: Capabilities { [] }
    public func agreed(on capabilities: Capabilities, maxWrite: Int) {}
    public var queueCount: Int { 1 }
    public func makeChannel(in queue: Int) throws(Errno) -> any Channel { try makeChannel() }
    public func lacksThread(in queue: Int, _ error: Errno) {}
}

/// A thread's way to the kernel. Used by one thread at a time, but for ``holds(_:)`` and ``repeatInterrupt(of:)``.
public protocol Channel: AnyObject, Sendable {
    /// Waits for the next request. Nil: the connection is over (unmounted or aborted). An exchange that was received before and
    /// is not yet committed, because its reply is deferred, stays as it is.
    func receive() throws(Errno) -> Exchange?

    /// The queue whose requests it receives. It changes within ``takePlace()`` alone.
    var queue: Int { get }

    /// Called by its thread before each ``receive()`` where there is more than one queue: it may move to another one.
    func takePlace() throws(Errno)

    /// Its thread may end: others can receive all that would come by it.
    var mayLeave: Bool { get }

    /// Whether a request has come by it and is not answered, be it that its thread has not looked yet; false where it cannot say.
    /// Any thread may ask, at any time.
    func holds(_ request: RequestID) -> Bool

    /// Nothing comes by it for a while: what its messages have taken may go back to the system. With no request in hand.
    func giveBackMemory()

    /// Has the kernel send the INTERRUPT of a request again if that came by this channel and is not answered. False: it did not
    /// come by this one, or is answered, or this is no transport that can say so. Any thread may call it, at any time.
    /// Source: `fuse_dev_do_write`, where an INTERRUPT is answered with EAGAIN.
    func repeatInterrupt(of request: RequestID) -> Bool
}

extension Channel {
    public var queue: Int { 0 }
    public func takePlace() {}
    public var mayLeave: Bool { true }
    public func holds(_ request: RequestID) -> Bool { false }
    public func giveBackMemory() {}
    public func repeatInterrupt(of request: RequestID) -> Bool { false }
}
