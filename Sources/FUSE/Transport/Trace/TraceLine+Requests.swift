// SPDX-License-Identifier: MIT

import FUSEWire
import SystemPackage

// The fields of requests. What the kernel says is not valid is left out, and so are flags without a bit.

extension TraceLine {
    /// A request's fields. Returns how many bytes its caller takes.
    mutating func put(_ message: borrowing RequestMessage) throws(Errno) -> UInt32 {
        var payload = message.payloadReader
        switch message.opcode {
        case .lookup, .unlink, .rmdir, .removexattr: try put("name", quoted: payload.shown())
        case .symlink:
            try put("name", quoted: payload.shown())
            try put("target", quoted: payload.shown())
            try put(groups: message.extensions)
        case .mknod:
            let fields = try message.fields(MknodIn.self)
            try put("name", quoted: payload.shown())
            put("mode", octal: fields.mode)
            put("umask", octal: fields.umask)
            put(device: fields.rdev)
            try put(groups: message.extensions)
        case .mkdir:
            let fields = try message.fields(MkdirIn.self)
            try put("name", quoted: payload.shown())
            put("mode", octal: fields.mode)
            put("umask", octal: fields.umask)
            try put(groups: message.extensions)
        case .create, .tmpfile:
            let fields = try message.fields(CreateIn.self)
            if message.opcode == .create { try put("name", quoted: payload.shown()) }
            put("flags", bits: fields.flags, .open)
            put("mode", octal: fields.mode)
            put("umask", octal: fields.umask)
            put("open_flags", flags: OpenInFlags(rawValue: fields.open_flags))
            try put(groups: message.extensions)
        case .rename: try put(rename: message.fields(RenameIn.self).newdir, flags: 0, &payload)
        case .rename2:
            let fields = try message.fields(Rename2In.self)
            try put(rename: fields.newdir, flags: fields.flags, &payload)
        case .link:
            put("oldnodeid", try message.fields(LinkIn.self).oldnodeid)
            try put("name", quoted: payload.shown())

        case .getattr:
            let fields = try message.fields(GetattrIn.self)
            put(handle: fields.fh, GetattrFlags(rawValue: fields.getattr_flags))
        case .statx:
            let fields = try message.fields(StatxIn.self)
            put(handle: fields.fh, GetattrFlags(rawValue: fields.getattr_flags))
            put("sx_flags", bits: fields.sx_flags, .statxHow)
            put("sx_mask", bits: fields.sx_mask, .statx)
        case .setattr: put(try message.fields(SetattrIn.self))
        case .access: put("mask", bits: try message.fields(AccessIn.self).mask, .access)

        case .open, .opendir:
            let fields = try message.fields(OpenIn.self)
            put("flags", bits: fields.flags, .open)
            put("open_flags", flags: OpenInFlags(rawValue: fields.open_flags))
        case .read, .readdir, .readdirplus:
            let fields = try message.fields(ReadIn.self)
            put("fh", fields.fh)
            put("offset", fields.offset)
            put("size", fields.size)
            if message.opcode == .read { put("flags", bits: fields.flags, .open) }
            put(owner: fields.lock_owner, ReadFlags(rawValue: fields.read_flags), if: .lockOwner, "read_flags")
            return fields.size
        case .write:
            let fields = try message.fields(WriteIn.self)
            put("fh", fields.fh)
            put("offset", fields.offset)
            put("size", fields.size)
            put("flags", bits: fields.flags, .open)
            put(owner: fields.lock_owner, WriteFlags(rawValue: fields.write_flags), if: .lockOwner, "write_flags")
        case .flush:
            let fields = try message.fields(FlushIn.self)
            put("fh", fields.fh)
            put("lock_owner", fields.lock_owner)
        case .release, .releasedir:
            let fields = try message.fields(ReleaseIn.self)
            put("fh", fields.fh)
            put("flags", bits: fields.flags, .open)
            put(owner: fields.lock_owner, ReleaseFlags(rawValue: fields.release_flags), if: .flockUnlock, "release_flags")
        case .fsync, .fsyncdir:
            let fields = try message.fields(FsyncIn.self)
            put("fh", fields.fh)
            put("fsync_flags", flags: FsyncFlags(rawValue: fields.fsync_flags))
        case .fallocate:
            let fields = try message.fields(FallocateIn.self)
            put("fh", fields.fh)
            put("offset", fields.offset)
            put("length", fields.length)
            put("mode", bits: fields.mode, .fallocate)
        case .lseek:
            let fields = try message.fields(LseekIn.self)
            put("fh", fields.fh)
            put("offset", fields.offset)
            put("whence", bits: fields.whence, .seek)
        case .copyFileRange, .copyFileRange64:
            let fields = try message.fields(CopyFileRangeIn.self)
            put("fh_in", fields.fh_in)
            put("off_in", fields.off_in)
            put("nodeid_out", fields.nodeid_out)
            put("fh_out", fields.fh_out)
            put("off_out", fields.off_out)
            put("len", fields.len)
            if fields.flags != 0 { put("flags", fields.flags) }
        case .getlk, .setlk, .setlkw:
            let fields = try message.fields(LkIn.self)
            put("fh", fields.fh)
            put("owner", fields.owner)
            put(fields.lk)
            put("lk_flags", flags: LockFlags(rawValue: fields.lk_flags))
        case .poll:
            let fields = try message.fields(PollIn.self)
            put("fh", fields.fh)
            put("kh", fields.kh)
            put("flags", flags: PollFlags(rawValue: fields.flags))
            put("events", bits: fields.events, .poll)
        case .ioctl:
            let fields = try message.fields(IoctlIn.self)
            put("fh", fields.fh)
            put("flags", flags: IoctlFlags(rawValue: fields.flags))
            put("cmd", hex: fields.cmd)
            put("arg", hex: fields.arg)
            put("in_size", fields.in_size)
            put("out_size", fields.out_size)

        case .setxattr:
            let fields = try message.lengthenedFields(SetxattrIn.self)
            try put("name", quoted: payload.shown())
            put("size", fields.size)
            put("flags", bits: fields.flags, .setxattr)
            put("setxattr_flags", flags: SetxattrFlags(rawValue: fields.setxattr_flags))
        case .getxattr, .listxattr:
            let fields = try message.fields(GetxattrIn.self)
            if message.opcode == .getxattr { try put("name", quoted: payload.shown()) }
            put("size", fields.size)
            return fields.size

        case .forget: put("nlookup", try message.fields(ForgetIn.self).nlookup)
        case .batchForget:
            put("count", try message.fields(BatchForgetIn.self).count)
            while let one = try? payload.read(ForgetOne.self) { put("\(one.nodeid)", one.nlookup) }
        case .interrupt: put("unique", try message.fields(InterruptIn.self).unique)
        case .notifyReply:
            let fields = try message.fields(NotifyRetrieveIn.self)
            put("offset", fields.offset)
            put("size", fields.size)
        case .initialize:
            let fields = try message.lengthenedFields(InitIn.self)
            put("major", fields.major)
            put("minor", fields.minor)
            put("max_readahead", fields.max_readahead)
            put("flags", flags: InitFlags(fields))

        // Nothing but the header, or none that a session serves.
        default: break
        }
        return 0
    }

