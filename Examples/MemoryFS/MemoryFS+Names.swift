// SPDX-License-Identifier: MIT

import FUSE
import SystemPackage

extension MemoryFS {
    func lookup(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) -> Entry {
        let name = name.bytes.array
        return try access { (state) throws(Errno) in try state.entry(state.child(name, of: parent)) }
    }

    func forget(_ node: NodeID, lookups: UInt64) {
        state.withLock { state in
            guard node != .root, let known = state.nodes[node] else { return }
            state.nodes[node]?.lookups = known.lookups - min(lookups, known.lookups)
            state.dropIfUnused(node)
        }
    }

    func getattr(_ node: NodeID, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        try access { (state) throws(Errno) in AttributesReply(try state.node(node).attributes, timeout: .forever) }
    }

    func mknod(_ name: borrowing Name, in parent: NodeID, _ new: NewFile, for request: Request) throws(Errno) -> Entry {
        let name = name.bytes.array
        return try access { (state) throws(Errno) in
            let content: Content = new.mode.type == .regular ? .file([]) : .special
            let node = try state.create(name, in: parent, new.mode, content, request.caller)
            try state.change(node) { $0.attributes.device = new.device }
            return try state.entry(node)
        }
    }

    func mkdir(_ name: borrowing Name, in parent: NodeID, _ new: NewFile, for request: Request) throws(Errno) -> Entry {
        let name = name.bytes.array
        let mode = FileMode(type: .directory, permissions: new.mode.permissions)
        return try access { (state) throws(Errno) in
            try state.entry(state.create(name, in: parent, mode, .directory(Directory(parent: parent)), request.caller))
        }
    }

    func symlink(_ name: borrowing Name, in parent: NodeID, target: borrowing Name, for request: Request) throws(Errno) -> Entry {
        let (name, target) = (name.bytes.array, target.bytes.array)
        let mode = FileMode(type: .symbolicLink, permissions: FilePermissions(rawValue: 0o777))
        return try access { (state) throws(Errno) in
            try state.entry(state.create(name, in: parent, mode, .link(target), request.caller))
        }
    }

    func readlink(_ node: NodeID, into target: inout DataWriter, for request: Request) throws(Errno) {
        let content = try access { (state) throws(Errno) in try state.node(node).content }
        guard case .link(let bytes) = content else { throw .invalidArgument }
        target.append(contentsOf: bytes)
    }

    func link(_ node: NodeID, to newName: borrowing Name, in newParent: NodeID, for request: Request) throws(Errno) -> Entry {
        let name = newName.bytes.array
        return try access { (state) throws(Errno) in
            try state.checkTakes(name, in: newParent)
            guard try state.directory(newParent).find(name) == nil else { throw .fileExists }
            try state.changeDirectory(newParent) { $0.add(name, node) }
            try state.change(node) { node in
                node.attributes.linkCount += 1
                node.attributes.touch(accessed: false, modified: false)
            }
            return try state.entry(node)
        }
    }

    func unlink(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) {
        let name = name.bytes.array
        try access { (state) throws(Errno) in try state.remove(name, from: parent, isDirectory: false) }
    }

    func rmdir(_ name: borrowing Name, in parent: NodeID, for request: Request) throws(Errno) {
        let name = name.bytes.array
        try access { (state) throws(Errno) in try state.remove(name, from: parent, isDirectory: true) }
    }

