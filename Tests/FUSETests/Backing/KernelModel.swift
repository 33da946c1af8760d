// SPDX-License-Identifier: MIT
//
// What Linux does with the answer to an OPEN: the rules of `fuse_file_io_open`, `fuse_file_passthrough_open` and
// `fuse_file_release` in `fs/fuse/iomode.c` and `fs/fuse/passthrough.c`, for one connection. It answers EIO where the
// kernel would.

import FUSE
import FUSEWire

final class KernelModel {
    /// A file that the kernel has open.
    struct File: Hashable {
        let node: NodeID
        /// Counts as cached, as passthrough, or (plain direct) as nothing.
        var mode: Mode
        let number: Int
    }

    enum Mode: Hashable {
        case none
        case cached
        case passthrough
    }

    private struct Inode {
        var cached = 0
        var passthrough = 0
        /// The registration, not its id: the same id registered anew is another file.
        var backing: Int?
    }

    private var inodes: [NodeID: Inode] = [:]
    private var count = 0

    /// Opens a file with the server's answer. Nil is EIO for the user.
    /// - Parameter registration: what the id in the answer stands for, nil where it stands for nothing.
    func open(_ node: NodeID, _ flags: OpenFlags, registration: @autoclosure () -> Int?) -> File? {
        var inode = inodes[node] ?? Inode()
        defer { inodes[node] = inode }
        count += 1
        // While a backing is set, every open must be passthrough.
        if inode.backing != nil, !flags.contains(.passthrough) { return nil }
        if flags.contains(.passthrough) {
            guard flags.isSubset(of: [.passthrough, .directIO, .parallelDirectWrites, .noflush]) else { return nil }
            guard let registration = registration() else { return nil }
            if inode.cached > 0 { return nil }
            if let backing = inode.backing, backing != registration { return nil }
            inode.backing = registration
            inode.passthrough += 1
            return File(node: node, mode: .passthrough, number: count)
        }
        if flags.contains(.directIO) { return File(node: node, mode: .none, number: count) }
        inode.cached += 1
        return File(node: node, mode: .cached, number: count)
    }

    /// Maps a file shared. False is an error for the user: a plain direct file becomes a cached one by it, which a
    /// backing rules out.
    func mapShared(_ file: inout File) -> Bool {
        guard file.mode == .none else { return true }
        if inodes[file.node]?.backing != nil { return false }
        inodes[file.node]?.cached += 1
        file.mode = .cached
        return true
    }

    /// Closes a file for good. The mode ends here; RELEASE is only sent afterwards.
    func close(_ file: File) {
        guard var inode = inodes[file.node] else { return }
        switch file.mode {
        case .none: break
        case .cached: inode.cached -= 1
        case .passthrough:
            inode.passthrough -= 1
            if inode.passthrough == 0 { inode.backing = nil }
        }
        inodes[file.node] = inode
    }
}
