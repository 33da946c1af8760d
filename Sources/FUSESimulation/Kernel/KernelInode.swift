// SPDX-License-Identifier: MIT

import BackingTableHost
import FUSE
import FUSEWire
import Glibc
import SystemPackage

/// What the kernel knows of a node.
final class KernelInode {
    let node: UInt64
    let generation: UInt64
    var attributes: Attr
    /// Until when they may be relied on; 0: not at all. C counterpart: `fuse_inode.i_time`.
    var attributesUntil: UInt64 = 0
    /// How many lookups the server has counted for this kernel.
    private(set) var lookups: UInt64 = 0
    /// The server said what cannot be: everything about it fails with EIO.
    var isBad = false
    /// The one place in the tree, of a directory.
    weak var place: KernelName?
    /// Open files that go through the page cache, and ones that are passed through.
    var cachedOpens = 0
    var passthroughOpens = 0
    /// Set while files of it are passed through: they all must be passed through to this one.
    var backing: BackingHold?
    /// Pages by number; the last one may be shorter in the file than it is here.
    var pages: [UInt64: [UInt8]] = [:]
    var linkTarget: [UInt8]?
    /// ACLs as the server gave them, nil for none; good as long as the attributes are.
    var acls: [String: [UInt8]?] = [:]
    /// Writes take no privileges away, as far as is known. C counterpart: `S_NOSEC`.
    var isWithoutCapabilities = false
    var locks = LockTable()
    /// It was made without a name, and may get one.
    var isLinkable = false
    /// The last listing was followed by lookups of what it named: the next one is to bring those too.
    var advisesPlus = false

    private let forgets: ForgetList

    init(_ node: UInt64, generation: UInt64, _ attributes: Attr, _ forgets: ForgetList) {
        self.node = node
        self.generation = generation
        self.attributes = attributes
        self.forgets = forgets
    }

    deinit { if lookups > 0 { forgets.nodes.append((node, lookups)) } }

    func countLookup() { lookups += 1 }

    var mode: UInt32 { attributes.mode }
    var type: mode_t { attributes.mode & S_IFMT }
    var isDirectory: Bool { type == S_IFDIR }
    var isRegular: Bool { type == S_IFREG }
    var isLink: Bool { type == S_IFLNK }

    func invalidateAttributes() {
        attributesUntil = 0
        acls = [:]
        isWithoutCapabilities = false
    }

    /// Drops pages from a byte on, to another one.
    func dropPages(from start: UInt64 = 0, to end: UInt64 = .max) {
        pages = pages.filter { number, _ in number * UInt64(Limits.page) >= end || (number + 1) * UInt64(Limits.page) <= start }
    }
}

/// A hold on a registered backing file, which outlives the registration.
final class BackingHold {
    let reference: Reference<HeldFile>

    init(_ reference: consuming Reference<HeldFile>) { self.reference = reference }

    func isSame(as other: BackingHold) -> Bool { reference.isSame(as: other.reference) }
}

/// The inodes by node.
struct KernelInodes {
    private struct Entry { weak var inode: KernelInode? }

    private var entries: [UInt64: Entry] = [:]
    private var sweepAt = 1024

    subscript(node: UInt64) -> KernelInode? { entries[node]?.inode }

    mutating func makeRoot(_ forgets: ForgetList) -> KernelInode {
        let root = KernelInode(FUSEProtocol.rootID, generation: 0, Attr(mode: S_IFDIR | 0o755, nlink: 2), forgets)
        entries[root.node] = Entry(inode: root)
        return root
    }

    mutating func insert(_ inode: KernelInode) {
        if entries.count >= sweepAt {
            entries = entries.filter { $0.value.inode != nil }
            sweepAt = max(1024, entries.count * 2)
        }
        entries[inode.node] = Entry(inode: inode)
    }

    mutating func remove(_ node: UInt64) { entries[node] = nil }

    var lookups: [NodeID: UInt64] {
        var lookups: [NodeID: UInt64] = [:]
        for (node, entry) in entries {
            if let inode = entry.inode, inode.lookups > 0 { lookups[NodeID(rawValue: node)] = inode.lookups }
        }
        return lookups
    }
}

extension SimulatedKernel {
    /// Until when something holds that the server gave this timeout. Source: `time_to_jiffies` in `fs/fuse/dir.c`.
    func deadline(_ seconds: UInt64, _ nanoseconds: UInt32) -> UInt64 {
        if seconds == 0, nanoseconds == 0 { return 0 }
        let (product, overflows) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        return overflows ? .max : now.addingSaturated(product.addingSaturated(UInt64(min(nanoseconds, 999_999_999))))
    }

    func isCurrent(_ until: UInt64) -> Bool { until != 0 && until >= now }

    /// The inode of an entry that the server answered with, which is one lookup more. Source: `fuse_iget`.
    func inode(_ entry: EntryOut) -> KernelInode {
        let inode: KernelInode
        if let known = inodes[entry.nodeid], known.generation == entry.generation, known.type == entry.attr.mode & S_IFMT {
            inode = known
        } else {
            inodes[entry.nodeid]?.isBad = true
            inode = KernelInode(entry.nodeid, generation: entry.generation, entry.attr, queue.forgets)
            inodes.insert(inode)
        }
        inode.countLookup()
        update(inode, entry.attr, until: deadline(entry.attr_valid, entry.attr_valid_nsec))
        return inode
    }

