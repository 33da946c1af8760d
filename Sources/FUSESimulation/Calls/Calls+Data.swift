// SPDX-License-Identifier: MIT

import FUSE
import FUSEWire
import Glibc
public import SystemPackage

// Reading and writing. Source of the rules: `fs/fuse/file.c` and `passthrough.c` of Linux.

extension SimulatedProcess {
    public func read(_ descriptor: Descriptor, _ count: Int) throws(Errno) -> [UInt8] {
        try call { () throws(Errno) in
            let file = try openFile(descriptor)
            let bytes = try kernel.read(file, at: file.position, count, self)
            file.position += UInt64(bytes.count)
            return bytes
        }
    }

    public func pread(_ descriptor: Descriptor, _ count: Int, at offset: Int64) throws(Errno) -> [UInt8] {
        guard offset >= 0 else { throw .invalidArgument }
        return try call { () throws(Errno) in try kernel.read(openFile(descriptor), at: UInt64(offset), count, self) }
    }

    public func write(_ descriptor: Descriptor, _ bytes: [UInt8]) throws(Errno) -> Int {
        try call { () throws(Errno) in
            let file = try openFile(descriptor)
            let (count, end) = try kernel.write(file, at: file.position, bytes, self)
            file.position = end
            return count
        }
    }

    public func pwrite(_ descriptor: Descriptor, _ bytes: [UInt8], at offset: Int64) throws(Errno) -> Int {
        guard offset >= 0 else { throw .invalidArgument }
        return try call { () throws(Errno) in try kernel.write(openFile(descriptor), at: UInt64(offset), bytes, self).count }
    }

    /// C counterpart: `lseek(2)`. A directory's position is what its listing gave.
    public func lseek(_ descriptor: Descriptor, _ offset: Int64, _ whence: Int32) throws(Errno) -> Int64 {
        try call { () throws(Errno) in try kernel.seek(openFile(descriptor), offset, whence, self) }
    }

    public func fallocate(_ descriptor: Descriptor, mode: Int32, offset: Int64, length: Int64) throws(Errno) {
        try call { () throws(Errno) in
            let file = try openFile(descriptor)
            guard offset >= 0, length > 0 else { throw .invalidArgument }
            guard file.canWrite else { throw .badFileDescriptor }
            guard !offset.addingReportingOverflow(length).overflow else { throw .fileTooLarge }
            // KEEP_SIZE, PUNCH_HOLE (with KEEP_SIZE alone) and ZERO_RANGE. Source: `fuse_file_fallocate`.
            if mode & ~0x13 != 0 || mode & 2 != 0 && mode & 1 == 0 || mode & 0x12 == 0x12 { throw .notSupported }
            try kernel.fallocate(file, mode, UInt64(offset), UInt64(length), self)
        }
    }

    public func fsync(_ descriptor: Descriptor, dataOnly: Bool = false) throws(Errno) {
        try call { () throws(Errno) in
            let file = try openFile(descriptor)
            let opcode: Opcode = file.inode.isDirectory ? .fsyncdir : .fsync
            guard !kernel.missing.contains(opcode) else { return }
            var body: [UInt8] = []
            body.put(FsyncIn(fh: file.handle, fsync_flags: dataOnly ? FsyncFlags.fdatasync.rawValue : 0))
            do throws(Errno) { _ = try kernel.exchange(opcode, file.inode.node, body, for: self) } catch .noFunction {}
        }
    }

    /// C counterpart: `copy_file_range(2)`, with offsets given. Where the server has no such operation the data is read and
    /// written.
    public func copyFileRange(
        _ source: Descriptor, at sourceOffset: Int64, _ target: Descriptor, at targetOffset: Int64, count: Int
    ) throws(Errno) -> Int {
        try call { () throws(Errno) in
            let (from, to) = (try openFile(source), try openFile(target))
            if from.inode.isDirectory || to.inode.isDirectory { throw .isDirectory }
            guard from.canRead, to.canWrite, to.flags & O_APPEND == 0 else { throw .badFileDescriptor }
            guard sourceOffset >= 0, targetOffset >= 0, count >= 0 else { throw .invalidArgument }
            return try kernel.copy(from, UInt64(sourceOffset), to, UInt64(targetOffset), count, self)
        }
    }
}

