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
    private let memory: UnsafeMutableRawPointer
    private let capacity: Int
    private let send: @Sendable (RawSpan) throws(Errno) -> Void
    private let use = Atomic(false)
    private var unique: UInt64 = 0
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
        unsafe self.memory = memory
        self.capacity = capacity
        self.send = send
    }

    deinit { unsafe munmap(memory, 2 * capacity + Self.page) }

    /// A request in it is not yet answered.
    public var isInUse: Bool { use.load(ordering: .acquiring) }

    /// Where a request is read into, while the slot is not in use.
    var room: UnsafeMutableRawBufferPointer { unsafe UnsafeMutableRawBufferPointer(start: memory, count: capacity) }

    private var body: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(start: memory + capacity + Self.page, count: capacity)
    }

    /// The exchange of a request of so many bytes, which has been read into the room.
    func exchange(_ byteCount: Int) -> Exchange {
        // Safe: both lie in this mapping, apart, and the exchange holds this slot.
        let memory = unsafe ExchangeMemory(message: UnsafeRawBufferPointer(rebasing: room[..<byteCount]), reply: body)
        unique = memory.request.decodedHeader?.unique ?? 0
        use.store(true, ordering: .relaxed)
        return Exchange(memory, self)
    }

    /// The exchange of a request that is copied in, for who makes one. Of one that is too long the rest is left out.
    public func exchange(_ request: RawSpan) -> Exchange {
        let count = min(request.byteCount, capacity)
        // Safe: so many bytes are there on both sides.
        unsafe request.withUnsafeBytes { unsafe room.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[..<count])) }
        return exchange(count)
    }

    public func commit(_ reply: Reply) throws(Errno) {
        switch reply {
        case .body(let byteCount): try send(OutHeader(len: 0, error: 0, unique: unique), min(byteCount, capacity))
        case .error(let error): try send(OutHeader(len: 0, error: -error.rawValue, unique: unique), 0)
        case .none: break
        }
        use.store(false, ordering: .releasing)
    }

    /// Puts the header in front of the body, and sends both.
    private func send(_ header: OutHeader, _ bodyCount: Int) throws(Errno) {
        var header = header
        header.len = UInt32(truncatingIfNeeded: OutHeader.wireSize &+ bodyCount)
        // Safe: the header lies in the page before the body, 16 bytes before its end; what of the body counts has been written.
        let start = unsafe memory + capacity + Self.page - OutHeader.wireSize
        unsafe start.storeBytes(of: header, as: OutHeader.self)
        try send(unsafe RawSpan(_unsafeStart: start, byteCount: OutHeader.wireSize &+ bodyCount))
    }

    /// Its pages go back to the system, unless it is in use.
    func giveBackMemory() {
        // Safe: the mapping is this object's alone, and nothing of the last exchange is wanted any more.
        if !isInUse { _ = unsafe madvise(memory, 2 * capacity + Self.page, MADV_DONTNEED) }
    }
}
