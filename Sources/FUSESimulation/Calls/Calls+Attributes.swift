// SPDX-License-Identifier: MIT

public import FUSE
import FUSEWire
import Glibc
public import SystemPackage

// Attributes. Source of the rules: `fs/attr.c` and `fs/fuse/dir.c` of Linux.

extension SimulatedProcess {
    public func stat(_ path: String, followsLinks: Bool = true) throws(Errno) -> Attributes {
        try call(path) { (path, intent) throws(Errno) in
            guard let inode = try kernel.walk(path, follows: followsLinks, for: self, intent).inode else { throw .noSuchFileOrDirectory }
            return Attributes(try kernel.attributes(inode, for: self))
        }
    }

    public func stat(_ descriptor: Descriptor) throws(Errno) -> Attributes {
        try call { () throws(Errno) in
            let file = try file(descriptor)
            return Attributes(try kernel.attributes(file.inode, file.isKnownToServer ? file : nil, for: self))
        }
    }

    /// With `Attributes.created`, where the filesystem says it. C counterpart: `statx(2)` with `STATX_BTIME`.
    public func statx(_ path: String, followsLinks: Bool = true) throws(Errno) -> Attributes {
        try call(path) { (path, intent) throws(Errno) in
            guard let inode = try kernel.walk(path, follows: followsLinks, for: self, intent).inode else { throw .noSuchFileOrDirectory }
            let created = try kernel.birth(of: inode, for: self)
            var attributes = Attributes(try kernel.attributes(inode, for: self))
            attributes.created = created
            return attributes
        }
    }

    public func chmod(_ path: String, _ mode: UInt32) throws(Errno) {
        try change(path) { (inode) throws(Errno) in try kernel.chmod(inode, mode, self) }
    }

    public func fchmod(_ descriptor: Descriptor, _ mode: UInt32) throws(Errno) {
        try call { () throws(Errno) in try kernel.chmod(openFile(descriptor).inode, mode, self) }
    }

    /// Nil leaves a thing as it is.
    public func chown(_ path: String, user: UInt32?, group: UInt32?, followsLinks: Bool = true) throws(Errno) {
        try change(path, followsLinks) { (inode) throws(Errno) in try kernel.chown(inode, user, group, self) }
    }

    public func fchown(_ descriptor: Descriptor, user: UInt32?, group: UInt32?) throws(Errno) {
        try call { () throws(Errno) in try kernel.chown(openFile(descriptor).inode, user, group, self) }
    }

    public func truncate(_ path: String, _ size: Int64) throws(Errno) {
        guard size >= 0 else { throw .invalidArgument }
        try change(path) { (inode) throws(Errno) in
            if inode.isDirectory { throw .isDirectory }
            guard inode.isRegular else { throw .invalidArgument }
            try kernel.permission(inode, .write, for: self)
            try kernel.truncate(inode, to: UInt64(size), file: nil, self)
        }
    }

    public func ftruncate(_ descriptor: Descriptor, _ size: Int64) throws(Errno) {
        try call { () throws(Errno) in
            let file = try openFile(descriptor)
            guard size >= 0, file.inode.isRegular, file.canWrite else { throw .invalidArgument }
            try kernel.truncate(file.inode, to: UInt64(size), file: file, self)
        }
    }

    /// C counterpart: `utimensat(2)`; nil is `UTIME_OMIT`.
    public func utimens(
        _ path: String, accessed: AttributeChanges.Time?, modified: AttributeChanges.Time?, followsLinks: Bool = true
    ) throws(Errno) {
        try change(path, followsLinks) { (inode) throws(Errno) in
            if accessed == nil, modified == nil { return }
            // Setting both to now is for whoever may write; all else for the owner.
            if accessed == .now, modified == .now {
                if !kernel.owns(inode, self) { try kernel.permission(inode, .write, for: self) }
            } else if !kernel.owns(inode, self) {
                throw .notPermitted
            }
            try kernel.setattr(inode, SetattrIn(accessed: accessed, modified: modified), self)
        }
    }

    /// C counterpart: `faccessat2(2)` with effective ids.
    public func access(_ path: String, _ wanted: AccessCheck) throws(Errno) {
        guard wanted.rawValue <= 7 else { throw .invalidArgument }
        try change(path) { (inode) throws(Errno) in
            if !wanted.isEmpty { try kernel.permission(inode, wanted, for: self, isAccess: true) }
        }
    }

    public func statfs(_ path: String = "/") throws(Errno) -> FileSystemStatistics {
        try call(path) { (path, intent) throws(Errno) in
            guard let inode = try kernel.walk(path, for: self, intent).inode else { throw .noSuchFileOrDirectory }
            let reply = try kernel.exchange(.statfs, inode.node, [], .exactly(StatfsOut.wireSize), for: self)
            guard let out = reply.structure(StatfsOut.self) else { throw .ioError }
            return FileSystemStatistics(out.st)
        }
    }

    private func change(_ path: String, _ followsLinks: Bool = true, _ body: (KernelInode) throws(Errno) -> Void) throws(Errno) {
        try call(path) { (path, intent) throws(Errno) in
            guard let inode = try kernel.walk(path, follows: followsLinks, for: self, intent).inode else { throw .noSuchFileOrDirectory }
            try body(inode)
        }
    }
}

