// SPDX-License-Identifier: MIT

import FUSEWire
public import SystemPackage

/// Where a reading of a directory goes on. 0 is the start; every other value is one that the filesystem handed out with
/// an entry: the place behind that entry. It must stay good while the directory is open, whatever is created and
/// removed meanwhile. C counterpart: `d_off`.
public struct DirectoryOffset: RawRepresentable, Hashable, Sendable, ExpressibleByIntegerLiteral {
    public let rawValue: UInt64

    @inlinable public init(rawValue: UInt64) { self.rawValue = rawValue }
    @inlinable public init(integerLiteral value: UInt64) { rawValue = value }
}

/// Takes the entries of a directory, as many as the reply has room for.
///
/// Entries that do not fit are asked for again by the kernel, from the offset of the last one that did. An answer
/// without any entry means the end of the directory.
public struct DirectoryWriter: ~Copyable, ~Escapable {
    var output: OutputRawSpan
    /// The reply is one to READDIRPLUS, whose entries are larger: each is written as one that was not looked up.
    let isPlus: Bool
    var leftOut = false

    @_lifetime(copy output)
    init(_ output: consuming OutputRawSpan, isPlus: Bool = false) {
        self.output = output
        self.isPlus = isPlus
    }

    /// Room left for the next entry, in bytes. It takes 24 bytes and its name, rounded up to 8.
    public var freeCapacity: Int { max(0, output.freeCapacity &- (isPlus ? EntryOut.wireSize : 0)) }

    /// Adds an entry.
    /// - Parameters:
    ///   - name: its bytes, without a NUL.
    ///   - inode: the inode number to show. 0 hides the entry from users, so it is no valid number.
    ///   - type: the file's type.
    ///   - next: where a reading goes on behind this entry.
    /// - Returns: false, with nothing written, where there is no room. Then stop. A name that no entry can have (empty, of
    ///   more than 1,024 bytes, or with a slash in it) is left out: the kernel would fail the whole listing for it.
    @_lifetime(self: copy self)
    public mutating func add(_ name: RawSpan, inode: UInt64, type: FileType, next: DirectoryOffset) -> Bool {
        let type = type.direntType
        do throws(WireError) {
            if name.holdsSlash { throw .malformed }
            return isPlus
                ? try output.append(entry: EntryOut(), ino: inode, off: next.rawValue, type: type, name: name)
                : try output.append(entry: inode, off: next.rawValue, type: type, name: name)
        } catch {
            leftOut = true
            return true
        }
    }

    /// Adds an entry whose name is text.
    @_lifetime(self: copy self)
    public mutating func add(_ name: String, inode: UInt64, type: FileType, next: DirectoryOffset) -> Bool {
        // Safe: bytes have no padding that could be read.
        unsafe add(name.utf8.span.bytes, inode: inode, type: type, next: next)
    }
}

/// Takes the entries of a directory together with what a lookup of each would answer.
///
/// Every entry added, except `.` and `..`, counts as one lookup of its node: look up only what
/// ``hasRoom(forNameOf:)`` says will fit.
public struct DirectoryPlusWriter: ~Copyable, ~Escapable {
    var output: OutputRawSpan
    /// The nodes of entries that were left out.
    var refused: [NodeID] = []
    var leftOut = false

    @_lifetime(copy output)
    init(_ output: consuming OutputRawSpan) { self.output = output }

    /// Whether an entry with a name of so many bytes fits.
    public func hasRoom(forNameOf count: Int) -> Bool {
        count <= output.freeCapacity && FUSEProtocol.aligned(Direntplus.wireSize &+ count) <= output.freeCapacity
    }

    /// Adds an entry and what it stands for. With `entry` nil (for `.` and `..`, or a name that could not be looked
    /// up) the kernel learns of the name alone, and nothing counts as looked up.
    /// - Returns: false, with nothing written, where there is no room. Then stop. An entry that the kernel would fail the whole
    ///   listing for is left out, and its lookup given back: one with a name as in ``DirectoryWriter``'s `add`, or
    ///   whose node is the root, or whose attributes make no sense.
    @_lifetime(self: copy self)
    public mutating func add(_ name: RawSpan, entry: Entry?, inode: UInt64, type: FileType, next: DirectoryOffset) -> Bool {
        // The kernel looks at nothing else of an entry that does not count as looked up.
        let found = entry.flatMap { $0.node == 0 || Name.isDots(name) ? nil : $0 }
        do throws(WireError) {
            if name.holdsSlash { throw .malformed }
            if let found, found.node == .root || !found.attributes.areValid { throw .malformed }
            let shown = entry.map { EntryOut($0) } ?? EntryOut()
            return try output.append(entry: shown, ino: inode, off: next.rawValue, type: type.direntType, name: name)
        } catch {
            if let found { refused.append(found.node) }
            leftOut = true
            return true
        }
    }
}

extension FileType {
    /// The type as directory entries carry it. Source: `DT_*` in `dirent.h` are the file type's bits of the mode.
    var direntType: UInt32 { UInt32(rawValue) >> 12 & 0xf }
}
