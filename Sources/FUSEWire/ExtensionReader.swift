// SPDX-License-Identifier: MIT

/// What an extension holds: `ExtHeader.type`. In C: `enum fuse_ext_type`.
public struct ExtensionType: RawRepresentable, Hashable, Sendable, BitwiseCopyable {
    public var rawValue: UInt32

    @inlinable public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// Up to here the number is a count of security contexts. In C: `FUSE_MAX_NR_SECCTX`.
    public static let maxSecurityContexts = ExtensionType(rawValue: 31)
    /// `SuppGroups`. In C: `FUSE_EXT_GROUPS`.
    public static let groups = ExtensionType(rawValue: 32)
}

/// Reads the extensions of a request.
public struct ExtensionReader: ~Escapable {
    var reader: WireReader

    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan) { reader = WireReader(bytes) }

    /// The next extension, nil at the end.
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    public mutating func next() throws(WireError) -> RequestExtension? {
        if reader.isAtEnd { return nil }
        let header = try reader.read(ExtHeader.self)
        guard header.size >= ExtHeader.wireSize else { throw .malformed }
        let size = Int(header.size) &- ExtHeader.wireSize
        let body = try reader.bytes(size)
        _ = try reader.bytes(FUSEProtocol.aligned(size) &- size)
        return RequestExtension(header: header, body: body)
    }
}

/// An extension of a creating request.
public struct RequestExtension: ~Escapable {
    public let header: ExtHeader
    /// What follows the header.
    public let body: RawSpan

    @_lifetime(copy body)
    init(header: ExtHeader, body: RawSpan) {
        self.header = header
        self.body = body
    }

    public var type: ExtensionType { ExtensionType(rawValue: header.type) }

    /// The groups, if it holds groups.
    @_lifetime(copy self)
    public func supplementaryGroups() throws(WireError) -> SupplementaryGroups? {
        guard type == .groups else { return nil }
        return try SupplementaryGroups(body)
    }

    /// The security contexts, if it holds those.
    @_lifetime(copy self)
    public func securityContexts() -> SecurityContextReader? {
        guard header.type <= ExtensionType.maxSecurityContexts.rawValue else { return nil }
        return SecurityContextReader(body, count: header.type)
    }
}

/// Those of the caller's supplementary groups that matter: the kernel sends the directory's group, if it is one.
public struct SupplementaryGroups: ~Escapable {
    let ids: RawSpan

    @_lifetime(copy bytes)
    init(_ bytes: RawSpan) throws(WireError) {
        var reader = WireReader(bytes)
        let count = Int(try reader.read(SuppGroups.self).nr_groups)
        ids = try reader.bytes(count &* 4)
    }

    public var count: Int { ids.byteCount / 4 }

    /// Group ids. `index` is within `0..<count`.
    public subscript(index: Int) -> UInt32 {
        precondition(0 <= index && index < count, "no such group")
        // Within bounds: it does not throw.
        return (try? ids.extracting(droppingFirst: index &* 4).load(UInt32.self)) ?? 0
    }
}

/// A security label that a new inode is to get: an extended attribute and its value.
public struct SecurityContext: ~Escapable {
    /// The attribute's name, its NUL included.
    public let name: RawSpan
    public let value: RawSpan

    @_lifetime(copy name, copy value)
    init(name: RawSpan, value: RawSpan) {
        self.name = name
        self.value = value
    }
}

/// Reads the security contexts of an extension.
public struct SecurityContextReader: ~Escapable {
    var reader: WireReader
    /// How many are still to come.
    public private(set) var remaining: UInt32

    /// `count` is `SecctxHeader.nr_secctx`.
    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan, count: UInt32) {
        reader = WireReader(bytes)
        remaining = count
    }

    /// The next context, nil at the end.
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    public mutating func next() throws(WireError) -> SecurityContext? {
        if remaining == 0 { return nil }
        let size = Int(try reader.read(Secctx.self).size)
        let name = try reader.name()
        let value = try reader.bytes(size)
        let end = name.byteCount &+ size
        _ = try reader.bytes(FUSEProtocol.aligned(end) &- end)
        remaining &-= 1
        return SecurityContext(name: name, value: value)
    }
}

extension OutputRawSpan {
    /// Appends an extension of groups, as the kernel does.
    @_lifetime(self: copy self)
    public mutating func append(supplementaryGroups groups: Span<UInt32>) throws(WireError) {
        let size = FUSEProtocol.aligned(ExtHeader.wireSize &+ SuppGroups.wireSize &+ groups.count &* 4)
        guard freeCapacity >= size, size <= UInt16.max else { throw .noRoom }
        let end = byteCount &+ size
        try append(ExtHeader(size: UInt32(size), type: ExtensionType.groups.rawValue))
        try append(SuppGroups(nr_groups: UInt32(groups.count)))
        for index in groups.indices { try append(groups[index]) }
        try append(zeros: end &- byteCount)
    }

    /// Appends an extension of one security context, as the kernel does. `name` is without NUL.
    @_lifetime(self: copy self)
    public mutating func append(securityContext name: RawSpan, value: RawSpan) throws(WireError) {
        let end = Secctx.wireSize &+ name.byteCount &+ 1 &+ value.byteCount
        let size = SecctxHeader.wireSize &+ FUSEProtocol.aligned(end)
        guard freeCapacity >= size, size <= UInt32.max else { throw .noRoom }
        try append(SecctxHeader(size: UInt32(size), nr_secctx: 1))
        try append(Secctx(size: UInt32(value.byteCount)))
        try append(name: name)
        try append(bytes: value)
        try append(zeros: FUSEProtocol.aligned(end) &- end)
    }
}