extension SimulatedKernel {
    func setattr(_ inode: KernelInode, _ change: SetattrIn, _ process: SimulatedProcess) throws(Errno) {
        if inode.isBad { throw .ioError }
        var body: [UInt8] = []
        body.put(change)
        let reply = try exchange(.setattr, inode.node, body, .exactly(AttrOut.wireSize), for: process)
        guard let out = reply.structure(AttrOut.self) else { throw .ioError }
        try accept(out, for: inode)
    }

    func truncate(_ inode: KernelInode, to size: UInt64, file: KernelFile?, _ process: SimulatedProcess) throws(Errno) {
        var change = SetattrIn(valid: SetattrValid.size.rawValue, size: size)
        if let file {
            change.valid |= SetattrValid.fh.rawValue
            change.fh = file.handle
        }
        if killsPrivileges(process) { change.valid |= SetattrValid.killSuidgid.rawValue }
        try setattr(inode, change, process)
        inode.dropPages(from: size)
        // The last page, too: what lies beyond the end in it must read as zeros when the file grows again.
        if size % UInt64(Limits.page) != 0 { inode.pages[size / UInt64(Limits.page)] = nil }
    }

    fileprivate func chmod(_ inode: KernelInode, _ mode: UInt32, _ process: SimulatedProcess) throws(Errno) {
        if inode.isLink { throw .notSupported }
        let attributes = try attributes(inode, for: process)
        guard owns(inode, process) else { throw .notPermitted }
        var mode = mode & 0o7777
        if !process.credentials.isPrivileged, !process.credentials.isMember(of: attributes.gid) { mode &= ~0o2000 }
        try setattr(inode, SetattrIn(valid: SetattrValid.mode.rawValue, mode: inode.type | mode), process)
    }

    fileprivate func chown(_ inode: KernelInode, _ user: UInt32?, _ group: UInt32?, _ process: SimulatedProcess) throws(Errno) {
        let attributes = try attributes(inode, for: process)
        let who = process.credentials
        if !who.isPrivileged {
            if let user, user != attributes.uid || who.user != attributes.uid { throw .notPermitted }
            if let group, who.user != attributes.uid || !(group == attributes.gid || who.isMember(of: group)) { throw .notPermitted }
        }
        var change = SetattrIn(uid: user ?? 0, gid: group ?? 0)
        if user != nil { change.valid |= SetattrValid.uid.rawValue }
        if group != nil { change.valid |= SetattrValid.gid.rawValue }
        if !inode.isDirectory, attributes.mode & 0o6000 != 0 {
            if has(.handleKillprivV2) {
                change.valid |= SetattrValid.killSuidgid.rawValue
            } else if !has(.handleKillpriv) {
                change.valid |= SetattrValid.mode.rawValue
                change.mode = attributes.mode & ~0o4000 & ~(attributes.mode & 0o010 != 0 ? 0o2000 : 0)
            }
        }
        try setattr(inode, change, process)
    }
}

extension SetattrIn {
    fileprivate init(accessed: AttributeChanges.Time?, modified: AttributeChanges.Time?) {
        self.init()
        switch accessed {
        case .now: valid |= SetattrValid.atime.rawValue | SetattrValid.atimeNow.rawValue
        case .at(let time):
            valid |= SetattrValid.atime.rawValue
            (atime, atimensec) = (UInt64(bitPattern: time.seconds), time.nanoseconds)
        case nil: break
        }
        switch modified {
        case .now: valid |= SetattrValid.mtime.rawValue | SetattrValid.mtimeNow.rawValue
        case .at(let time):
            valid |= SetattrValid.mtime.rawValue
            (mtime, mtimensec) = (UInt64(bitPattern: time.seconds), time.nanoseconds)
        case nil: break
        }
    }
}

extension Attributes {
    init(_ attr: Attr) {
        self.init(
            inode: attr.ino, mode: FileMode(rawValue: CModeT(attr.mode)), size: attr.size, linkCount: attr.nlink,
            owner: UserID(rawValue: attr.uid), group: GroupID(rawValue: attr.gid))
        blocks = attr.blocks
        accessed = Timestamp(seconds: Int64(bitPattern: attr.atime), nanoseconds: attr.atimensec)
        modified = Timestamp(seconds: Int64(bitPattern: attr.mtime), nanoseconds: attr.mtimensec)
        changed = Timestamp(seconds: Int64(bitPattern: attr.ctime), nanoseconds: attr.ctimensec)
        device = DeviceNumber(major: (attr.rdev >> 8) & 0xfff, minor: (attr.rdev & 0xff) | ((attr.rdev >> 12) & 0xfff00))
        blockSize = attr.blksize
    }
}

extension FileSystemStatistics {
    fileprivate init(_ st: Kstatfs) {
        self.init()
        (blocks, freeBlocks, availableBlocks, files, freeFiles) = (st.blocks, st.bfree, st.bavail, st.files, st.ffree)
        (blockSize, maximumNameLength, fragmentSize) = (st.bsize, st.namelen, st.frsize)
    }
}
