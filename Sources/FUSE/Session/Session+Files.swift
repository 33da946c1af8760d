// SPDX-License-Identifier: MIT

import CLinux
import FUSEWire
import Glibc
import SystemPackage

// Open files.

extension Session {
    func open(_ message: borrowing RequestMessage, _ output: inout OutputRawSpan) throws(Errno) {
        let fields = try message.fields(OpenIn.self)
        let request = try message.request()
        let opened = try fileSystem.open(message.node, OpenRequest(fields.flags, fields.open_flags), for: request)
        try output.put(openOut(message.node, opened))
    }

    func create(_ message: borrowing RequestMessage, _ output: inout OutputRawSpan) throws(Errno) {
        let fields = try message.fields(CreateIn.self)
        var payload = message.payloadReader
        let name = try payload.entryName()
        let created = try fileSystem.create(
            name, in: message.node, NewFile(mode: fields.mode, umask: fields.umask),
            OpenRequest(fields.flags, fields.open_flags), for: message.request())
        try put(created, message, &output)
    }

    func tmpfile(_ message: borrowing RequestMessage, _ output: inout OutputRawSpan) throws(Errno) {
        let fields = try message.fields(CreateIn.self)
        let created = try fileSystem.tmpfile(
            in: message.node, NewFile(mode: fields.mode, umask: fields.umask), OpenRequest(fields.flags, fields.open_flags),
            for: message.request())
        try put(created, message, &output)
    }

    private func put(_ created: Created, _ message: borrowing RequestMessage, _ output: inout OutputRawSpan) throws(Errno) {
        let node = created.entry.node
        try output.put(EntryOut(created.entry))
        try output.put(openOut(node, created.opened))
        do throws(Errno) { try label(node, message) } catch {
            release(OpenFile(node: node, handle: created.opened.handle), for: try message.request())
            forget(node, lookups: 1)
            throw error
        }
    }

    /// Settles how the file's reads and writes go.
    func openOut(_ node: NodeID, _ opened: Opened) -> OpenOut {
        let admitted = backings.admit(node, opened.io)
        fileSystem.settled(OpenFile(node: node, handle: opened.handle), passesThrough: admitted.flags == .passthrough)
        var flags = admitted.flags
        if opened.skipsFlush { flags.insert(.noflush) }
        // A passthrough open with any other flag is refused with EIO (`fuse_file_passthrough_open`).
        if opened.nonSeekable, admitted.backing == nil { flags.insert(.nonseekable) }
        return OpenOut(fh: opened.handle.rawValue, open_flags: flags.rawValue, backing_id: admitted.backing?.rawValue ?? 0)
    }

    func read(_ message: borrowing RequestMessage, _ output: inout OutputRawSpan) throws(Errno) {
        let fields = try message.fields(ReadIn.self)
        let request = try message.request()
        let file = message.file(fields.fh)
        try output.append(upTo: Int(fields.size)) { (data) throws(Errno) in
            try fileSystem.read(file, at: fields.offset, into: &data, for: request)
        }
    }

    func write(_ message: borrowing RequestMessage, _ output: inout OutputRawSpan) throws(Errno) {
        let fields = try message.fields(WriteIn.self)
        var payload = message.payloadReader
        let data = try payload.data(fields.size)
        let count = try fileSystem.write(
            message.file(fields.fh), at: fields.offset, data, WriteOptions(fields), for: message.request())
        // More than was asked for would be taken for a broken server.
        try output.put(WriteOut(size: min(UInt32(clamping: count), fields.size)))
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
        try output.put(LseekOut(offset: offset))
    }

    func copyFileRange(_ message: borrowing RequestMessage, _ output: inout OutputRawSpan) throws(Errno) {
        let fields = try message.fields(CopyFileRangeIn.self)
        // The older form answers in 32 bits (7.45 brought the other): a copy may be shorter than asked for.
        let isWide = message.opcode == .copyFileRange64
        let target = OpenFile(node: NodeID(rawValue: fields.nodeid_out), handle: FileHandle(rawValue: fields.fh_out))
        let count = try fileSystem.copyFileRange(
            from: message.file(fields.fh_in), at: fields.off_in, to: target, at: fields.off_out,
            length: isWide ? fields.len : min(fields.len, 1 << 30), flags: fields.flags, for: message.request())
        if isWide {
            try output.put(CopyFileRangeOut(bytes_copied: count))
        } else {
            try output.put(WriteOut(size: UInt32(clamping: count)))
        }
    }

    // MARK: Locks

    func getlk(_ message: borrowing RequestMessage, _ output: inout OutputRawSpan) throws(Errno) {
        let fields = try message.fields(LkIn.self)
        let wanted = try FileLock(fields.lk)
        let found = try fileSystem.getlk(
            message.file(fields.fh), wanted, owner: LockOwner(rawValue: fields.owner), for: message.request())
        var answer = found ?? wanted
        if found == nil { answer.kind = .unlock }
        try output.put(
            LkOut(lk: FUSEWire.FileLock(
                start: answer.start, end: answer.end, type: UInt32(answer.kind.rawValue), pid: UInt32(bitPattern: answer.process))))
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
    init(_ lock: FUSEWire.FileLock) throws(Errno) {
        guard let kind = Kind(rawValue: Int32(truncatingIfNeeded: lock.type)), lock.start <= lock.end, lock.end <= Int64.max else {
            throw .invalidArgument
        }
        self.init(kind: kind, start: lock.start, end: lock.end, process: Int32(bitPattern: lock.pid))
    }
}
