// SPDX-License-Identifier: MIT

import FUSEWire
import SystemPackage

extension Session {
    /// An entry that an operation may answer with; one that it may not is given back.
    /// - Parameter type: what was to be made, where that is known.
    func entryOut(_ entry: Entry, for opcode: Opcode, type: FileType? = nil) throws(Errno) -> EntryOut {
        do throws(Errno) {
            try entry.check(for: opcode, type: type)
            // By a name the root is never found; by a file handle it is.
            if entry.node == .root, !connection.capabilities.contains(.exportSupport) { throw Errno(.node) }
        } catch {
            giveBack(entry)
            throw error
        }
        return EntryOut(entry)
    }

    /// What was created, as ``entryOut(_:for:type:)``: with an entry that is wrong, its open file is given back as well.
    func createdOut(_ created: consuming Created, for opcode: Opcode, _ request: Request) throws(Errno) -> (EntryOut, OpenOut) {
        do throws(Errno) { try created.entry.check(for: opcode, type: .regular) } catch {
            // It was never admitted, so that it does not count as open. What it was to be backed by goes with it.
            fileSystem.release(OpenFile(node: created.entry.node, handle: created.opened.handle), for: request)
            giveBack(created.entry)
            throw error
        }
        let entry = created.entry
        return (EntryOut(entry), openOut(entry.node, created.opened))
    }

    private func giveBack(_ entry: Entry) {
        // The root has no lookups.
        if entry.node != 0, entry.node != .root { forget(entry.node, lookups: 1) }
    }

    /// Decides how the file's reads and writes go. Its backing file is kept until then, and given back here: before the reply leaves,
    /// so that an author who counts them finds the count right whenever a user has an answer.
    func openOut(_ node: NodeID, _ opened: consuming Opened) -> OpenOut {
        let admitted = backings.admit(node, OpenWish(opened.io))
        var flags = admitted.flags
        if opened.skipsFlush { flags.insert(.noflush) }
        // A passthrough open with any other flag is refused with EIO (`fuse_file_passthrough_open`).
        if opened.nonSeekable, admitted.backing == nil { flags.insert(.nonseekable) }
        return OpenOut(fh: opened.handle.rawValue, open_flags: flags.rawValue, backing_id: admitted.backing?.rawValue ?? 0)
    }
}
