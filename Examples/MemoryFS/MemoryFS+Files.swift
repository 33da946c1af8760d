// SPDX-License-Identifier: MIT

import FUSE
import Glibc
import SystemPackage

extension MemoryFS {
    /// The largest file, in bytes.
    static let maximumSize: UInt64 = 1 << 30

    func setattr(_ node: NodeID, _ changes: AttributeChanges, handle: FileHandle?, for request: Request) throws(Errno) -> AttributesReply {
        try access { (state) throws(Errno) in
            try state.change(node) { (node) throws(Errno) in
                if let size = changes.size { try node.resize(to: size) }
                if let mode = changes.mode { node.attributes.mode.permissions = mode }
                if let owner = changes.owner { node.attributes.owner = owner }
                if let group = changes.group { node.attributes.group = group }
                if changes.killPrivileges { node.killPrivileges() }
                node.attributes.touch(accessed: false, modified: changes.size != nil)
                if let time = changes.accessed { node.attributes.accessed = time.timestamp }
                if let time = changes.modified { node.attributes.modified = time.timestamp }
            }
            return AttributesReply(try state.node(node).attributes, timeout: .forever)
        }
    }

    /// Only this process changes it, so that what the kernel has of it stays good.
    func open(_ node: NodeID, _ open: OpenRequest, for request: Request) throws(Errno) -> Opened { Opened(io: .keepingCache, skipsFlush: true) }

    func create(
        _ name: borrowing Name, in parent: NodeID, _ new: NewFile, _ open: OpenRequest, for request: Request
    ) throws(Errno) -> Created {
        let name = name.bytes.array
        let entry = try access { (state) throws(Errno) in
            try state.entry(state.create(name, in: parent, new.mode, .file([]), request.caller))
        }
        return Created(entry: entry, opened: Opened(io: .keepingCache, skipsFlush: true))
    }

    func read(_ file: OpenFile, at offset: UInt64, into output: inout DataWriter, for request: Request) throws(Errno) {
        // Copies no bytes: the array is shared until someone writes.
        let content = try access { (state) throws(Errno) in try state.node(file.node).content }
        guard case .file(let bytes) = content else { throw .invalidArgument }
        output.append(contentsOf: bytes.dropFirst(Int(clamping: offset)).prefix(output.freeCapacity))
    }

    func write(_ file: OpenFile, at offset: UInt64, _ data: RawSpan, _ options: WriteOptions, for request: Request) throws(Errno) -> Int {
        let data = data.array
        let (end, overflows) = offset.addingReportingOverflow(UInt64(data.count))
        guard !overflows, end <= Self.maximumSize else { throw .fileTooLarge }
        try access { (state) throws(Errno) in
            try state.change(file.node) { (node) throws(Errno) in
                if node.attributes.size < end { try node.resize(to: end) }
                guard case .file(var bytes) = node.content else { throw .invalidArgument }
                // The one reference is the local one, so that nothing is copied but what is written.
                node.content = .special
                bytes.replaceSubrange(Int(offset)..<Int(end), with: data)
                node.content = .file(bytes)
                if options.contains(.killPrivileges) { node.killPrivileges() }
                node.attributes.touch(accessed: false)
            }
        }
        return data.count
    }

    func statfs(_ node: NodeID, for request: Request) throws(Errno) -> FileSystemStatistics {
        var statistics = FileSystemStatistics()
        statistics.files = UInt64(nodeCount)
        return statistics
    }

    // MARK: Extended attributes

    func getxattr(_ name: borrowing Name, of node: NodeID, into value: inout DataWriter, for request: Request) throws(Errno) -> Int {
        let name = name.bytes.array
        let found = try access { (state) throws(Errno) in try state.node(node).xattrs[name] }
        guard let found else { throw .noData }
        value.append(contentsOf: found)
        return found.count
    }

    func listxattr(_ node: NodeID, into names: inout DataWriter, for request: Request) throws(Errno) -> Int {
        let found = try access { (state) throws(Errno) in Array(try state.node(node).xattrs.keys) }
        for name in found { names.append(contentsOf: name + [0]) }
        return found.reduce(0) { $0 + $1.count + 1 }
    }

    func setxattr(_ name: borrowing Name, of node: NodeID, to value: RawSpan, _ options: XattrOptions, for request: Request) throws(Errno) {
        let (name, value) = (name.bytes.array, value.array)
        try access { (state) throws(Errno) in
            try state.change(node) { (node) throws(Errno) in
                if options.contains(.create), node.xattrs[name] != nil { throw .fileExists }
                if options.contains(.replace), node.xattrs[name] == nil { throw .noData }
                node.xattrs[name] = value
                node.attributes.touch(accessed: false, modified: false)
            }
        }
    }

    func removexattr(_ name: borrowing Name, of node: NodeID, for request: Request) throws(Errno) {
        let name = name.bytes.array
        try access { (state) throws(Errno) in
            try state.change(node) { (node) throws(Errno) in
                guard node.xattrs.removeValue(forKey: name) != nil else { throw .noData }
            }
        }
    }
}

extension MemoryFS.Node {
    mutating func resize(to size: UInt64) throws(Errno) {
        guard case .file(var bytes) = content else { throw .invalidArgument }
        guard size <= MemoryFS.maximumSize else { throw .fileTooLarge }
        content = .special
        if bytes.count > size { bytes.removeLast(bytes.count - Int(size)) }
        if bytes.count < size { bytes.append(contentsOf: repeatElement(0, count: Int(size) - bytes.count)) }
        content = .file(bytes)
        attributes.size = size
        attributes.blocks = (size + 511) / 512
    }

    /// As any change by one who may not keep them.
    mutating func killPrivileges() {
        attributes.mode.permissions.remove(.setUserID)
        if attributes.mode.permissions.contains(.groupExecute) { attributes.mode.permissions.remove(.setGroupID) }
    }
}

extension AttributeChanges.Time {
    var timestamp: Timestamp {
        switch self {
        case .now: .now
        case .at(let time): time
        }
    }
}

@main
struct Main {
    static func main() {
        guard CommandLine.arguments.count == 2 else { return print("usage: MemoryFS MOUNTPOINT") }
        do {
            try Mount.serve(MemoryFS(), at: FilePath(CommandLine.arguments[1]))
        } catch {
            print("MemoryFS: \(error)")
            exit(1)
        }
    }
}
