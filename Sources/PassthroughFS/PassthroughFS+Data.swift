// SPDX-License-Identifier: MIT

public import FUSE
import Glibc
public import SystemPackage

// What is served of open files: everything for those that go through the daemon, and for the others what the kernel leaves
// to it. Read and write are positioned, so the descriptor's own position is nobody's concern.

extension PassthroughFS {
    public func read(
        _ file: OpenFile, at offset: UInt64, into output: inout DataWriter, for request: Request
    ) throws(Errno) {
        let open = try openFiles.pin(file.handle, .file)
        let offset = try offset.fileOffset
        try output.appendInPlace { (room) throws(Errno) in try SystemCall.read(open.descriptor, at: offset, into: &room) }
    }

    public func write(
        _ file: OpenFile, at offset: UInt64, _ data: RawSpan, _ options: WriteOptions, for request: Request
    ) throws(Errno) -> Int {
        let open = try openFiles.pin(file.handle, .file)
        let offset = try offset.fileOffset
        var keepsRights = true
        let isMapped = self.options.idMapped
        if isMapped, !options.contains(.fromCache) {
            keepsRights = try keepsPrivileges(open, file.node, for: request)
        } else if options.contains(.killPrivileges) {
            // The bits stay otherwise, for the daemon has CAP_FSETID. File capabilities go with any write.
            let inode = try inodes.pin(file.node)
            keepsRights = try killPrivileges(of: inode, file.node, untold: request, andCapabilities: false).arePrivileged
        }
        // Who stored what is written back is not told, nor who writes where ids are mapped: the one who opened the file is held to be it.
        let writer = isMapped || options.contains(.fromCache) ? openFiles.opener(of: open) : request.caller
        let assumed = try credentials.limit(to: writer, keepingRights: keepsRights)
        defer { credentials.restore(assumed) }
        if options.contains(.fromCache) { return try writeBack(open.descriptor, at: offset, data) }
        let flags = try syncFlags(options, open.descriptor)
        if options.contains(.append) { return try SystemCall.append(open.descriptor, data, flags) }
        return try SystemCall.write(open.descriptor, at: offset, data, flags)
    }

    /// What a write is to do that the descriptor does not do anyway: it has what its file was opened with, and a single write
    /// may ask for more. Not more than needed, for some files take no such words (of procfs).
    private func syncFlags(_ options: WriteOptions, _ file: FileDescriptor) throws(Errno) -> SystemCall.WriteFlags {
        guard options.contains(.dataSync) else { return [] }
        let done = try SystemCall.flags(of: file)
        if options.contains(.sync) { return done & O_SYNC == O_SYNC ? [] : .sync }
        return done & O_DSYNC != 0 ? [] : .dataSync
    }

    /// Writes cached pages: all of them, for the kernel takes no notice of a short answer (`fuse_writepage_end`).
    ///
    /// What was stored through a mapping took no file capabilities away, so its being written back must not either.
    private func writeBack(_ file: FileDescriptor, at offset: Int64, _ data: RawSpan) throws(Errno) -> Int {
        var done = SystemCall.hasCapabilities(file) ? SystemCall.store(file, at: offset, data) : 0
        while done < data.byteCount {
            let written = try SystemCall.write(file, at: offset &+ Int64(done), data.extracting(done..<data.byteCount))
            guard written > 0 else { throw .ioError }
            done &+= written
        }
        return done
    }

    public func flush(_ file: OpenFile, owner: LockOwner, for request: Request) throws(Errno) {
        locks?.flush(file, owner: owner)
        let open = try openFiles.pin(file.handle, .file)
        try relief.relieving { () throws(Errno) in try SystemCall.flush(open.descriptor) }
    }

    public func release(_ file: OpenFile, for request: Request) {
        locks?.release(file)
        if let stored = openFiles.close(file.handle, .file) { inodes.removeStorer(from: stored) }
    }

