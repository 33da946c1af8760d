// SPDX-License-Identifier: MIT

import FUSEWire
import SystemPackage

// A filesystem's answers, looked at before the kernel sees them. What it would take for a broken server fails here instead:
// it gives the caller EIO too, but says so to nobody, and it gives back neither the lookup nor the open file that came with the
// answer (`create_new_entry`, `fuse_create_open`); for attributes that make no sense it takes the whole inode for bad
// (`fuse_do_getattr`).

extension Entry {
    /// Throws where the kernel would not take it.
    func check(for opcode: Opcode, type: FileType?) throws(Errno) {
        if opcode == .lookup {
            // There is no such name. The rest does not matter then.
            if node == 0 { return }
        } else if node == 0 || node == .root {
            throw Errno(.node)
        }
        try attributes.check()
        if let type, attributes.mode.type != type { throw Errno(.type) }
    }
}

extension Attributes {
    func check() throws(Errno) { if !areValid { throw Errno(.attributes) } }
}

extension AttributesReply {
    func check(of node: NodeID) throws(Errno) {
        try attributes.check()
        // A root that is none would be the end of the mount.
        if node == .root, attributes.mode.type != .directory { throw Errno(.type) }
    }

    func attrOut(of node: NodeID) throws(Errno) -> AttrOut {
        try check(of: node)
        return AttrOut(self)
    }

    func statxOut(of node: NodeID) throws(Errno) -> StatxOut {
        try check(of: node)
        return StatxOut(self)
    }
}

extension LkOut {
    /// A lock that is in the way of another; nil where there is none.
    init(found: FileLock?) throws(Errno) {
        guard let found else {
            self.init(lk: FuseFileLock(type: UInt32(FileLock.Kind.unlock.rawValue)))
            return
        }
        guard found.start <= found.end, found.end <= Int64.max else { throw Errno(.lock) }
        self.init(lk: FuseFileLock(
            start: found.start, end: found.end, type: UInt32(found.kind.rawValue), pid: UInt32(bitPattern: found.process)))
    }
}

// The answers that are a number. What a filesystem says of its work must be possible.

extension OutputRawSpan {
    /// So many bytes of `asked` were written.
    @_lifetime(self: copy self)
    mutating func put(written count: Int, of asked: Int) throws(Errno) {
        guard count >= 0, count <= asked, let size = UInt32(exactly: count) else { throw Errno(.count) }
        try put(WriteOut(size: size))
    }

    /// So many bytes of `asked` were copied.
    @_lifetime(self: copy self)
    mutating func put(copied count: UInt64, of asked: UInt64, isWide: Bool) throws(Errno) {
        guard count <= asked else { throw Errno(.count) }
        if isWide { return try put(CopyFileRangeOut(bytes_copied: count)) }
        guard let size = UInt32(exactly: count) else { throw Errno(.count) }
        try put(WriteOut(size: size))
    }

    @_lifetime(self: copy self)
    mutating func put(offset: UInt64) throws(Errno) {
        guard offset <= Int64.max else { throw Errno(.offset) }
        try put(LseekOut(offset: offset))
    }

    /// The data of a reply, which the filesystem writes.
    @_lifetime(self: copy self)
    mutating func fill<Result>(
        upTo limit: Int, _ body: (inout DataWriter) throws(Errno) -> Result
    ) throws(Errno) -> Result {
        let (result, excess) = try lend(upTo: limit, body)
        if excess > 0 { throw Errno(.overfilled) }
        return result
    }

    /// The value of an attribute, or its size alone where the caller has no room (`asked` 0).
    /// - Parameters:
    ///   - room: how much the filesystem may write.
    ///   - body: writes the value, or says its size, or both: nil for what it has written.
    @_lifetime(self: copy self)
    mutating func fillValue(
        asked: Int, room: Int, _ body: (inout DataWriter) throws(Errno) -> Int?
    ) throws(Errno) {
        let start = byteCount
        let (said, excess) = try lend(upTo: room, body)
        let written = byteCount &- start
        if let said, said < 0 { throw Errno(.size) }
        if asked == 0 {
            // What was written counts, also where there was no room for it.
            let (sum, overflows) = written.addingReportingOverflow(excess)
            let size = sum > 0 ? (overflows ? .max : sum) : said ?? 0
            removeLast(written)
            return try put(GetxattrOut(size: UInt32(clamping: size)))
        }
        // Not the filesystem's mistake: the value is larger than the caller's buffer, which is what ERANGE is for.
        if excess > 0 || said ?? 0 > asked { throw .outOfRange }
        guard said ?? written == written else { throw Errno(.size) }
    }

    /// The result of a command, and the data that go back.
    @_lifetime(self: copy self)
    mutating func fillIoctl(upTo limit: Int, _ body: (inout DataWriter) throws(Errno) -> Int32) throws(Errno) {
        let start = byteCount
        try put(IoctlOut())
        let result = try fill(upTo: limit, body)
        // The kernel would take a negative result for an error of any number.
        guard result >= 0 else { throw Errno(.result) }
        do throws(WireError) { try overwrite(at: start, with: IoctlOut(result: result)) } catch { throw .ioError }
    }
}
