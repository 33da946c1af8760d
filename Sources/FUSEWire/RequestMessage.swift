// SPDX-License-Identifier: MIT

/// A request, taken apart: header, the operation's structure, payload (names, data), extensions. Views, no copies.
///
/// Which opcode goes with which structure: see the members of `Opcode`.
public struct RequestMessage: ~Escapable {
    public let header: InHeader
    /// The operation's structure, empty for those that have none.
    public let operation: RawSpan
    /// What follows the structure: names, each with its NUL, and data.
    ///
    /// With `InitFlags.securityCtx` but before 7.38 a creating request's security contexts end it, and an
    /// `ExtensionReader` reads them there; since then they are in `extensions`.
    public let payload: RawSpan
    /// For `ExtensionReader`; empty before 7.38.
    public let extensions: RawSpan

    /// Takes a message apart that lies in one piece, as `/dev/fuse` delivers it.
    ///
    /// Throws `.truncated` where bytes are missing, `.malformed` where the header's lengths contradict the bytes given.
    @inlinable
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan, features: ProtocolFeatures) throws(WireError) {
        let header = try bytes.load(InHeader.self)
        guard header.len >= InHeader.wireSize else { throw .malformed }
        guard header.len <= bytes.byteCount else { throw .truncated }
        guard header.len == bytes.byteCount else { throw .malformed }
        let body = bytes.extracting(droppingFirst: InHeader.wireSize)
        let size = Opcode(rawValue: header.opcode).operationSize(available: body.byteCount, features: features)
        guard body.byteCount >= size else { throw .truncated }
        try self.init(
            header: header, operation: body.extracting(first: size), rest: body.extracting(droppingFirst: size))
    }

    /// Puts a message together from three pieces, as a ring delivers it.
    ///
    /// `operation` may be longer than the structure: a ring's area for it has one size for all. The lengths of the
    /// pieces are the ring's own, so `header.len` does not matter.
    @inlinable
    @_lifetime(copy operation, copy payload)
    public init(
        header: InHeader, operation: RawSpan, payload: RawSpan, features: ProtocolFeatures
    ) throws(WireError) {
        let opcode = Opcode(rawValue: header.opcode)
        let size = opcode.operationSize(available: operation.byteCount, features: features)
        guard operation.byteCount >= size else { throw .truncated }
        try self.init(header: header, operation: operation.extracting(first: size), rest: payload)
    }

    @inlinable
    @_lifetime(copy operation, copy rest)
    init(header: InHeader, operation: RawSpan, rest: RawSpan) throws(WireError) {
        let extensionSize = Int(header.total_extlen) &* 8
        guard extensionSize <= rest.byteCount else { throw .malformed }
        self.header = header
        self.operation = operation
        self.payload = rest.extracting(droppingLast: extensionSize)
        self.extensions = rest.extracting(last: extensionSize)
    }

    /// The header of a message, also of one that does not decode: its `unique` is what an error reply needs.
    @inlinable
    public static func header(of bytes: RawSpan) -> InHeader? { try? bytes.load(InHeader.self) }

    @inlinable public var opcode: Opcode { Opcode(rawValue: header.opcode) }

    /// The operation's structure as the type that goes with the opcode.
    @inlinable
    public func structure<T: WireStruct>(_: T.Type = T.self) throws(WireError) -> T { try operation.load(T.self) }

    /// The same for a structure that may come in a shorter form: fields that it lacks are zero.
    @inlinable
    public func structure<T: LengthenedWireStruct>(_: T.Type = T.self) throws(WireError) -> T { try T(operation) }

    /// A payload of one name alone, its NUL included.
    @inlinable
    @_lifetime(copy self)
    public func name() throws(WireError) -> RawSpan {
        var reader = WireReader(payload)
        return try reader.name()
    }
}

/// A reply or a notification, taken apart: what the kernel's end of the wire reads.
public struct ReplyMessage: ~Escapable {
    public let header: OutHeader
    public let body: RawSpan

    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) throws(WireError) {
        header = try bytes.load(OutHeader.self)
        guard header.len >= OutHeader.wireSize else { throw .malformed }
        guard header.len <= bytes.byteCount else { throw .truncated }
        guard header.len == bytes.byteCount else { throw .malformed }
        body = bytes.extracting(droppingFirst: OutHeader.wireSize)
    }

    /// What it notifies of, if it is no reply.
    public var notification: NotifyCode? { header.unique == 0 ? NotifyCode(rawValue: header.error) : nil }
}
