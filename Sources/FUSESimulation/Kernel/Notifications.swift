// SPDX-License-Identifier: MIT

import FUSE
import FUSEWire
import SystemPackage

// What the server tells unasked. Source: `fuse_notify` and what it calls, in `fs/fuse/dev.c`, `dir.c` and `inode.c`.

extension SimulatedKernel {
    func apply(_ code: NotifyCode, _ body: [UInt8]) throws(Errno) {
        defer { monitor.wakeAll() }
        switch code {
        case .poll: wokenPolls.append(try structure(NotifyPollWakeupOut.self, body).kh)
        case .invalInode:
            let out = try structure(NotifyInvalInodeOut.self, body)
            let inode = try known(out.ino)
            inode.invalidateAttributes()
            inode.linkTarget = nil
            if out.off >= 0 { inode.dropPages(from: UInt64(out.off), to: out.len > 0 ? UInt64(out.off).addingSaturated(UInt64(out.len)) : .max) }
        case .invalEntry:
            let out = try structure(NotifyInvalEntryOut.self, body, isWhole: false)
            let bytes = try name(body, after: NotifyInvalEntryOut.wireSize, out.namelen)
            let name = try self.name(bytes, in: out.parent)
            if ExpireFlags(rawValue: out.flags).contains(.expireOnly) { name.until = 0 } else { drop(name) }
        case .delete:
            let out = try structure(NotifyDeleteOut.self, body, isWhole: false)
            let bytes = try name(body, after: NotifyDeleteOut.wireSize, out.namelen)
            let name = try self.name(bytes, in: out.parent)
            guard let inode = name.inode else { return drop(name) }
            guard inode.node == out.child else { throw .noSuchFileOrDirectory }
            if inode.isDirectory, name.living.contains(where: { $0.inode != nil }) { throw .directoryNotEmpty }
            drop(name)
            inode.invalidateAttributes()
        case .store: try store(body)
        case .retrieve: try retrieve(body)
        case .resend:
            guard body.isEmpty else { throw .invalidArgument }
            queue.resend()
        case .incEpoch where minor >= 44: epoch += 1
        case .prune where minor >= 45: try prune(body)
        default: throw .invalidArgument
        }
    }

    private func structure<T: WireStruct>(_: T.Type, _ body: [UInt8], isWhole: Bool = true) throws(Errno) -> T {
        guard let value = body.structure(T.self), !isWhole || body.count == T.wireSize else { throw .invalidArgument }
        return value
    }

    private func name(_ body: [UInt8], after size: Int, _ count: UInt32) throws(Errno) -> [UInt8] {
        guard count <= Limits.path else { throw .fileNameTooLong }
        guard body.count == size + Int(count) + 1 else { throw .invalidArgument }
        return Array(body[size..<size + Int(count)])
    }

    private func known(_ node: UInt64) throws(Errno) -> KernelInode {
        guard let inode = inodes[node] else { throw .noSuchFileOrDirectory }
        return inode
    }

    private func knownFile(_ node: UInt64) throws(Errno) -> KernelInode {
        let inode = try known(node)
        guard inode.isRegular else { throw .invalidArgument }
        return inode
    }

    /// A name that is known in a directory that is known. Whatever is said of it, the directory has changed.
    private func name(_ bytes: [UInt8], in node: UInt64) throws(Errno) -> KernelName {
        let parent = try known(node)
        guard parent.isDirectory else { throw .notDirectory }
        guard let name = parent.place?[bytes] else { throw .noSuchFileOrDirectory }
        parent.invalidateAttributes()
        return name
    }

    private func store(_ body: [UInt8]) throws(Errno) {
        let out = try structure(NotifyStoreOut.self, body, isWhole: false)
        guard body.count == NotifyStoreOut.wireSize + Int(out.size) else { throw .invalidArgument }
        let inode = try knownFile(out.nodeid)
        let (end, overflows) = out.offset.addingReportingOverflow(UInt64(out.size))
        guard !overflows, end <= Limits.fileSize else { throw .invalidArgument }
        if inode.attributes.size < end { inode.attributes.size = end }
        inode.store(Array(body.dropFirst(NotifyStoreOut.wireSize)), at: out.offset)
    }

    /// What is in the page cache, up to the first page that is not, goes back as a request of its own.
    private func retrieve(_ body: [UInt8]) throws(Errno) {
        let out = try structure(NotifyRetrieveOut.self, body)
        let inode = try knownFile(out.nodeid)
        guard !isOver else { throw .socketNotConnected }
        var data: [UInt8] = []
        let end = min(out.offset.addingSaturated(UInt64(out.size)), inode.attributes.size)
        while out.offset + UInt64(data.count) < end {
            let place = out.offset + UInt64(data.count)
            let (page, start) = (place / UInt64(Limits.page), Int(place % UInt64(Limits.page)))
            guard let bytes = inode.pages[page] else { break }
            data += bytes[start..<min(bytes.count, start + Int(end - place))]
        }
        var reply: [UInt8] = []
        reply.put(NotifyRetrieveIn(offset: out.offset, size: UInt32(data.count)))
        let request = KernelRequest(.notifyReply, node: out.nodeid, reply + data, .exactly(0), isAwaited: false)
        queue.append(request)
        request.unique = out.notify_unique
    }

    private func prune(_ body: [UInt8]) throws(Errno) {
        let out = try structure(NotifyPruneOut.self, body, isWhole: false)
        guard body.count == NotifyPruneOut.wireSize + Int(out.count) * 8 else { throw .invalidArgument }
        let nodes = Set((0..<Int(out.count)).compactMap { body.structure(UInt64.self, at: NotifyPruneOut.wireSize + $0 * 8) })
        nameCache = nameCache.filter { name in name.value.inode.map { !nodes.contains($0.node) } ?? true }
    }
}
