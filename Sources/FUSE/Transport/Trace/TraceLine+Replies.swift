// SPDX-License-Identifier: MIT

import FUSEWire

// The fields of replies, of notifications, and of what a device does besides.

extension TraceLine {
    /// A reply's fields. `size` is what the request had room for.
    mutating func put(reply body: RawSpan, to opcode: Opcode, size: UInt32) {
        do throws(WireError) { try decode(body, of: opcode, size: size) } catch { put(word: "(malformed)") }
    }

    private mutating func decode(_ body: RawSpan, of opcode: Opcode, size: UInt32) throws(WireError) {
        var reader = WireReader(body)
        switch opcode {
        case .lookup, .mknod, .mkdir, .symlink, .link: put(try reader.read(EntryOut.self))
        case .create, .tmpfile:
            put(try reader.read(EntryOut.self))
            put(try reader.read(OpenOut.self))
        case .open, .opendir: put(try reader.read(OpenOut.self))
        case .getattr, .setattr:
            let fields = try reader.read(AttrOut.self)
            put("attr_valid", seconds: Int64(bitPattern: fields.attr_valid), fields.attr_valid_nsec)
            put(fields.attr)
        case .statx: put(try reader.read(StatxOut.self))
        case .readlink: put("target", quoted: body)
        case .read: put("size", body.byteCount)
        case .write, .copyFileRange: put("size", try reader.read(WriteOut.self).size)
        case .copyFileRange64: put("bytes_copied", try reader.read(CopyFileRangeOut.self).bytes_copied)
        case .readdir, .readdirplus: try put(entries: body, isPlus: opcode == .readdirplus)
        case .getxattr, .listxattr: put("size", size == 0 ? Int(try reader.read(GetxattrOut.self).size) : body.byteCount)
        case .statfs: put(try reader.read(StatfsOut.self).st)
        case .getlk: put(try reader.read(LkOut.self).lk)
        case .lseek: put("offset", try reader.read(LseekOut.self).offset)
        case .poll: put("revents", bits: try reader.read(PollOut.self).revents, .poll)
        case .ioctl:
            put("result", try reader.read(IoctlOut.self).result)
            put("size", reader.rest.byteCount)
        case .initialize: put(try reader.read(InitOut.self))
        // Nothing but the header.
        default: break
        }
    }

    private mutating func put(_ entry: EntryOut) {
        put("nodeid", entry.nodeid)
        if entry.generation != 0 { put("generation", entry.generation) }
        put("entry_valid", seconds: Int64(bitPattern: entry.entry_valid), entry.entry_valid_nsec)
        // There is no such name, and that may be remembered.
        guard entry.nodeid != 0 else { return }
        put("attr_valid", seconds: Int64(bitPattern: entry.attr_valid), entry.attr_valid_nsec)
        put(entry.attr)
    }

    private mutating func put(_ attr: Attr) {
        put("ino", attr.ino)
        put("mode", octal: attr.mode)
        put("nlink", attr.nlink)
        put("uid", attr.uid)
        put("gid", attr.gid)
        put(device: attr.rdev)
        put("size", attr.size)
        put("blocks", attr.blocks)
        put("blksize", attr.blksize)
        put("atime", seconds: Int64(bitPattern: attr.atime), attr.atimensec)
        put("mtime", seconds: Int64(bitPattern: attr.mtime), attr.mtimensec)
        put("ctime", seconds: Int64(bitPattern: attr.ctime), attr.ctimensec)
        put("flags", flags: AttrFlags(rawValue: attr.flags))
    }

