// SPDX-License-Identifier: MIT

import CLinux
import FUSEWire
import Glibc
import SystemPackage

// Open files.

extension Session {
    func open(_ message: borrowing RequestMessage, _ hand: Hand, _ output: inout OutputRawSpan) throws(Errno) {
        let fields = try message.fields(OpenIn.self)
        let request = try message.request()
        let opened = try fileSystem.open(message.node, OpenRequest(fields.flags, fields.open_flags), for: request)
        try hand.check(message)
        try output.put(openOut(message.node, opened))
    }

    func create(_ message: borrowing RequestMessage, _ hand: Hand, _ output: inout OutputRawSpan) throws(Errno) {
        let fields = try message.fields(CreateIn.self)
        var payload = message.payloadReader
        let name = try payload.entryName()
        let created = try fileSystem.create(
            name, in: message.node, NewFile(mode: fields.mode, umask: fields.umask),
            OpenRequest(fields.flags, fields.open_flags), for: message.request())
        try put(created, message, hand, &output)
    }

    func tmpfile(_ message: borrowing RequestMessage, _ hand: Hand, _ output: inout OutputRawSpan) throws(Errno) {
        let fields = try message.fields(CreateIn.self)
        let created = try fileSystem.tmpfile(
            in: message.node, NewFile(mode: fields.mode, umask: fields.umask), OpenRequest(fields.flags, fields.open_flags),
            for: message.request())
        try put(created, message, hand, &output)
    }

    private func put(
        _ created: consuming Created, _ message: borrowing RequestMessage, _ hand: Hand, _ output: inout OutputRawSpan
    ) throws(Errno) {
        try hand.check(message)
        let file = OpenFile(node: created.entry.node, handle: created.opened.handle)
        let (entry, opened) = try createdOut(created, for: message.opcode, message.request())
        try output.put(entry)
        try output.put(opened)
        do throws(Errno) { try label(file.node, message) } catch {
            release(file, for: try message.request())
            forget(file.node, lookups: 1)
            throw error
        }
    }

    func read(_ message: borrowing RequestMessage, _ output: inout OutputRawSpan) throws(Errno) {
        let fields = try message.fields(ReadIn.self)
        let request = try message.request()
        let file = message.file(fields.fh)
        try output.fill(upTo: Int(fields.size)) { (data) throws(Errno) in
            try fileSystem.read(file, at: fields.offset, into: &data, for: request)
        }
    }

    func write(_ message: borrowing RequestMessage, _ output: inout OutputRawSpan) throws(Errno) {
        let fields = try message.fields(WriteIn.self)
        var payload = message.payloadReader
        let data = try payload.data(fields.size)
        let count = try fileSystem.write(
            message.file(fields.fh), at: fields.offset, data, WriteOptions(fields), for: message.request())
        try output.put(written: count, of: Int(fields.size))
    }

    func flush(_ message: borrowing RequestMessage) throws(Errno) {
        let fields = try message.fields(FlushIn.self)
        try fileSystem.flush(message.file(fields.fh), owner: LockOwner(rawValue: fields.lock_owner), for: message.request())
    }

    func release(_ message: borrowing RequestMessage) throws(Errno) {
        release(message.file(try message.fields(ReleaseIn.self).fh), for: try message.request())
    }

    func release(_ file: OpenFile, for request: Request) {
        fileSystem.release(file, for: request)
        backings.release(file.node)
    }

    func fsync(_ message: borrowing RequestMessage) throws(Errno) {
        let fields = try message.fields(FsyncIn.self)
        let dataOnly = FsyncFlags(rawValue: fields.fsync_flags).contains(.fdatasync)
        try fileSystem.fsync(message.file(fields.fh), dataOnly: dataOnly, for: message.request())
    }

    func fallocate(_ message: borrowing RequestMessage) throws(Errno) {
        let fields = try message.fields(FallocateIn.self)
        try fileSystem.fallocate(
            message.file(fields.fh), mode: Int32(bitPattern: fields.mode), offset: fields.offset, length: fields.length,
            for: message.request())
    }

    func lseek(_ message: borrowing RequestMessage, _ output: inout OutputRawSpan) throws(Errno) {
        let fields = try message.fields(LseekIn.self)
        let offset = try fileSystem.lseek(
            message.file(fields.fh), offset: fields.offset, whence: Int32(bitPattern: fields.whence), for: message.request())
        try output.put(offset: offset)
    }

    func copyFileRange(_ message: borrowing RequestMessage, _ output: inout OutputRawSpan) throws(Errno) {
        if connection.omitted.contains(.copyFileRange) { throw .notImplemented }
        let fields = try message.fields(CopyFileRangeIn.self)
        // The older form answers in 32 bits (7.45 brought the other): a copy may be shorter than asked for.
        let isWide = message.opcode == .copyFileRange64
        let length = isWide ? fields.len : min(fields.len, RequestMessage.longestNarrowCopy)
        let target = OpenFile(node: NodeID(rawValue: fields.nodeid_out), handle: FileHandle(rawValue: fields.fh_out))
        let count = try fileSystem.copyFileRange(
            from: message.file(fields.fh_in), at: fields.off_in, to: target, at: fields.off_out,
            length: length, flags: fields.flags, for: message.request())
        try output.put(copied: count, of: length, isWide: isWide)
    }

    // MARK: Locks

    func getlk(_ message: borrowing RequestMessage, _ output: inout OutputRawSpan) throws(Errno) {
        let fields = try message.fields(LkIn.self)
        let wanted = try FileLock(fields.lk)
        let found = try fileSystem.getlk(
            message.file(fields.fh), wanted, owner: LockOwner(rawValue: fields.owner), for: message.request())
        try output.put(LkOut(found: found))
    }

    func setlk(_ message: borrowing RequestMessage, wait: Bool) throws(Errno) {
        let fields = try message.fields(LkIn.self)
        try fileSystem.setlk(
            message.file(fields.fh), FileLock(fields.lk), owner: LockOwner(rawValue: fields.owner), wait: wait,
            isFlock: LockFlags(rawValue: fields.lk_flags).contains(.flock), for: message.request())
    }
}

extension WriteOptions {
    init(_ fields: WriteIn) {
        self.init(rawValue: fields.write_flags & 5)
        // What is written back has its place. A large direct write comes in parts, which may overtake each other: each
        // has its place, too.
        if fields.flags & UInt32(O_APPEND) != 0, fields.flags & UInt32(CLINUX_O_DIRECT) == 0, !contains(.fromCache) { insert(.append) }
        // Source: `fuse_write_flags` in Linux. `O_SYNC` holds `O_DSYNC`.
        if fields.flags & UInt32(O_DSYNC) != 0 { insert(.dataSync) }
        if fields.flags & UInt32(O_SYNC) == UInt32(O_SYNC) { insert(.sync) }
    }
}

extension OpenRequest {
    init(_ flags: UInt32, _ openFlags: UInt32) {
        self.init(
            flags: Int32(bitPattern: flags), killPrivileges: OpenInFlags(rawValue: openFlags).contains(.killSuidgid))
    }
}

extension FileLock {
    init(_ lock: FuseFileLock) throws(Errno) {
        guard let kind = Kind(rawValue: Int32(truncatingIfNeeded: lock.type)), lock.start <= lock.end, lock.end <= Int64.max else {
            throw .invalidArgument
        }
        self.init(kind: kind, start: lock.start, end: lock.end, process: Int32(bitPattern: lock.pid))
    }
}
