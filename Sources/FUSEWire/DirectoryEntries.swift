// SPDX-License-Identifier: MIT

extension OutputRawSpan {
    /// Appends an entry of a READDIR reply, padded to 8 bytes: whole or, where it has no room, not at all.
    ///
    /// - Parameters:
    ///   - off: where the next READDIR goes on after this entry.
    ///   - type: a DT_* value.
    ///   - name: without NUL, and without "/", which is not looked for: the kernel fails the whole listing for it.
    /// - Returns: whether there was room. A full buffer ends the reply; the kernel asks for the rest.
    /// - Throws: `.malformed` for an empty or overlong name, which too would fail the whole listing.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func append(
        entry ino: UInt64, off: UInt64, type: UInt32, name: RawSpan
    ) throws(WireError) -> Bool {
        guard 1...FUSEProtocol.maxName ~= name.byteCount else { throw .malformed }
        let size = Dirent.wireSize &+ name.byteCount
        guard freeCapacity >= FUSEProtocol.aligned(size) else { return false }
        try append(Dirent(ino: ino, off: off, namelen: UInt32(truncatingIfNeeded: name.byteCount), type: type))
        try append(bytes: name)
        try append(zeros: FUSEProtocol.aligned(size) &- size)
        return true
    }

    /// Appends an entry of a READDIRPLUS reply, as the plain form does.
    ///
    /// An appended entry raises the lookup count of its inode, unless `entry.nodeid` is 0 or the name is "." or "..";
    /// one that returned false does not.
    @inlinable
    @_lifetime(self: copy self)
    public mutating func append(
        entry: EntryOut, ino: UInt64, off: UInt64, type: UInt32, name: RawSpan
    ) throws(WireError) -> Bool {
        guard 1...FUSEProtocol.maxName ~= name.byteCount else { throw .malformed }
        let size = Direntplus.wireSize &+ name.byteCount
        guard freeCapacity >= FUSEProtocol.aligned(size) else { return false }
        try append(entry)
        return try append(entry: ino, off: off, type: type, name: name)
    }
}

/// An entry of a directory, as a READDIR or READDIRPLUS reply has it.
public struct DirectoryEntry: ~Escapable {
    /// Of READDIRPLUS alone.
    public let entry_out: EntryOut?
    public let dirent: Dirent
    /// Without NUL.
    public let name: RawSpan

    @_lifetime(copy name)
    init(entry_out: EntryOut?, dirent: Dirent, name: RawSpan) {
        self.entry_out = entry_out
        self.dirent = dirent
        self.name = name
    }
}

/// Reads the body of a READDIR or READDIRPLUS reply, as the kernel does; but an entry that is cut short, which the
/// kernel passes over in silence, throws `.truncated`.
public struct DirectoryReader: ~Escapable {
    var reader: WireReader
    let isPlus: Bool

    @_lifetime(copy bytes)
    public init(_ bytes: RawSpan, isPlus: Bool) {
        reader = WireReader(bytes)
        self.isPlus = isPlus
    }

    /// The next entry, nil at the end. Throws `.malformed` for a name that the kernel would refuse.
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    public mutating func next() throws(WireError) -> DirectoryEntry? {
        if reader.isAtEnd { return nil }
        let entry = isPlus ? try reader.read(EntryOut.self) : nil
        let dirent = try reader.read(Dirent.self)
        guard 1...UInt32(FUSEProtocol.maxName) ~= dirent.namelen else { throw .malformed }
        let size = Int(dirent.namelen)
        let name = try reader.bytes(size)
        // Both headers are multiples of 8 bytes, so that the name alone decides about the padding.
        _ = try reader.bytes(FUSEProtocol.aligned(size) &- size)
        return DirectoryEntry(entry_out: entry, dirent: dirent, name: name)
    }
}
