// SPDX-License-Identifier: MIT

/// By what an inode is found again without a descriptor: its kernel file handle, and the mount that it is on. Plain data.
///
/// A handle names the inode itself, not its number: when the number is given to another file, the handle of the first one
/// is stale, and differs from that of the other. Two handles are one inode's if all is equal. Handles of ext4, XFS,
/// btrfs, tmpfs and F2FS take 8 to 40 bytes. For longer ones there is no room here: such an inode keeps its descriptor.
/// C counterpart: `struct file_handle`.
struct InodeHandle: Sendable {
    /// What the filesystem says of the bytes. C counterpart: `handle_type`.
    var type: Int32
    /// How many bytes it has; 0: there is no handle, and the inode is known by its descriptor alone.
    var count: UInt16
    /// The mount, see ``SourceMounts``.
    var mount: UInt16
    /// The bytes, filled up with zeros. C counterpart: `f_handle`.
    var words: InlineArray<6, UInt64>

    static var capacity: Int { 48 }
    static var none: InodeHandle { InodeHandle(type: 0, count: 0, mount: 0, words: InlineArray(repeating: 0)) }

    var isNone: Bool { count == 0 }

    static func == (one: borrowing InodeHandle, other: borrowing InodeHandle) -> Bool {
        guard one.count == other.count, one.type == other.type, one.mount == other.mount else { return false }
        for index in 0..<6 where one.words[index] != other.words[index] { return false }
        return true
    }
}
