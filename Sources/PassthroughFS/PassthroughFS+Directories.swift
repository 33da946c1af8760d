// SPDX-License-Identifier: MIT

public import FUSE
import Glibc
public import SystemPackage

// Places in a directory are the source's own cookies, so an open directory is a descriptor and the position that it has.
// Nothing that was read is kept between requests, and the descriptor need not be: opened again it is set to the cookie.
//
// Where directories are not opened (`omitted`) a request names the directory alone: what it goes on with is in `streams`.

extension PassthroughFS {
    public func opendir(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> OpenedDirectory {
        let inode = try inodes.pin(node)
        guard inode.type == S_IFDIR else { throw .notDirectory }
        let opened = try relief.relieving { () throws(Errno) in try SystemCall.openDirectory(inode.descriptor) }
        let handle = try openFiles.insert(opened, .directory, of: node, kept: !mayOpenAgain)
        switch freshness.listings {
        case .none: return OpenedDirectory(handle: handle)
        case .kept: return OpenedDirectory(handle: handle, cachesEntries: true, keepsCache: true)
        case .checked:
            // The kernel drops what it is not to keep when it gets this answer.
            return OpenedDirectory(handle: handle, cachesEntries: true, keepsCache: keepsListing(of: inode, node))
        }
    }

    public func readdir(
        _ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryWriter, for request: Request
    ) throws(Errno) {
        let inode = try inodes.pin(directory.node)
        try read(directory, inode, from: offset, capacity: entries.freeCapacity) { (entry, _) in
            let number = devices.shown(entry.inode, on: inode.device)
            return entry.withName { entries.add($0, inode: number, type: entry.type, next: entry.next) }
        }
    }

    public func readdirplus(
        _ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryPlusWriter, for request: Request
    ) throws(Errno) {
        let inode = try inodes.pin(directory.node)
        // An entry takes some five times what it takes in the source's listing: what is read and has no room is read anew.
        var capacity = 4096
        if !entries.hasRoom(forNameOf: 8192) { capacity = 2048 }
        if entries.hasRoom(forNameOf: 65536) { capacity = 16384 }
        var news = 0
        try read(directory, inode, from: offset, capacity: capacity) { (entry, descriptor) in
            guard entries.hasRoom(forNameOf: entry.nameCount) else { return false }
            var found: Entry?
            if !entry.isDots {
                found = known(entry, in: descriptor, on: inode.device)
                if found == nil {
                    // Each reading of a directory starts with this request, also where the names alone are wanted. Whoever then
                    // asks for what they stand for has the kernel send it again, for the rest.
                    if offset == 0, news == Self.firstLookups { return false }
                    news += 1
                    // Without a lookup where it fails: gone meanwhile, or no descriptor left. The user learns of that who asks
                    // for this very name; the listing is right all the same.
                    found = try? findEntry(entry, in: descriptor)
                }
            }
            let number = devices.shown(entry.inode, on: inode.device)
            let added = entry.withName {
                entries.add($0, entry: found, inode: number, type: entry.type, next: entry.next)
            }
            if !added, let found { inodes.forget(found.node, lookups: 1) }
            return added
        }
    }

    /// How many inodes that the kernel does not know are looked up for a reading that may want names alone.
    static var firstLookups: Int { 64 }

    /// What an entry stands for, with one lookup more, where that is known: so the answer takes two calls, and no descriptor.
    ///
    /// The handle comes first. If the name is given to another file between the two calls it is the old one's, which is stale; the
    /// other way round somebody could be let in to the new one by what the old one allowed.
    private func known(_ entry: SourceEntry, in directory: FileDescriptor, on device: UInt64) -> Entry? {
        guard let source = mounts.sourceID, device == self.device, inodes.known(device: device, inode: entry.inode) != nil,
            case (var handle, let mountID)? = try? entry.handle(in: directory), mountID == source, !handle.isNone,
            let status = try? entry.status(in: directory), UInt64(status.st_dev) == device, UInt64(status.st_ino) == entry.inode
        else { return nil }
        handle.mount = SourceMounts.source
        return inodes.retain(device: device, inode: entry.inode, handle: handle).map { makeEntry($0, status, []) }
    }

    private func findEntry(_ entry: SourceEntry, in directory: FileDescriptor) throws(Errno) -> Entry {
        try findEntry(in: directory) { (directory) throws(Errno) in try entry.find(in: directory) }
    }

    public func releasedir(_ directory: OpenFile, for request: Request) { openFiles.close(directory.handle, .directory) }

    public func fsyncdir(_ directory: OpenFile, dataOnly: Bool, for request: Request) throws(Errno) {
        try withDirectory(directory) { (descriptor) throws(Errno) in try SystemCall.sync(descriptor, dataOnly: dataOnly) }
    }

    /// Lends the descriptor of a directory that is open, or opens it for the time of the call.
    func withDirectory<R>(_ directory: OpenFile, _ body: (FileDescriptor) throws(Errno) -> R) throws(Errno) -> R {
        guard directory.handle == .none else {
            let open = try openFiles.pin(directory.handle, .directory)
            return try body(open.descriptor)
        }
        let inode = try inodes.pin(directory.node)
        let opened = try relief.relieving { () throws(Errno) in try SystemCall.openDirectory(inode.descriptor) }
        defer { SystemCall.close(opened) }
        return try body(opened)
    }

    /// Hands out the entries from a place on, and the descriptor that they are read by, until `body` wants no more.
    private func read(
        _ directory: OpenFile, _ inode: borrowing Inode, from offset: DirectoryOffset, capacity: Int,
        _ body: (SourceEntry, FileDescriptor) -> Bool
    ) throws(Errno) {
        guard inode.type == S_IFDIR else { throw .notDirectory }
        noteListing(of: inode, directory.node, from: offset)
        guard directory.handle == .none else {
            let open = try openFiles.pin(directory.handle, .directory)
            let descriptor = open.descriptor
            return try read(open, from: offset, capacity: capacity) { body($0, descriptor) }
        }
        let place = try UInt64(offset.rawValue.fileOffset)
        var stream: DirectoryStreams.Stream
        if place != 0, let kept = streams.take(directory.node, at: place) {
            stream = kept
        } else {
            let opened = try relief.relieving { () throws(Errno) in try SystemCall.openDirectory(inode.descriptor) }
            stream = DirectoryStreams.Stream(node: directory.node, offset: 0, position: 0, descriptor: opened)
        }
        let descriptor = stream.descriptor
        var last = place
        do throws(Errno) {
            if stream.position != place { _ = try SystemCall.seek(descriptor, to: Int64(place), SEEK_SET) }
            let end = try SystemCall.entries(of: descriptor, capacity: capacity) { entry in
                let isWanted = body(entry, descriptor)
                if isWanted { last = entry.next.rawValue }
                return isWanted
            }
            // At its end nobody goes on.
            guard let end else { return SystemCall.close(descriptor) }
            stream.position = end
        } catch {
            SystemCall.close(descriptor)
            throw error
        }
        stream.offset = last
        streams.put(stream)
    }

    /// Hands out the entries of an open directory.
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