    func rename(
        _ name: borrowing Name, in parent: NodeID, to newName: borrowing Name, in newParent: NodeID, flags: RenameFlags,
        for request: Request
    ) throws(Errno) {
        let (name, newName) = (name.bytes.array, newName.bytes.array)
        // The kernel has seen to it that no directory comes into itself.
        try access { (state) throws(Errno) in
            guard flags.isSubset(of: [.noReplace, .exchange]) else { throw .invalidArgument }
            try state.checkTakes(newName, in: newParent)
            let node = try state.child(name, of: parent)
            let index = try state.directory(newParent).find(newName)
            let target = index == nil ? nil : try state.child(newName, of: newParent)
            if flags.contains(.exchange) {
                guard let target else { throw .noSuchFileOrDirectory }
                try state.replace(name, in: parent, with: target)
                try state.replace(newName, in: newParent, with: node)
                try state.move(target, from: newParent, to: parent)
            } else if let target {
                if flags.contains(.noReplace) { throw .fileExists }
                if target == node { return }
                try state.remove(newName, from: newParent, isDirectory: state.isDirectory(node))
                try state.replace(name, in: parent, with: nil)
                try state.changeDirectory(newParent) { $0.add(newName, node) }
            } else {
                try state.replace(name, in: parent, with: nil)
                try state.changeDirectory(newParent) { $0.add(newName, node) }
            }
            try state.move(node, from: parent, to: newParent)
        }
    }

    func opendir(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> OpenedDirectory {
        // Nobody else changes it: what the kernel remembers of it is good until it changes it itself.
        OpenedDirectory(cachesEntries: true, keepsCache: true)
    }

    func readdir(
        _ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryWriter, for request: Request
    ) throws(Errno) {
        let (own, types) = try listing(directory.node, from: offset)
        if offset.rawValue < 1, !entries.add(".", inode: directory.node.rawValue, type: .directory, next: 1) { return }
        if offset.rawValue < 2, !entries.add("..", inode: own.parent.rawValue, type: .directory, next: 2) { return }
        for (entry, type) in zip(own.entries, types) {
            guard entries.add(entry.name, entry.node, type, next: entry.number) else { return }
        }
    }

    func readdirplus(
        _ directory: OpenFile, from offset: DirectoryOffset, into entries: inout DirectoryPlusWriter, for request: Request
    ) throws(Errno) {
        let (own, types) = try listing(directory.node, from: offset)
        let dots = [([UInt8](".".utf8), directory.node), ([UInt8]("..".utf8), own.parent)]
        for (index, (name, node)) in dots.enumerated() where offset.rawValue <= index {
            guard entries.add(name, nil, node, .directory, next: UInt64(index + 1)) else { return }
        }
        for (entry, type) in zip(own.entries, types) {
            guard entries.hasRoom(forNameOf: entry.name.count) else { return }
            // It may be gone by now: then only its name is shown, as `readdir` would have.
            let found = try? access { (state) throws(Errno) in try state.entry(entry.node) }
            _ = entries.add(entry.name, found, entry.node, type, next: entry.number)
        }
    }

    /// What comes behind a place, of which there are 0 (all), 1 (behind `.`), 2 (behind `..`) and the entries' numbers.
    private func listing(_ node: NodeID, from offset: DirectoryOffset) throws(Errno) -> (Directory, [FileType]) {
        try access { (state) throws(Errno) in
            var directory = try state.directory(node)
            directory.entries.removeAll { $0.number <= offset.rawValue }
            return (directory, directory.entries.map { state.nodes[$0.node]?.attributes.mode.type ?? .regular })
        }
    }
}

extension MemoryFS.State {
    func isDirectory(_ id: NodeID) -> Bool {
        if case .directory = nodes[id]?.content { true } else { false }
    }

    /// Has a name stand for another node, or for none.
    mutating func replace(_ name: [UInt8], in parent: NodeID, with node: NodeID?) throws(Errno) {
        try changeDirectory(parent) { directory in
            guard let index = directory.find(name) else { return }
            if let node { directory.entries[index].node = node } else { directory.entries.remove(at: index) }
        }
    }

    /// Keeps what a directory says of its parent, and the parents' link counts.
    mutating func move(_ id: NodeID, from parent: NodeID, to newParent: NodeID) throws(Errno) {
        try change(id) { $0.attributes.touch(accessed: false, modified: false) }
        guard isDirectory(id), parent != newParent else { return }
        try change(id) { node in
            guard case .directory(var directory) = node.content else { return }
            directory.parent = newParent
            node.content = .directory(directory)
        }
        try change(parent) { $0.attributes.linkCount -= 1 }
        try change(newParent) { $0.attributes.linkCount += 1 }
    }
}
