// SPDX-License-Identifier: MIT
//
// The memory for one exchange whose messages are in one piece. It is one private mapping, touched only as far as messages reach:
//
//     request (capacity) | one page, the reply's header at its very end | reply body (capacity)
//
// so that a reply leaves in one piece by one write(2), and its body starts on a page boundary, as a READ with O_DIRECT
// from the source wants it.
//
// Shared state: `isInUse` says whose the rest is. The thread of the channel sets it, when it has a request; whoever commits the
// exchange clears it, releasing, when he is done with the memory. The channel's next look acquires. A channel that finds its slot
// in use, because a reply is deferred, takes another one, and leaves that to the owner of the exchange.

import FUSEWire
import Glibc
import Synchronization
public import SystemPackage

/// A slot for messages in one piece, as they come by `/dev/fuse`.
@safe public final class MessageSlot: ExchangeSlot, @unchecked Sendable {
    private let start: UnsafeMutableRawPointer
    private let capacity: Int
    private let send: @Sendable (RawSpan) throws(Errno) -> Void
    private let use = Atomic(false)
    private static let page = 4096

    /// - Parameters:
    ///   - capacity: the largest request, and the largest body of a reply, in bytes.
    ///   - send: sends a reply: header and body. Throws what the kernel refuses it with.
    /// - Throws: ENOMEM.
    public init(capacity: Int, send: @escaping @Sendable (RawSpan) throws(Errno) -> Void) throws(Errno) {
        let capacity = (capacity + Self.page - 1) / Self.page * Self.page
        // Safe: a fresh mapping that this object alone owns, until deinit.
        guard
            let memory = unsafe mmap(
                nil, 2 * capacity + Self.page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0),
            unsafe memory != MAP_FAILED
        else { throw Errno(rawValue: errno) }
        unsafe start = memory
        self.capacity = capacity
        self.send = send
        super.init()
    }

    deinit { unsafe munmap(start, 2 * capacity + Self.page) }

    /// A request in it is not yet answered.
    public var isInUse: Bool { use.load(ordering: .acquiring) }

    /// Where a request is read into, while the slot is not in use.
    var room: UnsafeMutableRawBufferPointer { unsafe UnsafeMutableRawBufferPointer(start: start, count: capacity) }

    private var body: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(start: start + capacity + Self.page, count: capacity)
    }

    /// The exchange of a request of so many bytes, which has been read into the slot's room.
    static func exchange(_ slot: consuming MessageSlot, _ byteCount: Int) -> Exchange {
        // Safe: both lie in its mapping, apart, and the exchange holds the slot.
        slot.memory = unsafe ExchangeMemory(message: UnsafeRawBufferPointer(start: slot.start, count: byteCount), reply: slot.body)
        slot.use.store(true, ordering: .relaxed)
        return Exchange(slot)
    }

    /// The exchange of a request that is copied in, for who makes one. Of one that is too long the rest is left out.
    public func exchange(_ request: RawSpan) -> Exchange {
        let count = min(request.byteCount, capacity)
        // Safe: so many bytes are there on both sides.
        unsafe request.withUnsafeBytes { unsafe room.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        return Self.exchange(self, count)
    }

    public override func commit(_ reply: Reply) throws(Errno) {
        switch reply {
        case .body(let byteCount): try send(OutHeader(len: 0, error: 0, unique: memory.unique), min(byteCount, capacity))
        case .error(let error): try send(OutHeader(len: 0, error: -error.rawValue, unique: memory.unique), 0)
        case .none: break
        }
        use.store(false, ordering: .releasing)
    }

    /// Puts the header in front of the body, and sends both.
    private func send(_ header: OutHeader, _ bodyCount: Int) throws(Errno) {
        var header = header
        header.len = UInt32(truncatingIfNeeded: OutHeader.wireSize &+ bodyCount)
        // Safe: the header lies in the page before the body, 16 bytes before its end; what of the body counts has been written.
        let message = unsafe start + capacity + Self.page - OutHeader.wireSize
        unsafe message.storeBytes(of: header, as: OutHeader.self)
        try send(unsafe RawSpan(_unsafeStart: message, byteCount: OutHeader.wireSize &+ bodyCount))
    }

    /// Its pages go back to the system, unless it is in use.
    func giveBackMemory() {
        // Safe: the mapping is this object's alone, and nothing of the last exchange is wanted any more.
        if !isInUse { _ = unsafe madvise(start, 2 * capacity + Self.page, MADV_DONTNEED) }
    }
}