extension SimulatedKernel {
    func read(_ file: KernelFile, at offset: UInt64, _ count: Int, _ process: SimulatedProcess) throws(Errno) -> [UInt8] {
        guard file.canRead else { throw .badFileDescriptor }
        let inode = file.inode
        if inode.isDirectory { throw .isDirectory }
        if inode.isBad { throw .ioError }
        if case .passthrough(let backing) = file.io, !file.openFlags.contains(.directIO) {
            // The access time has changed behind the server's back.
            inode.attributesUntil = 0
            return try backing.bytes(at: offset, count: count)
        }
        if file.isDirect { return try readDirectly(file, at: offset, count, process) }
        if has(.autoInvalData) || offset + UInt64(count) > inode.attributes.size { _ = try attributes(inode, file, for: process) }
        var bytes: [UInt8] = []
        while bytes.count < count {
            let place = offset + UInt64(bytes.count)
            guard place < inode.attributes.size else { break }
            let page = try page(place / UInt64(Limits.page), of: file, process)
            let start = Int(place % UInt64(Limits.page))
            let end = min(Limits.page, start + count - bytes.count, start + Int(clamping: inode.attributes.size.subtractingSaturated(place)))
            guard start < end else { break }
            bytes += page[start..<end]
        }
        return bytes
    }

    private func readDirectly(_ file: KernelFile, at offset: UInt64, _ count: Int, _ process: SimulatedProcess) throws(Errno) -> [UInt8] {
        var bytes: [UInt8] = []
        let most = agreed?.maximumWrite ?? Limits.page
        while bytes.count < count {
            let wanted = min(most, count - bytes.count)
            let part = try request(file, at: offset + UInt64(bytes.count), wanted, process)
            bytes += part
            if part.count < wanted { break }
        }
        return bytes
    }

    private func request(_ file: KernelFile, at offset: UInt64, _ count: Int, _ process: SimulatedProcess) throws(Errno) -> [UInt8] {
        var body: [UInt8] = []
        body.put(ReadIn(fh: file.handle, offset: offset, size: UInt32(count), flags: UInt32(bitPattern: file.flags)))
        let bytes = try exchange(.read, file.inode.node, body, .upTo(count), for: process)
        file.inode.attributesUntil = 0
        return bytes
    }

    /// A page of the cache, filled if it is not there. A short answer ends the file, as far as is known.
    private func page(_ number: UInt64, of file: KernelFile, _ process: SimulatedProcess) throws(Errno) -> [UInt8] {
        if let page = file.inode.pages[number] { return page }
        let start = number * UInt64(Limits.page)
        var bytes = try request(file, at: start, Limits.page, process)
        let inode = file.inode
        if bytes.count < Limits.page, !has(.writebackCache), start + UInt64(bytes.count) < inode.attributes.size {
            inode.attributes.size = start + UInt64(bytes.count)
        }
        bytes += [UInt8](repeating: 0, count: Limits.page - bytes.count)
        inode.pages[number] = bytes
        return bytes
    }

    func write(
        _ file: KernelFile, at offset: UInt64, _ bytes: [UInt8], _ process: SimulatedProcess
    ) throws(Errno) -> (count: Int, end: UInt64) {
        guard file.canWrite else { throw .badFileDescriptor }
        let inode = file.inode
        if inode.isBad { throw .ioError }
        if bytes.isEmpty { return (0, offset) }
        var start = offset
        if file.flags & O_APPEND != 0 { start = try attributes(inode, file, for: process).size }
        guard start < Limits.fileSize else { throw .fileTooLarge }
        let isPassed: Bool
        if case .passthrough = file.io, !file.openFlags.contains(.directIO) { isPassed = true } else { isPassed = false }
        if isPassed || !has(.handleKillprivV2) { try removePrivileges(inode, process) }
        var count = 0
        if isPassed, case .passthrough(let backing) = file.io {
            do throws(Errno) { count = try backing.put(bytes, at: start) } catch {
                inode.invalidateAttributes()
                throw error
            }
        } else {
            count = try send(file, at: start, bytes, kills: killsPrivileges(process), process)
        }
        if start + UInt64(count) > inode.attributes.size { inode.attributes.size = start + UInt64(count) }
        inode.invalidateAttributes()
        return (count, start + UInt64(count))
    }