    private mutating func put(_ fields: StatxOut) {
        let stat = fields.stat
        put("attr_valid", seconds: Int64(bitPattern: fields.attr_valid), fields.attr_valid_nsec)
        put("mask", bits: stat.mask, .statx)
        put("ino", stat.ino)
        put("mode", octal: UInt32(stat.mode))
        put("nlink", stat.nlink)
        put("uid", stat.uid)
        put("gid", stat.gid)
        if (stat.rdev_major, stat.rdev_minor) != (0, 0) { put("rdev", "\(stat.rdev_major):\(stat.rdev_minor)") }
        put("size", stat.size)
        put("blocks", stat.blocks)
        put("blksize", stat.blksize)
        put("atime", seconds: stat.atime.tv_sec, stat.atime.tv_nsec)
        put("btime", seconds: stat.btime.tv_sec, stat.btime.tv_nsec)
        put("mtime", seconds: stat.mtime.tv_sec, stat.mtime.tv_nsec)
        put("ctime", seconds: stat.ctime.tv_sec, stat.ctime.tv_nsec)
    }

    private mutating func put(_ open: OpenOut) {
        let flags = OpenFlags(rawValue: open.open_flags)
        put("fh", open.fh)
        put("open_flags", flags: flags)
        if flags.contains(.passthrough) { put("backing_id", open.backing_id) }
    }

    private mutating func put(entries body: RawSpan, isPlus: Bool) throws(WireError) {
        var entries = DirectoryReader(body, isPlus: isPlus)
        var count = 0
        while try entries.next() != nil { count += 1 }
        put("size", body.byteCount)
        put("entries", count)
    }

    private mutating func put(_ st: Kstatfs) {
        put("blocks", st.blocks)
        put("bfree", st.bfree)
        put("bavail", st.bavail)
        put("files", st.files)
        put("ffree", st.ffree)
        put("bsize", st.bsize)
        put("namelen", st.namelen)
        put("frsize", st.frsize)
    }

    private mutating func put(_ fields: InitOut) {
        put("major", fields.major)
        put("minor", fields.minor)
        put("max_readahead", fields.max_readahead)
        put("flags", flags: InitFlags(fields))
        put("max_background", fields.max_background)
        put("congestion_threshold", fields.congestion_threshold)
        put("max_write", fields.max_write)
        put("time_gran", fields.time_gran)
        put("max_pages", fields.max_pages)
        put("max_stack_depth", fields.max_stack_depth)
    }

    // MARK: What is no reply

    mutating func put(_ map: BackingMap) {
        put("fd", map.fd)
        put("flags", flags: BackingFlags(rawValue: map.flags))
        if map.id != 0 { put("id", map.id) }
    }

    mutating func put(notification code: NotifyCode, _ body: RawSpan) {
        do throws(WireError) { try decode(code, body) } catch { put(word: "(malformed)") }
    }

    private mutating func decode(_ code: NotifyCode, _ body: RawSpan) throws(WireError) {
        var reader = WireReader(body)
        switch code {
        case .poll: put("kh", try reader.read(NotifyPollWakeupOut.self).kh)
        case .invalInode:
            let fields = try reader.read(NotifyInvalInodeOut.self)
            put("ino", fields.ino)
            put("off", fields.off)
            put("len", fields.len)
        case .invalEntry:
            let fields = try reader.read(NotifyInvalEntryOut.self)
            put("parent", fields.parent)
            put("name", quoted: reader.rest)
            put("flags", flags: ExpireFlags(rawValue: fields.flags))
        case .delete:
            let fields = try reader.read(NotifyDeleteOut.self)
            put("parent", fields.parent)
            put("child", fields.child)
            put("name", quoted: reader.rest)
        case .store:
            let fields = try reader.read(NotifyStoreOut.self)
            put("nodeid", fields.nodeid)
            put("offset", fields.offset)
            put("size", fields.size)
        case .retrieve:
            let fields = try reader.read(NotifyRetrieveOut.self)
            put("notify_unique", fields.notify_unique)
            put("nodeid", fields.nodeid)
            put("offset", fields.offset)
            put("size", fields.size)
        case .prune: put("count", try reader.read(NotifyPruneOut.self).count)
        // Nothing but the code.
        default: break
        }
    }
}
