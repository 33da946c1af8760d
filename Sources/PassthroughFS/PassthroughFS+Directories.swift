// SPDX-License-Identifier: MIT

public import FUSE
import Glibc
public import SystemPackage

// Places in a directory are the source's own cookies, so an open directory is a descriptor and the position that it has.
// Nothing that was read is kept between requests, and the descriptor need not be: opened again it is set to the cookie.

extension PassthroughFS {
    public func opendir(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> OpenedDirectory {
        let inode = try inodes.pin(node)
        guard inode.type == S_IFDIR else { throw .notDirectory }
        let opened = try relief.relieving { () throws(Errno) in try SystemCall.openDirectory(inode.descriptor) }
        let handle = try openFiles.insert(opened, .directory, of: node, kept: !mayOpenAgain)
        // The kernel tells by the modification time whether what it remembers is good, and of two changes within one tick
        // of the clock it misses one for good. So only where nobody else changes the source: its own changes it knows.
        let caches = options.cache == .always && locks == nil
        return OpenedDirectory(handle: handle, cachesEntries: caches, keepsCache: caches)
    }

    public func readdir(
        _ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryWriter, for request: Request
    ) throws(Errno) {
        let open = try openFiles.pin(directory.handle, .directory)
        let device = try inodes.device(of: directory.node)
        try read(open, from: offset, capacity: entries.freeCapacity) { entry in
            let inode = devices.shown(entry.inode, on: device)
            return entry.withName { entries.add($0, inode: inode, type: entry.type, next: entry.next) }
        }
    }

    public func readdirplus(
        _ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryPlusWriter, for request: Request
    ) throws(Errno) {
        let open = try openFiles.pin(directory.handle, .directory)
        let device = try inodes.device(of: directory.node)
        // An entry takes some five times what it takes in the source's listing: what is read and has no room is read anew.
        var capacity = 4096
        if !entries.hasRoom(forNameOf: 8192) { capacity = 2048 }
        if entries.hasRoom(forNameOf: 65536) { capacity = 16384 }
        try read(open, from: offset, capacity: capacity) { entry in
            guard entries.hasRoom(forNameOf: entry.nameCount) else { return false }
            // Without a lookup where it fails: gone meanwhile, or no descriptor left. The user learns of that who asks for
            // this very name; the listing is right all the same.
            let found = entry.isDots ? nil : try? self.entry(entry, in: open.descriptor)
            let inode = devices.shown(entry.inode, on: device)
            let added = entry.withName {
                entries.add($0, entry: found, inode: inode, type: entry.type, next: entry.next)
            }
            if !added, let found { inodes.forget(found.node, lookups: 1) }
            return added
        }
    }

    private func entry(_ entry: SourceEntry, in directory: FileDescriptor) throws(Errno) -> Entry {
        try self.entry(in: directory) { (directory) throws(Errno) in try entry.find(in: directory) }
    }

    public func releasedir(_ directory: OpenFile, for request: Request) { openFiles.close(directory.handle, .directory) }

    public func fsyncdir(_ directory: OpenFile, dataOnly: Bool, for request: Request) throws(Errno) {
        let open = try openFiles.pin(directory.handle, .directory)
        try SystemCall.sync(open.descriptor, dataOnly: dataOnly)
    }

    /// Hands out the entries from a place on until `body` wants no more.
    private func read(
        _ open: borrowing OpenDescriptor, from offset: DirectoryOffset, capacity: Int, _ body: (SourceEntry) -> Bool
    ) throws(Errno) {
        let offset = try offset.rawValue.fileOffset
        let descriptor = open.descriptor
        guard let position = openFiles.takePosition(of: open) else {
            // Another thread reads through the same handle. The kernel lets one at a time, so this is rare, and may cost
            // a descriptor of its own.
            let own = try relief.relieving { () throws(Errno) in try SystemCall.openDirectory(descriptor) }
            defer { SystemCall.close(own) }
            if offset != 0 { _ = try SystemCall.seek(own, to: offset, SEEK_SET) }
            _ = try SystemCall.entries(of: own, capacity: capacity, body)
            return
        }
        // Unknown until a call has told: no cookie is negative.
        var now = OpenFiles.unknown
        defer { openFiles.returnPosition(now, of: open) }
        // At 0 the listing is wanted anew, also where the descriptor never moved: seeking makes the source forget what it
        // has gathered.
        if offset == 0 || position != UInt64(offset) { _ = try SystemCall.seek(descriptor, to: offset, SEEK_SET) }
        now = UInt64(offset)
        if let end = try SystemCall.entries(of: descriptor, capacity: capacity, body) { now = end }
    }
}
