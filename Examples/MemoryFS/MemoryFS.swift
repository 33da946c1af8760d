// SPDX-License-Identifier: MIT
//
// A filesystem in memory: files, directories, links, renames, extended attributes. What is mounted is gone with it.
//
// One lock around everything: no method waits for anything, and each holds it for as long as it copies a few bytes. A node
// lives as long as it has a name, or the kernel knows it (lookups), which also covers open files: a file that was removed
// while it is open goes with its last lookup.
//
// Run it as root: MemoryFS MOUNTPOINT

import FUSE
import Glibc
import Synchronization
import SystemPackage

final class MemoryFS: FileSystem {
    enum Content {
        case file([UInt8])
        case directory(Directory)
        case link([UInt8])
        /// A fifo, a socket, a device: the kernel does the rest.
        case special
    }

    /// Its entries in the order in which they were made, each with a number that is never used again: a listing goes on
    /// behind the number that it came to, whatever was made and removed meanwhile.
    struct Directory {
        var parent: NodeID
        var entries: [(number: UInt64, name: [UInt8], node: NodeID)] = []
        var lastNumber: UInt64 = 2

        func find(_ name: [UInt8]) -> Int? { entries.firstIndex { $0.name == name } }

        mutating func add(_ name: [UInt8], _ node: NodeID) {
            lastNumber += 1
            entries.append((lastNumber, name, node))
        }
    }

    struct Node {
        var attributes: Attributes
        var content: Content
        var xattrs: [[UInt8]: [UInt8]] = [:]
        var lookups: UInt64 = 0
    }

    struct State {
        var nodes: [NodeID: Node] = [:]
        var lastNode: UInt64 = 1
    }

    let state: Mutex<State>
    let capabilities: Capabilities = [.doReaddirplus, .readdirplusAuto]

    init() {
        var root = Attributes.directory(inode: 1)
        root.touch()
        state = Mutex(State(nodes: [.root: Node(attributes: root, content: .directory(Directory(parent: .root)))]))
    }

    /// Runs with the state, and passes an error on.
    func access<R>(_ body: (inout State) throws(Errno) -> R) throws(Errno) -> R {
        let result: Result<R, Errno> = state.withLock { state in
            do throws(Errno) { return .success(try body(&state)) } catch { return .failure(error) }
        }
        return try result.get()
    }

    /// How many nodes there are: the root alone, when everything was removed and forgotten.
    var nodeCount: Int { state.withLock { $0.nodes.count } }
}

extension MemoryFS.State {
    func node(_ id: NodeID) throws(Errno) -> MemoryFS.Node {
        guard let node = nodes[id] else { throw .staleNFSFileHandle }
        return node
    }

    func directory(_ id: NodeID) throws(Errno) -> MemoryFS.Directory {
        guard case .directory(let directory) = try node(id).content else { throw .notDirectory }
        return directory
    }

    func child(_ name: [UInt8], of parent: NodeID) throws(Errno) -> NodeID {
        let directory = try directory(parent)
        guard let index = directory.find(name) else { throw .noSuchFileOrDirectory }
        return directory.entries[index].node
    }

    mutating func change(_ id: NodeID, _ body: (inout MemoryFS.Node) throws(Errno) -> Void) throws(Errno) {
        guard nodes[id] != nil else { throw .staleNFSFileHandle }
        try body(&nodes[id, default: MemoryFS.Node(attributes: .directory(), content: .special)])
    }

    /// Changes the entries of a directory, and its times.
    mutating func changeDirectory(_ id: NodeID, _ body: (inout MemoryFS.Directory) -> Void) throws(Errno) {
        try change(id) { (node) throws(Errno) in
            guard case .directory(var directory) = node.content else { throw .notDirectory }
            node.content = .special
            body(&directory)
            node.content = .directory(directory)
            node.attributes.touch(accessed: false)
        }
    }

    /// Whether a directory can have an entry of a name. One that was removed takes none: the kernel sees to that itself, but not
    /// where it never got the answer to the removal.
    func checkTakes(_ name: [UInt8], in parent: NodeID) throws(Errno) {
        guard name.count <= 255 else { throw .fileNameTooLong }
        guard try node(parent).attributes.linkCount > 0 else { throw .noSuchFileOrDirectory }
    }

    /// The answer that names a node, which counts as one lookup of it.
    mutating func entry(_ id: NodeID) throws(Errno) -> Entry {
        try change(id) { $0.lookups += 1 }
        return Entry(node: id, attributes: try node(id).attributes, entryTimeout: .forever, attributesTimeout: .forever)
    }

    mutating func create(
        _ name: [UInt8], in parent: NodeID, _ mode: FileMode, _ content: MemoryFS.Content, _ caller: Caller
    ) throws(Errno) -> NodeID {
        try checkTakes(name, in: parent)
        guard try directory(parent).find(name) == nil else { throw .fileExists }
        lastNode += 1
        let id = NodeID(rawValue: lastNode)
        var attributes = Attributes(inode: id.rawValue, mode: mode, owner: caller.user, group: caller.group)
        attributes.touch()
        let inherited = try node(parent).attributes
        if inherited.mode.permissions.contains(.setGroupID) {
            attributes.group = inherited.group
            if mode.type == .directory { attributes.mode.permissions.insert(.setGroupID) }
        }
        if case .directory = content {
            attributes.linkCount = 2
            try change(parent) { $0.attributes.linkCount += 1 }
        }
        if case .link(let target) = content { attributes.size = UInt64(target.count) }
        nodes[id] = MemoryFS.Node(attributes: attributes, content: content)
        try changeDirectory(parent) { $0.add(name, id) }
        return id
    }

    /// Takes one name of a node away.
    mutating func remove(_ name: [UInt8], from parent: NodeID, isDirectory: Bool) throws(Errno) {
        let id = try child(name, of: parent)
        if case .directory(let directory) = try node(id).content {
            guard isDirectory else { throw .isDirectory }
            guard directory.entries.isEmpty else { throw .directoryNotEmpty }
        } else if isDirectory {
            throw .notDirectory
        }
        try changeDirectory(parent) { directory in
            if let index = directory.find(name) { directory.entries.remove(at: index) }
        }
        try change(id) { node in
            node.attributes.linkCount = isDirectory ? 0 : node.attributes.linkCount - 1
            node.attributes.touch(accessed: false, modified: false)
        }
        if isDirectory { try change(parent) { $0.attributes.linkCount -= 1 } }
        dropIfUnused(id)
    }

    mutating func dropIfUnused(_ id: NodeID) {
        if let node = nodes[id], node.lookups == 0, node.attributes.linkCount == 0 { nodes[id] = nil }
    }
}

extension Attributes {
    /// What is done now shows in these times.
    mutating func touch(accessed: Bool = true, modified: Bool = true) {
        let now = Timestamp.now
        changed = now
        if modified { self.modified = now }
        if accessed { self.accessed = now }
    }
}