    /// Gives back the lookup of an entry that is not used.
    func forget(_ node: UInt64) {
        if node != 0 { queue.forgets.nodes.append((node, 1)) }
    }

    /// Takes attributes over. Source: `fuse_change_attributes`.
    func update(_ inode: KernelInode, _ attributes: Attr, until: UInt64) {
        let old = inode.attributes
        inode.attributes = attributes
        inode.attributesUntil = until
        inode.acls = [:]
        inode.isWithoutCapabilities = false
        guard inode.isRegular else { return }
        if old.size != attributes.size { inode.dropPages(from: min(old.size, attributes.size)) }
        let isChanged = old.size != attributes.size || old.mtime != attributes.mtime || old.mtimensec != attributes.mtimensec
        if has(.autoInvalData), isChanged { inode.dropPages() }
    }

    /// What no inode has. Source: `fuse_invalid_attr`.
    func isInvalid(_ attributes: Attr) -> Bool {
        let types: [mode_t] = [S_IFREG, S_IFDIR, S_IFLNK, S_IFCHR, S_IFBLK, S_IFIFO, S_IFSOCK]
        return !types.contains(attributes.mode & S_IFMT) || attributes.size > Limits.fileSize
    }

    /// Asks for the attributes. Source: `fuse_do_getattr`.
    func refresh(_ inode: KernelInode, _ file: KernelFile? = nil, for process: SimulatedProcess) throws(Errno) {
        if inode.isBad { throw .ioError }
        var body: [UInt8] = []
        body.put(GetattrIn(getattr_flags: file == nil ? 0 : GetattrFlags.fh.rawValue, fh: file?.handle ?? 0))
        let reply = try exchange(.getattr, inode.node, body, .exactly(AttrOut.wireSize), for: process)
        guard let out = reply.structure(AttrOut.self) else { throw .ioError }
        try accept(out, for: inode)
    }

    func accept(_ out: AttrOut, for inode: KernelInode) throws(Errno) {
        guard !isInvalid(out.attr), out.attr.mode & S_IFMT == inode.type else {
            inode.isBad = true
            throw .ioError
        }
        update(inode, out.attr, until: deadline(out.attr_valid, out.attr_valid_nsec))
    }

    /// Asks for the time of birth, and the attributes with it: the kernel remembers no such time. Source: `fuse_do_statx`.
    func birth(of inode: KernelInode, for process: SimulatedProcess) throws(Errno) -> Timestamp? {
        if inode.isBad { throw .ioError }
        guard minor >= 39, !missing.contains(.statx) else { return nil }
        var body: [UInt8] = []
        // STATX_BASIC_STATS and STATX_BTIME of linux/stat.h.
        let (basic, birth): (UInt32, UInt32) = (0x7ff, 0x800)
        body.put(StatxIn(sx_mask: basic | birth))
        let reply: [UInt8]
        do throws(Errno) {
            reply = try exchange(.statx, inode.node, body, .exactly(StatxOut.wireSize), for: process)
        } catch .noFunction { return nil }
        guard let out = reply.structure(StatxOut.self) else { throw .ioError }
        let stat = out.stat
        if stat.mask & basic == basic {
            let device = stat.rdev_minor & 0xff | (stat.rdev_major & 0xfff) << 8 | (stat.rdev_minor & 0xfff00) << 12
            let attributes = Attr(
                ino: stat.ino, size: stat.size, blocks: stat.blocks, atime: UInt64(bitPattern: stat.atime.tv_sec),
                mtime: UInt64(bitPattern: stat.mtime.tv_sec), ctime: UInt64(bitPattern: stat.ctime.tv_sec),
                atimensec: stat.atime.tv_nsec, mtimensec: stat.mtime.tv_nsec, ctimensec: stat.ctime.tv_nsec, mode: UInt32(stat.mode),
                nlink: stat.nlink, uid: stat.uid, gid: stat.gid, rdev: device, blksize: stat.blksize)
            try accept(AttrOut(attr_valid: out.attr_valid, attr_valid_nsec: out.attr_valid_nsec, attr: attributes), for: inode)
        }
        return stat.mask & birth == 0 ? nil : Timestamp(seconds: stat.btime.tv_sec, nanoseconds: stat.btime.tv_nsec)
    }

    /// Sees to it that the attributes may be relied on.
    func attributes(_ inode: KernelInode, _ file: KernelFile? = nil, for process: SimulatedProcess) throws(Errno) -> Attr {
        if inode.isBad { throw .ioError }
        if !isCurrent(inode.attributesUntil) { try refresh(inode, file, for: process) }
        return inode.attributes
    }
}

extension UInt64 {
    func addingSaturated(_ other: UInt64) -> UInt64 {
        let (sum, overflows) = addingReportingOverflow(other)
        return overflows ? .max : sum
    }
}