    private mutating func put(rename newdir: UInt64, flags: UInt32, _ names: inout WireReader) throws(Errno) {
        try put("name", quoted: names.shown())
        put("newdir", newdir)
        try put("newname", quoted: names.shown())
        put("flags", bits: flags, .rename)
    }

    private mutating func put(_ fields: SetattrIn) {
        let valid = SetattrValid(rawValue: fields.valid)
        put("valid", flags: valid)
        if valid.contains(.fh) { put("fh", fields.fh) }
        if valid.contains(.mode) { put("mode", octal: fields.mode) }
        if valid.contains(.uid) { put("uid", fields.uid) }
        if valid.contains(.gid) { put("gid", fields.gid) }
        if valid.contains(.size) { put("size", fields.size) }
        if valid.contains(.atime) { put("atime", seconds: Int64(bitPattern: fields.atime), fields.atimensec) }
        if valid.contains(.mtime) { put("mtime", seconds: Int64(bitPattern: fields.mtime), fields.mtimensec) }
        if valid.contains(.ctime) { put("ctime", seconds: Int64(bitPattern: fields.ctime), fields.ctimensec) }
        if valid.contains(.lockOwner) { put("lock_owner", fields.lock_owner) }
    }

    private mutating func put(handle: UInt64, _ flags: GetattrFlags) {
        if flags.contains(.fh) { put("fh", handle) }
    }

    private mutating func put<Flags: WireFlags>(owner: UInt64, _ flags: Flags, if valid: Flags, _ name: String) {
        put(name, flags: flags)
        if flags.contains(valid) { put("lock_owner", owner) }
    }

    mutating func put(_ lock: FuseFileLock) {
        put("type", bits: lock.type, .lock)
        put("start", lock.start)
        put("end", lock.end)
        put("pid", lock.pid)
    }

    mutating func put(device: UInt32) {
        let number = DeviceNumber(encoded: device)
        if device != 0 { put("rdev", "\(number.major):\(number.minor)") }
    }

    mutating func put(_ name: String, hex value: some UnsignedInteger) { put(name, "0x" + String(value, radix: 16)) }

    /// The group of the directory that something is created in, where the caller has it.
    private mutating func put(groups extensions: RawSpan) throws(Errno) {
        do throws(WireError) {
            var reader = ExtensionReader(extensions)
            while let part = try reader.next() {
                if let groups = try part.supplementaryGroups(), groups.count > 0 { put("group", groups[0]) }
            }
        } catch {
            throw .ioError
        }
    }
}

extension WireReader {
    /// The next name, whatever it is, with its NUL.
    @_lifetime(copy self)
    @_lifetime(self: copy self)
    fileprivate mutating func shown() throws(Errno) -> RawSpan {
        do throws(WireError) { return try name() } catch { throw .ioError }
    }
}
