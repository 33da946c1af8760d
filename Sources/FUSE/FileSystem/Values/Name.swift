// SPDX-License-Identifier: MIT

/// One component of a path (or the name of an extended attribute, or a symbolic link's target), as a view of the
/// request: it cannot outlive the call that it was handed to. Copy it with ``string`` to keep it.
///
/// Names are bytes, not text: whatever a user of the mount wrote, without a NUL. Names of directory entries are never
/// empty, hold no `/`, and are neither `.` nor `..`: the session refuses such requests before a filesystem sees them.
public struct Name: ~Escapable {
    /// The name and its terminating NUL.
    @usableFromInline let terminated: RawSpan

    /// Takes bytes that end with their only NUL.
    @_lifetime(copy terminated)
    @usableFromInline
    init(terminated: RawSpan) { self.terminated = terminated }

    /// The name's bytes, without the terminating NUL.
    @inlinable public var bytes: RawSpan {
        @_lifetime(copy self) get { terminated.extracting(droppingLast: 1) }
    }

    /// How many bytes the name has.
    @inlinable public var count: Int { terminated.byteCount &- 1 }

    /// Whether bytes, without a NUL, are `.` or `..`.
    static func isDots(_ bytes: RawSpan) -> Bool {
        // Safe: only read, within the call.
        unsafe bytes.withUnsafeBytes { unsafe (1...2).contains($0.count) && $0.allSatisfy { $0 == UInt8(ascii: ".") } }
    }

    /// Whether a directory entry can have this name.
    var isEntryName: Bool {
        let bytes = bytes
        if count == 0 || Self.isDots(bytes) { return false }
        // Safe: only read, within the call.
        return unsafe bytes.withUnsafeBytes { unsafe !$0.contains(UInt8(ascii: "/")) }
    }

    /// A copy as a string. Bytes that are not UTF-8 become U+FFFD: fit to be shown, not to be opened.
    public var string: String {
        unsafe bytes.withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
    }

    /// Whether the name consists of just these bytes.
    public static func == (name: borrowing Name, text: StaticString) -> Bool {
        let bytes = name.bytes
        // Safe: a static string's UTF-8 lives for ever, and the buffer is only read within the call.
        return unsafe bytes.withUnsafeBytes { name in
            unsafe name.elementsEqual(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
        }
    }

    /// Whether the name consists of just this text's UTF-8.
    @_disfavoredOverload
    public static func == (name: borrowing Name, text: some StringProtocol) -> Bool {
        let bytes = name.bytes
        return unsafe bytes.withUnsafeBytes { unsafe $0.elementsEqual(text.utf8) }
    }

    /// Lends the name as a C string, without a copy. The pointer is valid within `body` alone.
    @inlinable
    public func withCString<R, E: Error>(_ body: (UnsafePointer<CChar>) throws(E) -> R) throws(E) -> R {
        // Safe: the view ends with a NUL, and is never empty for that reason.
        try unsafe terminated.withUnsafeBytes { buffer throws(E) in
            try unsafe body(buffer.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: CChar.self))
        }
    }
}
