// SPDX-License-Identifier: MIT

/// An entry of a READDIR reply; `namelen` bytes of name follow, without NUL, padded with zeros to 8 bytes.
///
/// In C: `struct fuse_dirent`, up to its `name`.
public struct Dirent: WireStruct {
    public var ino: UInt64
    /// Where to go on: the READDIR after this entry carries it as its offset.
    public var off: UInt64
    public var namelen: UInt32
    /// DT_* as in getdents(2): bits 12 to 15 of the mode.
    public var type: UInt32

    @inlinable
    public init(ino: UInt64 = 0, off: UInt64 = 0, namelen: UInt32 = 0, type: UInt32 = 0) {
        self.ino = ino
        self.off = off
        self.namelen = namelen
        self.type = type
    }
}

/// An entry of a READDIRPLUS reply: as `Dirent`, with what LOOKUP would answer.
///
/// A `nodeid` of 0 says nothing about the inode and raises no lookup count; "." and ".." raise none either.
/// In C: `struct fuse_direntplus`, up to the name.
public struct Direntplus: WireStruct {
    public var entry_out: EntryOut
    public var dirent: Dirent

    @inlinable
    public init(entry_out: EntryOut = EntryOut(), dirent: Dirent = Dirent()) {
        self.entry_out = entry_out
        self.dirent = dirent
    }
}