    /// In WRITEs, each as large as was agreed; what was written is in the cache then, if the file uses it.
    private func send(
        _ file: KernelFile, at start: UInt64, _ bytes: [UInt8], kills: Bool, _ process: SimulatedProcess
    ) throws(Errno) -> Int {
        var count = 0
        let most = agreed?.maximumWrite ?? Limits.page
        while count < bytes.count {
            let part = Array(bytes[count..<min(bytes.count, count + most)])
            var body: [UInt8] = []
            body.put(
                WriteIn(
                    fh: file.handle, offset: start + UInt64(count), size: UInt32(part.count),
                    write_flags: kills ? WriteFlags.killSuidgid.rawValue : 0, flags: UInt32(bitPattern: file.flags)))
            let reply: [UInt8]
            do throws(Errno) {
                reply = try exchange(.write, file.inode.node, body + part, .exactly(WriteOut.wireSize), for: process)
            } catch {
                if count > 0 { break }
                throw error
            }
            // More than was asked for is no answer. Source: `fuse_send_write_pages`.
            guard let out = reply.structure(WriteOut.self), out.size <= part.count else { throw .ioError }
            let written = Array(part.prefix(Int(out.size)))
            if file.isDirect {
                file.inode.dropPages(from: start + UInt64(count), to: start + UInt64(count + written.count))
            } else {
                file.inode.store(written, at: start + UInt64(count))
            }
            count += written.count
            if written.count < part.count { break }
        }
        return count
    }

    /// What the kernel itself does before a write that no WRITE announces, or that the server does not care for: file
    /// capabilities go by REMOVEXATTR, set-user-id bits by a SETATTR. Source: `file_remove_privs`, `fuse_setattr`.
    private func removePrivileges(_ inode: KernelInode, _ process: SimulatedProcess) throws(Errno) {
        let who = process.credentials
        // Set-group-id stays where the group may not execute, for its members. Source: `setattr_should_drop_suidgid`.
        let hasBits = inode.mode & 0o4000 != 0 || inode.mode & 0o2000 != 0 && (inode.mode & 0o010 != 0 || !who.isMember(of: inode.attributes.gid))
        let mayKill = !who.isPrivileged && hasBits
        var hasCapabilities = false
        let name = Array("security.capability".utf8)
        if !inode.isWithoutCapabilities {
            let size = try? getxattr(name, of: inode, room: 0, for: process)
            hasCapabilities = size.map { !$0.isEmpty } ?? false
        }
        if hasCapabilities { try? removexattr(name, of: inode, for: process) }
        guard mayKill || hasCapabilities else {
            inode.isWithoutCapabilities = true
            return
        }
        var change = SetattrIn()
        if mayKill, !has(.handleKillpriv), !has(.handleKillprivV2) {
            let mode = try attributes(inode, for: process).mode
            change.valid = SetattrValid.mode.rawValue
            change.mode = mode & ~0o4000 & ~(mode & 0o010 != 0 ? 0o2000 : 0)
        }
        try setattr(inode, change, process)
    }

    func seek(_ file: KernelFile, _ offset: Int64, _ whence: Int32, _ process: SimulatedProcess) throws(Errno) -> Int64 {
        let base: Int64
        switch whence {
        case SEEK_SET: base = 0
        case SEEK_CUR: base = Int64(clamping: file.position)
        case SEEK_END: base = Int64(clamping: try attributes(file.inode, file, for: process).size)
        case 3, 4: return try seekData(file, offset, whence, process)
        default: throw .invalidArgument
        }
        if file.openFlags.contains(.nonseekable) { throw .illegalSeek }
        let (place, overflows) = base.addingReportingOverflow(offset)
        guard !overflows else { throw .overflow }
        guard place >= 0 else { throw .invalidArgument }
        file.position = UInt64(place)
        file.listing = Listing()
        return place
    }

