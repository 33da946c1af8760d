// SPDX-License-Identifier: MIT

import FUSEWire
import SystemPackage

// A filesystem's values as the kernel sees them.

extension EntryOut {
    init(_ entry: Entry) {
        self.init(
            nodeid: entry.node.rawValue, generation: entry.generation, entry_valid: entry.entryTimeout.seconds,
            attr_valid: entry.attributesTimeout.seconds, entry_valid_nsec: entry.entryTimeout.nanoseconds,
            attr_valid_nsec: entry.attributesTimeout.nanoseconds, attr: Attr(entry.attributes))
    }
}

extension AttrOut {
    init(_ reply: AttributesReply) {
        self.init(
            attr_valid: reply.timeout.seconds, attr_valid_nsec: reply.timeout.nanoseconds, attr: Attr(reply.attributes))
    }
}

extension OpenOut {
    init(_ opened: OpenedDirectory) {
        var flags: OpenFlags = []
        if opened.cachesEntries { flags.insert(.cacheDir) }
        if opened.keepsCache { flags.insert(.keepCache) }
        self.init(fh: opened.handle.rawValue, open_flags: flags.rawValue)
    }
}

extension Attr {
    init(_ attributes: Attributes) {
        self.init(
            ino: attributes.inode, size: attributes.size, blocks: attributes.blocks,
            atime: UInt64(bitPattern: attributes.accessed.seconds), mtime: UInt64(bitPattern: attributes.modified.seconds),
            ctime: UInt64(bitPattern: attributes.changed.seconds), atimensec: attributes.accessed.nanoseconds,
            mtimensec: attributes.modified.nanoseconds, ctimensec: attributes.changed.nanoseconds,
            mode: UInt32(attributes.mode.rawValue), nlink: attributes.linkCount, uid: attributes.owner.rawValue,
            gid: attributes.group.rawValue, rdev: attributes.device.encoded, blksize: attributes.blockSize)
    }
}

extension StatxOut {
    /// Without those bits that speak of the mount (its device, attributes as `immutable`): the kernel fills in or leaves out
    /// what it does not take from here.
    init(_ reply: AttributesReply) {
        let attributes = reply.attributes
        // STATX_BASIC_STATS and STATX_BTIME of linux/stat.h.
        var stat = Statx(
            mask: 0x7ff | (attributes.created == nil ? 0 : 0x800), blksize: attributes.blockSize, nlink: attributes.linkCount,
            uid: attributes.owner.rawValue, gid: attributes.group.rawValue,
            mode: UInt16(truncatingIfNeeded: attributes.mode.rawValue), ino: attributes.inode, size: attributes.size,
            blocks: attributes.blocks, rdev_major: attributes.device.major, rdev_minor: attributes.device.minor)
        stat.atime = SxTime(attributes.accessed)
        stat.mtime = SxTime(attributes.modified)
        stat.ctime = SxTime(attributes.changed)
        if let created = attributes.created { stat.btime = SxTime(created) }
        self.init(attr_valid: reply.timeout.seconds, attr_valid_nsec: reply.timeout.nanoseconds, stat: stat)
    }
}

extension SxTime {
    init(_ time: Timestamp) { self.init(tv_sec: time.seconds, tv_nsec: time.nanoseconds) }
}

extension Kstatfs {
    init(_ statistics: FileSystemStatistics) {
        self.init(
            blocks: statistics.blocks, bfree: statistics.freeBlocks, bavail: statistics.availableBlocks,
            files: statistics.files, ffree: statistics.freeFiles, bsize: statistics.blockSize,
            namelen: statistics.maximumNameLength, frsize: statistics.fragmentSize)
    }
}

extension AttributeChanges {
    init(_ fields: SetattrIn) {
        self.init()
        let valid = SetattrValid(rawValue: fields.valid)
        if valid.contains(.mode) { mode = FilePermissions(rawValue: CModeT(truncatingIfNeeded: fields.mode & 0o7777)) }
        if valid.contains(.uid) { owner = UserID(fields.uid) }
        if valid.contains(.gid) { group = GroupID(fields.gid) }
        if valid.contains(.size) { size = fields.size }
        if valid.contains(.atimeNow) {
            accessed = .now
        } else if valid.contains(.atime) {
            accessed = .at(Timestamp(seconds: Int64(bitPattern: fields.atime), nanoseconds: fields.atimensec))
        }
        if valid.contains(.mtimeNow) {
            modified = .now
        } else if valid.contains(.mtime) {
            modified = .at(Timestamp(seconds: Int64(bitPattern: fields.mtime), nanoseconds: fields.mtimensec))
        }
        if valid.contains(.ctime) {
            changed = Timestamp(seconds: Int64(bitPattern: fields.ctime), nanoseconds: fields.ctimensec)
        }
        if valid.contains(.lockOwner) { lockOwner = LockOwner(rawValue: fields.lock_owner) }
        // A request without any change is how the kernel has set-user-id and set-group-id removed before a write by
        // one who may not keep them, where it does not do so itself (HANDLE_KILLPRIV_V2).
        killPrivileges = valid.contains(.killSuidgid) || isEmpty
    }
}

extension OutputRawSpan {
    /// Appends a structure of the reply. The room has been made for the largest message, so that only a session that
    /// is wrong itself meets the error.
    @_lifetime(self: copy self)
    mutating func put<T: WireStruct>(_ value: T) throws(Errno) {
        do throws(WireError) { try append(value) } catch { throw .ioError }
    }

    /// Appends bytes as they are.
    @_lifetime(self: copy self)
    mutating func put(bytes: RawSpan) throws(Errno) {
        do throws(WireError) { try append(bytes: bytes) } catch { throw .ioError }
    }
}
