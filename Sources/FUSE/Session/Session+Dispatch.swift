// SPDX-License-Identifier: MIT

import FUSEWire
import SystemPackage

extension Session {
    /// Does the operation, and leaves the reply's body in `output`.
    func dispatch(_ message: borrowing RequestMessage, _ hand: Hand, into output: inout OutputRawSpan) throws(Errno) {
        switch message.opcode {
        case .lookup: try lookup(message, hand, &output)
        case .forget: try forget(message)
        case .batchForget: try batchForget(message)
        case .getattr: try getattr(message, &output)
        case .statx: try statx(message, &output)
        case .setattr: try setattr(message, &output)
        case .readlink: try readlink(message, &output)
        case .symlink: try symlink(message, hand, &output)
        case .mknod: try mknod(message, hand, &output)
        case .mkdir: try mkdir(message, hand, &output)
        case .unlink: try unlink(message)
        case .rmdir: try rmdir(message)
        case .rename: try rename(message, to: NodeID(rawValue: message.fields(RenameIn.self).newdir), flags: [])
        case .rename2:
            let fields = try message.fields(Rename2In.self)
            try rename(message, to: NodeID(rawValue: fields.newdir), flags: RenameFlags(rawValue: fields.flags))
        case .link: try link(message, hand, &output)
        case .access: try access(message)
        case .statfs: try statfs(message, &output)

        case .open: try open(message, hand, &output)
        case .create: try create(message, hand, &output)
        case .tmpfile: try tmpfile(message, hand, &output)
        case .read: try read(message, &output)
        case .write: try write(message, &output)
        case .flush: try flush(message)
        case .release: try release(message)
        case .fsync: try fsync(message)
        case .fallocate: try fallocate(message)
        case .lseek: try lseek(message, &output)
        case .copyFileRange, .copyFileRange64: try copyFileRange(message, &output)
        case .getlk: try getlk(message, &output)
        case .setlk: try setlk(message, wait: false)
        case .setlkw: try setlk(message, wait: true)
        case .poll: try poll(message, &output)
        case .ioctl: try ioctl(message, &output)

        case .opendir: try opendir(message, &output)
        case .readdir: try readdir(message, &output)
        case .readdirplus: try readdirplus(message, hand, &output)
        case .releasedir: try releasedir(message)
        case .fsyncdir: try fsyncdir(message)
        case .syncfs: try fileSystem.syncfs(message.node, for: message.request())

        case .getxattr: try getxattr(message, &output)
        case .listxattr: try listxattr(message, &output)
        case .setxattr: try setxattr(message)
        case .removexattr: try removexattr(message)

        // The last request of a mount of a block device. What there is to tear down is torn down when the connection ends.
        case .destroy: break
        // The caller of a request wants to give up.
        case .interrupt: interrupts.arrived(for: try message.fields(InterruptIn.self).unique)
        case .notifyReply: try notifyReply(message)
        // A second INIT, what filesystems here do not do (the kernel then does without), and what only others are sent
        // (DAX mappings: virtiofs; CUSE).
        default: throw .notImplemented
        }
    }

    /// Takes back what a reply would have handed over that nobody received: lookups, open files.
    func takeBack(_ exchange: borrowing Exchange, _ reply: Reply) {
        guard case .body(let count) = reply, let message = try? exchange.request.message(features),
            let context = try? message.request()
        else { return }
        takeBack(exchange.body(count), message.opcode, message.node, context)
    }

    func takeBack(_ body: RawSpan, _ opcode: Opcode, _ node: NodeID, _ context: Request) {
        var reader = WireReader(body)
        switch opcode {
        case .lookup, .symlink, .mknod, .mkdir, .link:
            if let entry = try? reader.read(EntryOut.self) { takeBack(entry) }
        case .create, .tmpfile:
            guard let entry = try? reader.read(EntryOut.self), let open = try? reader.read(OpenOut.self) else { return }
            release(OpenFile(node: NodeID(rawValue: entry.nodeid), handle: FileHandle(rawValue: open.fh)), for: context)
            takeBack(entry)
        case .open:
            guard let open = try? reader.read(OpenOut.self) else { return }
            release(OpenFile(node: node, handle: FileHandle(rawValue: open.fh)), for: context)
        case .opendir:
            guard let open = try? reader.read(OpenOut.self) else { return }
            fileSystem.releasedir(OpenFile(node: node, handle: FileHandle(rawValue: open.fh)), for: context)
        case .readdirplus:
            var entries = DirectoryReader(body, isPlus: true)
            while let entry = try? entries.next() {
                // The kernel counts no lookup for these two, and the filesystem none either.
                if Name.isDots(entry.name) { continue }
                if let found = entry.entry_out { takeBack(found) }
            }
        default: break
        }
    }

    /// Lookups that cannot be handed over.
    func takeBack(_ nodes: [NodeID]) {
        for node in nodes where node != .root { forget(node, lookups: 1) }
    }

    private func takeBack(_ entry: EntryOut) {
        if entry.nodeid != 0 { forget(NodeID(rawValue: entry.nodeid), lookups: 1) }
    }
}