    public func fsync(_ file: OpenFile, dataOnly: Bool, for request: Request) throws(Errno) {
        let open = try openFiles.pin(file.handle, .file)
        try SystemCall.sync(open.descriptor, dataOnly: dataOnly)
    }

    public func fallocate(
        _ file: OpenFile, mode: Int32, offset: UInt64, length: UInt64, for request: Request
    ) throws(Errno) {
        let open = try openFiles.pin(file.handle, .file)
        try changingContent(of: open, file.node, for: asker(request)) { () throws(Errno) in
            try SystemCall.fallocate(open.descriptor, mode: mode, offset: offset.fileOffset, length: length.fileOffset)
        }
    }

    public func lseek(_ file: OpenFile, offset: UInt64, whence: Int32, for request: Request) throws(Errno) -> UInt64 {
        // SEEK_DATA and SEEK_HOLE; the kernel does the others by itself.
        guard whence == 3 || whence == 4 else { throw .invalidArgument }
        let open = try openFiles.pin(file.handle, .file)
        // Also before the start of the file: that the source has its own word for.
        return try SystemCall.seek(open.descriptor, to: Int64(bitPattern: offset), whence)
    }

    /// Passes on what reads and sets attribute flags (`chattr(1)`, project ids), which the source then checks for itself. All
    /// else is refused: the kernel hands a command over without saying whether the caller may.
    public func ioctl(
        _ file: OpenFile, _ command: IoctlCommand, _ input: RawSpan, into output: inout DataWriter, for request: Request
    ) throws(Errno) -> Int32 {
        // FS_IOC_GETFLAGS, SETFLAGS, FSGETXATTR, FSSETXATTR of linux/fs.h. Of a 32-bit caller the structures may look
        // otherwise, and no command says how.
        guard [0x8008_6601, 0x4008_6602, 0x801c_581f, 0x401c_5820].contains(command.number), !command.isCompat else {
            throw .inappropriateIOCTLForDevice
        }
        if command.isOnDirectory {
            try withDirectory(file) { (descriptor) throws(Errno) in
                try control(descriptor, command, input, into: &output, for: request)
            }
        } else {
            let open = try openFiles.pin(file.handle, .file)
            try control(open.descriptor, command, input, into: &output, for: request)
        }
        // Setting them moves the time of change, of which the kernel hears nothing.
        if [0x4008_6602, 0x401c_5820].contains(command.number) { tellChange(of: file.node) }
        return 0
    }

    private func control(
        _ file: FileDescriptor, _ command: IoctlCommand, _ input: RawSpan, into output: inout DataWriter, for request: Request
    ) throws(Errno) {
        // Where ids are mapped the source could not tell an owner, and the kernel has.
        let assumed = try options.idMapped
            ? credentials.limit(to: asker(request).caller) : credentials.assume(request.caller, boundAs: request.caller)
        defer { credentials.restore(assumed) }
        try output.appendInPlace { (room) throws(Errno) in
            try SystemCall.control(file, command.number, input: input, into: &room)
        }
    }

    public func copyFileRange(
        from source: OpenFile, at sourceOffset: UInt64, to destination: OpenFile, at destinationOffset: UInt64,
        length: UInt64, flags: UInt64, for request: Request
    ) throws(Errno) -> UInt64 {
        guard flags <= UInt64(UInt32.max) else { throw .invalidArgument }
        let from = try openFiles.pin(source.handle, .file)
        let to = try openFiles.pin(destination.handle, .file)
        return try changingContent(of: to, destination.node, for: asker(request)) { () throws(Errno) in
            // No call copies more than MAX_RW_COUNT of linux/fs.h: a longer copy is done in parts.
            try SystemCall.copy(
                from: from.descriptor, at: sourceOffset.fileOffset, to: to.descriptor, at: destinationOffset.fileOffset,
                length: Int(min(length, 0x7fff_f000)), flags: UInt32(flags))
        }
    }
}