    private func seekData(_ file: KernelFile, _ offset: Int64, _ whence: Int32, _ process: SimulatedProcess) throws(Errno) -> Int64 {
        let size = Int64(clamping: try attributes(file.inode, file, for: process).size)
        guard offset >= 0, offset < size || !missing.contains(.lseek) else { throw .noSuchAddressOrDevice }
        if !missing.contains(.lseek) {
            var body: [UInt8] = []
            body.put(LseekIn(fh: file.handle, offset: UInt64(offset), whence: UInt32(whence)))
            do throws(Errno) {
                let reply = try exchange(.lseek, file.inode.node, body, .exactly(LseekOut.wireSize), for: process)
                file.position = reply.structure(LseekOut.self)?.offset ?? 0
                return Int64(clamping: file.position)
            } catch .noFunction {}
        }
        guard offset < size else { throw .noSuchAddressOrDevice }
        // All is data, and a hole behind it.
        file.position = UInt64(whence == 3 ? offset : size)
        return Int64(clamping: file.position)
    }

    func fallocate(_ file: KernelFile, _ mode: Int32, _ offset: UInt64, _ length: UInt64, _ process: SimulatedProcess) throws(Errno) {
        let inode = file.inode
        if inode.isDirectory { throw .isDirectory }
        if missing.contains(.fallocate) { throw .notSupported }
        try removePrivileges(inode, process)
        var body: [UInt8] = []
        body.put(FallocateIn(fh: file.handle, offset: offset, length: length, mode: UInt32(bitPattern: mode)))
        do throws(Errno) { _ = try exchange(.fallocate, inode.node, body, for: process) } catch {
            throw error == .noFunction ? .notSupported : error
        }
        if mode & 1 == 0, offset + length > inode.attributes.size { inode.attributes.size = offset + length }
        if mode & 0x12 != 0 { inode.dropPages(from: offset, to: offset + length) }
        inode.invalidateAttributes()
    }

    func copy(
        _ from: KernelFile, _ start: UInt64, _ to: KernelFile, _ place: UInt64, _ count: Int, _ process: SimulatedProcess
    ) throws(Errno) -> Int {
        if from.inode === to.inode, start < place + UInt64(count), place < start + UInt64(count), count > 0 { throw .invalidArgument }
        let wide = minor >= 45
        let opcode: Opcode = wide ? .copyFileRange64 : .copyFileRange
        if !missing.contains(opcode), from.isKnownToServer, to.isKnownToServer {
            try removePrivileges(to.inode, process)
            var body: [UInt8] = []
            body.put(
                CopyFileRangeIn(
                    fh_in: from.handle, off_in: start, nodeid_out: to.inode.node, fh_out: to.handle, off_out: place, len: UInt64(count)))
            do throws(Errno) {
                let size = wide ? CopyFileRangeOut.wireSize : WriteOut.wireSize
                let reply = try exchange(opcode, from.inode.node, body, .exactly(size), for: process)
                let copied = wide
                    ? Int(clamping: reply.structure(CopyFileRangeOut.self)?.bytes_copied ?? 0) : Int(reply.structure(WriteOut.self)?.size ?? 0)
                guard copied <= count else { throw Errno.ioError }
                to.inode.dropPages(from: place, to: place + UInt64(copied))
                if place + UInt64(copied) > to.inode.attributes.size { to.inode.attributes.size = place + UInt64(copied) }
                to.inode.invalidateAttributes()
                from.inode.attributesUntil = 0
                return copied
            } catch {
                guard error == .noFunction || error == .notSupported || error == .improperLink else { throw error }
            }
        }
        let bytes = try read(from, at: start, min(count, 1 << 20), process)
        return bytes.isEmpty ? 0 : try write(to, at: place, bytes, process).count
    }
}

extension KernelInode {
    /// Puts data into the pages that are there, and makes those that it fills whole or that lie beyond the end.
    func store(_ bytes: [UInt8], at offset: UInt64) {
        var done = 0
        while done < bytes.count {
            let place = offset + UInt64(done)
            let (number, start) = (place / UInt64(Limits.page), Int(place % UInt64(Limits.page)))
            let count = min(Limits.page - start, bytes.count - done)
            if count == Limits.page {
                pages[number] = Array(bytes[done..<done + count])
            } else if pages[number] != nil {
                pages[number]?.replaceSubrange(start..<start + count, with: bytes[done..<done + count])
            }
            done += count
        }
    }
}

extension UInt64 {
    func subtractingSaturated(_ other: UInt64) -> UInt64 { self > other ? self - other : 0 }
}
