// SPDX-License-Identifier: MIT
//
// Where the parts of an exchange lie. The pointers are the transport's, who promises that they are good, and nobody else's,
// from `receive()` until the exchange is committed; they leave this file only as spans that cannot outlive the exchange.

import FUSEWire

/// The memory of one exchange.
@safe public struct ExchangeMemory: @unchecked Sendable {
    /// All three are the whole message where that is in one piece.
    private let header: UnsafeRawBufferPointer
    private let operation: UnsafeRawBufferPointer
    private let payload: UnsafeRawBufferPointer
    private let isContiguous: Bool
    private let reply: UnsafeMutableRawBufferPointer

    /// None yet: an empty request, and no room.
    public init() {
        unsafe (header, operation, payload) = (.init(start: nil, count: 0), .init(start: nil, count: 0), .init(start: nil, count: 0))
        unsafe reply = .init(start: nil, count: 0)
        isContiguous = true
    }

    /// Of a message in one piece.
    @unsafe public init(message: UnsafeRawBufferPointer, reply: UnsafeMutableRawBufferPointer) {
        unsafe (header, operation, payload) = (message, message, message)
        isContiguous = true
        unsafe self.reply = reply
    }

    /// Of a message whose parts lie apart. None of them may overlap `reply`: the filesystem reads the one while it writes the
    /// other.
    @unsafe public init(
        header: UnsafeRawBufferPointer, operation: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer,
        reply: UnsafeMutableRawBufferPointer
    ) {
        unsafe (self.header, self.operation, self.payload) = (header, operation, payload)
        isContiguous = false
        unsafe self.reply = reply
    }

    /// The name of the request; 0 of one that is cut short.
    var unique: UInt64 {
        // Safe: the field lies within the header, whose first bytes these are.
        unsafe header.count >= InHeader.wireSize ? header.loadUnaligned(fromByteOffset: 8, as: UInt64.self) : 0
    }

    var request: ReceivedRequest {
        // Safe: the spans are copied from pointers that are good as long as this value may be used.
        @_lifetime(borrow self) get {
            let request = unsafe ReceivedRequest(
                header: RawSpan(_unsafeBytes: header), operation: RawSpan(_unsafeBytes: operation),
                payload: RawSpan(_unsafeBytes: payload), isContiguous: isContiguous)
            return unsafe _overrideLifetime(request, borrowing: self)
        }
    }

    var room: UnsafeMutableRawBufferPointer { unsafe reply }

    /// What has been written to the room, so many bytes of it.
    @_lifetime(borrow self)
    func body(_ byteCount: Int) -> RawSpan {
        let body = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: reply[..<min(byteCount, reply.count)]))
        return unsafe _overrideLifetime(body, borrowing: self)
    }
}

extension Exchange {
    // Safe, all three: the pointers are good until the commit, which consumes the exchange that the spans borrow.

    /// The request as it came.
    public var request: ReceivedRequest {
        @_lifetime(borrow self) get {
            let memory = slot.memory
            return unsafe _overrideLifetime(memory.request, borrowing: self)
        }
    }

    /// The room for the body of the reply, empty. Each call starts anew.
    var room: OutputRawSpan {
        @_lifetime(borrow self) get {
            let room = unsafe OutputRawSpan(buffer: slot.memory.room, initializedCount: 0)
            return unsafe _overrideLifetime(room, borrowing: self)
        }
    }

    /// What has been written to the room, so many bytes of it.
    @_lifetime(borrow self)
    public func body(_ byteCount: Int) -> RawSpan {
        let memory = slot.memory
        return unsafe _overrideLifetime(memory.body(byteCount), borrowing: self)
    }
}
