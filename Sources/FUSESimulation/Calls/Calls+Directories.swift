// SPDX-License-Identifier: MIT

import FUSE
import FUSEWire
import Glibc
public import SystemPackage

/// An entry of a directory, as `getdents64(2)` has it.
public struct ListedEntry: Hashable, Sendable {
    public var name: String
    public var inode: UInt64
    /// `DT_REG` and the like.
    public var type: UInt8
    /// Where the listing goes on behind it.
    public var next: Int64
}

/// What the server has sent of a directory, and is not handed out.
struct Listing {
    var entries: [ListedEntry] = []
}

extension SimulatedProcess {
    /// The next entries of an open directory, as many as go into so many bytes; none at the end. C counterpart:
    /// `getdents64(2)`. What is remembered of a listing is never used again: each reading asks the server.
    public func readdir(_ descriptor: Descriptor, room: Int = 32768) throws(Errno) -> [ListedEntry] {
        try call { () throws(Errno) in
            let file = try openFile(descriptor)
            guard file.inode.isDirectory else { throw .notDirectory }
            if file.inode.attributes.nlink == 0, file.position == 0, file.listing.entries.isEmpty, !file.name.isLinked {
                throw .noSuchFileOrDirectory
            }
            var taken: [ListedEntry] = []
            var left = room
            while true {
                if file.listing.entries.isEmpty {
                    // What was not asked for yet stays with the server until the next call.
                    if !taken.isEmpty { return taken }
                    file.listing.entries = try kernel.list(file, self)
                    if file.listing.entries.isEmpty { return [] }
                }
                let size = FUSEProtocol.aligned(20 + file.listing.entries[0].name.utf8.count)
                guard size <= left else {
                    if taken.isEmpty { throw .invalidArgument }
                    return taken
                }
                left -= size
                let entry = file.listing.entries.removeFirst()
                file.position = UInt64(bitPattern: entry.next)
                taken.append(entry)
            }
        }
    }

    /// All entries of a directory but `.` and `..`, in the order in which they come.
    public func list(_ path: String) throws(Errno) -> [ListedEntry] {
        let directory = try open(path, O_RDONLY)
        defer { try? close(directory) }
        var entries: [ListedEntry] = []
        while true {
            let more = try readdir(directory)
            if more.isEmpty { return entries.filter { $0.name != "." && $0.name != ".." } }
            entries += more
        }
    }
}

extension SimulatedKernel {
    /// READDIR or READDIRPLUS from where the file is. ENOSYS to the one does not bring the other: it is the caller's. Source:
    /// `fuse_readdir_uncached`.
    fileprivate func list(_ file: KernelFile, _ process: SimulatedProcess) throws(Errno) -> [ListedEntry] {
        let inode = file.inode
        if inode.isBad { throw .ioError }
        var isPlus = has(.doReaddirplus)
        if isPlus, has(.readdirplusAuto) { isPlus = inode.advisesPlus || file.position == 0 }
        inode.advisesPlus = false
        var body: [UInt8] = []
        body.put(ReadIn(fh: file.handle, offset: file.position, size: UInt32(Limits.page), flags: UInt32(bitPattern: file.flags)))
        let reply = try exchange(isPlus ? .readdirplus : .readdir, inode.node, body, .upTo(Limits.page), for: process)
        inode.attributesUntil = 0
        var listed: [ListedEntry] = []
        var links: [(name: [UInt8], entry: EntryOut)] = []
        let isWhole = reply.lend { (bytes) -> Bool in
            var reader = DirectoryReader(bytes, isPlus: isPlus)
            do {
                while let entry = try reader.next() {
                    let name = [UInt8](entry.name)
                    guard !name.contains(UInt8(ascii: "/")) else { return false }
                    listed.append(
                        ListedEntry(
                            name: String(decoding: name, as: UTF8.self), inode: entry.dirent.ino,
                            type: UInt8(truncatingIfNeeded: entry.dirent.type), next: Int64(bitPattern: entry.dirent.off)))
                    if let out = entry.entry_out, name != [46], name != [46, 46] { links.append((name, out)) }
                }
            } catch WireError.truncated {
                // Passed over in silence, as Linux does.
            } catch {
                return false
            }
            return true
        }
        for link in links { learn(link.name, link.entry, in: file.name) }
        guard isWhole else { throw .ioError }
        return listed
    }

    /// An entry of READDIRPLUS is a lookup. Source: `fuse_direntplus_link`.
    private func learn(_ bytes: [UInt8], _ entry: EntryOut, in parent: KernelName) {
        guard entry.nodeid != 0 else { return }
        if isInvalid(entry.attr) || entry.nodeid == FUSEProtocol.rootID { return forget(entry.nodeid) }
        let inode = inode(entry)
        if let known = parent[bytes], known.inode === inode {
            known.until = deadline(entry.entry_valid, entry.entry_valid_nsec)
            known.epoch = epoch
            return
        }
        _ = try? place(bytes, in: parent, inode, entry)
    }
}
