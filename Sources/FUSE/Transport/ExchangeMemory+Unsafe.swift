// SPDX-License-Identifier: MIT
//
// Where the parts of an exchange lie. The pointers are the transport's, who promises that they are good, and nobody else's,
// from `receive()` until the exchange is committed; they leave this file only as spans that cannot outlive the exchange.

/// The memory of one exchange.
@safe public struct ExchangeMemory: @unchecked Sendable {
    /// All three are the whole message where that is in one piece.
    private let header: UnsafeRawBufferPointer
    private let operation: UnsafeRawBufferPointer
    private let payload: UnsafeRawBufferPointer
    private let isContiguous: Bool
    private let reply: UnsafeMutableRawBufferPointer

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

    // Safe, all three: the pointers are good until the commit, which consumes the exchange that the spans borrow.

    var request: ReceivedRequest {
        @_lifetime(borrow self) get {
            let request = unsafe ReceivedRequest(
                header: RawSpan(_unsafeBytes: header), operation: RawSpan(_unsafeBytes: operation),
                payload: RawSpan(_unsafeBytes: payload), isContiguous: isContiguous)
            return unsafe _overrideLifetime(request, borrowing: self)
        }
    }

    var room: OutputRawSpan {
        @_lifetime(borrow self) get {
            let room = unsafe OutputRawSpan(buffer: reply, initializedCount: 0)
            return unsafe _overrideLifetime(room, borrowing: self)
        }
    }

    @_lifetime(borrow self)
    func body(_ byteCount: Int) -> RawSpan {
        let body = unsafe RawSpan(_unsafeBytes: UnsafeRawBufferPointer(rebasing: reply[..<min(byteCount, reply.count)]))
        return unsafe _overrideLifetime(body, borrowing: self)
    }
}
