// SPDX-License-Identifier: MIT

import FUSE
import FUSEWire
import Glibc
import SystemPackage

/// A name in the tree, and what it stands for. C counterpart: `struct dentry`.
final class KernelName {
    private struct Child { weak var name: KernelName? }

    private(set) var parent: KernelName?
    private(set) var bytes: [UInt8]
    /// Nil: there is no such thing, which is known, too.
    let inode: KernelInode?
    /// Until when it may be relied on.
    var until: UInt64 = 0
    var epoch: UInt64 = 0
    /// It can be found from its parent.
    private(set) var isLinked = false
    private var children: [[UInt8]: Child] = [:]

    init(root: KernelInode) {
        bytes = []
        inode = root
        isLinked = true
        root.place = self
    }

    init(_ bytes: [UInt8], in parent: KernelName, _ inode: KernelInode?) {
        self.bytes = bytes
        self.inode = inode
        link(in: parent)
        if let inode, inode.isDirectory { inode.place = self }
    }

    /// Of a file without a name.
    init(unnamedIn parent: KernelName, _ inode: KernelInode) {
        bytes = []
        self.inode = inode
        self.parent = parent
    }

    deinit { if isLinked { parent?.sweep(bytes) } }

    private func sweep(_ bytes: [UInt8]) { if children[bytes]?.name == nil { children[bytes] = nil } }

    private func link(in parent: KernelName) {
        self.parent = parent
        parent.children[bytes] = Child(name: self)
        isLinked = true
    }

    /// Not to be found any more; who has it keeps it.
    func unlink() {
        guard isLinked, let parent else { return }
        if parent.children[bytes]?.name === self { parent.children[bytes] = nil }
        isLinked = false
    }

    func move(to parent: KernelName, as bytes: [UInt8]) {
        unlink()
        self.bytes = bytes
        link(in: parent)
    }

    subscript(child: [UInt8]) -> KernelName? { children[child]?.name }

    var living: [KernelName] { children.values.compactMap(\.name) }

    /// Whether it is this one or above it.
    func isAbove(_ other: KernelName) -> Bool {
        var name: KernelName? = other
        while let one = name {
            if one === self { return true }
            name = one.parent
        }
        return false
    }
}

extension SimulatedKernel {
    func keep(_ name: KernelName) { nameCache[ObjectIdentifier(name)] = name }

    /// A name is not good any more, nor is what is below it. C counterpart: `d_invalidate`.
    func drop(_ name: KernelName) {
        name.unlink()
        release(name)
    }

    private func release(_ name: KernelName) {
        nameCache[ObjectIdentifier(name)] = nil
        for child in name.living { release(child) }
    }

    /// Puts into the tree what the server has answered. A directory has one place: where it was known in another one, it
    /// has been moved by others.
    func place(_ bytes: [UInt8], in parent: KernelName, _ inode: KernelInode?, _ entry: EntryOut) throws(Errno) -> KernelName {
        if let old = parent[bytes] { drop(old) }
        let name: KernelName
        if let inode, inode.isDirectory, let known = inode.place, known.inode === inode {
            if known.isAbove(parent) { throw .tooManySymbolicLinkLevels }
            known.move(to: parent, as: bytes)
            name = known
        } else {
            name = KernelName(bytes, in: parent, inode)
        }
        name.until = deadline(entry.entry_valid, entry.entry_valid_nsec)
        name.epoch = epoch
        keep(name)
        return name
    }

    /// How a name is looked up.
    struct LookupIntent: OptionSet {
        let rawValue: Int
        /// What is remembered is not enough: something is to be made under this name, or moved to it.
        static let change = LookupIntent(rawValue: 1)
        /// Nothing remembered is good: what it led to was stale.
        static let revalidate = LookupIntent(rawValue: 2)
    }

    /// Finds a name in a directory: asks the server where what is remembered is not good any more. A name without an inode
    /// stands for nothing. Source: `fuse_dentry_revalidate`, `fuse_lookup`.
    func lookup(
        _ bytes: [UInt8], in parent: KernelName, _ intent: LookupIntent = [], for process: SimulatedProcess
    ) throws(Errno) -> KernelName {
        guard bytes.count <= Limits.path else { throw .fileNameTooLong }
        if let known = parent[bytes] {
            if known.inode?.isBad != true, known.epoch == epoch, isCurrent(known.until), intent.isEmpty {
                keep(known)
                return known
            }
            if let inode = known.inode, !inode.isBad, known.epoch == epoch, try isStill(known, inode, for: process) {
                keep(known)
                return known
            }
            drop(known)
        }
        parent.inode?.advisesPlus = true
        guard let directory = parent.inode else { throw .notDirectory }
        let entry: EntryOut
        do throws(Errno) {
            var body: [UInt8] = []
            body.put(name: bytes)
            guard let out = try exchange(.lookup, directory.node, body, .exactly(EntryOut.wireSize), for: process).structure(EntryOut.self)
            else { throw .ioError }
            entry = out
        } catch .noSuchFileOrDirectory {
            // Not to be remembered.
            return try place(bytes, in: parent, nil, EntryOut())
        }
        if entry.nodeid == 0 { return try place(bytes, in: parent, nil, entry) }
        // The lookup is lost: who says such a thing is not asked about it again.
        if isInvalid(entry.attr) { throw .ioError }
        if entry.nodeid == FUSEProtocol.rootID { throw .ioError }
        return try place(bytes, in: parent, inode(entry), entry)
    }

    private func isStill(_ known: KernelName, _ inode: KernelInode, for process: SimulatedProcess) throws(Errno) -> Bool {
        var body: [UInt8] = []
        body.put(name: known.bytes)
        guard let parent = known.parent?.inode else { return true }
        let out: EntryOut?
        do throws(Errno) {
            out = try exchange(.lookup, parent.node, body, .exactly(EntryOut.wireSize), for: process).structure(EntryOut.self)
        } catch {
            if error == .noMemory || error == .interrupted { throw error }
            return false
        }
        guard let out, out.nodeid != 0 else { return false }
        guard out.nodeid == inode.node else {
            forget(out.nodeid)
            return false
        }
        inode.countLookup()
        guard !isInvalid(out.attr), out.generation == inode.generation, out.attr.mode & S_IFMT == inode.type else { return false }
        update(inode, out.attr, until: deadline(out.attr_valid, out.attr_valid_nsec))
        known.until = deadline(out.entry_valid, out.entry_valid_nsec)
        return true
    }
}
