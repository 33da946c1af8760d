// SPDX-License-Identifier: MIT

import FUSEWire
import SystemPackage

// Names and inodes.

extension Session {
    func lookup(_ message: borrowing RequestMessage, _ hand: Hand, _ output: inout OutputRawSpan) throws(Errno) {
        var payload = message.payloadReader
        let name = try payload.text()
        let entry: Entry
        // No names here: so the kernel asks for what a file handle stands for, of a filesystem that is good for that.
        if connection.capabilities.contains(.exportSupport), name == "." {
            entry = try fileSystem.revive(message.node, for: message.request())
        } else if connection.capabilities.contains(.exportSupport), name == ".." {
            entry = try fileSystem.parent(of: message.node, for: message.request())
        } else {
            guard name.isEntryName else { throw .invalidArgument }
            entry = try fileSystem.lookup(name, in: message.node, for: message.request())
        }
        try hand.check(message)
        try output.put(entryOut(entry, for: .lookup))
    }

    func forget(_ message: borrowing RequestMessage) throws(Errno) {
        forget(message.node, lookups: try message.fields(ForgetIn.self).nlookup)
    }

    func batchForget(_ message: borrowing RequestMessage) throws(Errno) {
        var left = try message.fields(BatchForgetIn.self).count
        var payload = message.payloadReader
        // A count that promises more than came is no reason to lose what did.
        while left > 0, let one = try? payload.read(ForgetOne.self) {
            forget(NodeID(rawValue: one.nodeid), lookups: one.nlookup)
            left &-= 1
        }
    }

    func forget(_ node: NodeID, lookups: UInt64) {
        // First, for the node's number may be another's as soon as the filesystem knows. It may not be the last lookup
        // that is given back: the next open then registers anew.
        backings.drop(node)
        fileSystem.forget(node, lookups: lookups)
    }

    func getattr(_ message: borrowing RequestMessage, _ output: inout OutputRawSpan) throws(Errno) {
        let fields = try message.fields(GetattrIn.self)
        let handle = GetattrFlags(rawValue: fields.getattr_flags).contains(.fh) ? FileHandle(rawValue: fields.fh) : nil
        try output.put(fileSystem.getattr(message.node, handle: handle, for: message.request()).attrOut(of: message.node))
    }

    func statx(_ message: borrowing RequestMessage, _ output: inout OutputRawSpan) throws(Errno) {
        let fields = try message.fields(StatxIn.self)
        let handle = GetattrFlags(rawValue: fields.getattr_flags).contains(.fh) ? FileHandle(rawValue: fields.fh) : nil
        try output.put(fileSystem.statx(message.node, handle: handle, for: message.request()).statxOut(of: message.node))
    }

    func setattr(_ message: borrowing RequestMessage, _ output: inout OutputRawSpan) throws(Errno) {
        let fields = try message.fields(SetattrIn.self)
        let handle = SetattrValid(rawValue: fields.valid).contains(.fh) ? FileHandle(rawValue: fields.fh) : nil
        let reply = try fileSystem.setattr(message.node, AttributeChanges(fields), handle: handle, for: message.request())
        try output.put(reply.attrOut(of: message.node))
    }

    func readlink(_ message: borrowing RequestMessage, _ output: inout OutputRawSpan) throws(Errno) {
        let request = try message.request()
        let node = message.node
        try output.fill(upTo: RequestMessage.longestTarget) { (target) throws(Errno) in
            try fileSystem.readlink(node, into: &target, for: request)
        }
    }

    func mknod(_ message: borrowing RequestMessage, _ hand: Hand, _ output: inout OutputRawSpan) throws(Errno) {
        let fields = try message.fields(MknodIn.self)
        var payload = message.payloadReader
        let name = try payload.entryName()
        var new = NewFile(mode: fields.mode, umask: fields.umask)
        new.device = DeviceNumber(encoded: fields.rdev)
        let entry = try fileSystem.mknod(name, in: message.node, new, for: message.request())
        try output.put(made(entry, message, hand))
    }

    func mkdir(_ message: borrowing RequestMessage, _ hand: Hand, _ output: inout OutputRawSpan) throws(Errno) {
        let fields = try message.fields(MkdirIn.self)
        var payload = message.payloadReader
        let name = try payload.entryName()
        let new = NewFile(mode: fields.mode, umask: fields.umask)
        let entry = try fileSystem.mkdir(name, in: message.node, new, for: message.request())
        try output.put(made(entry, message, hand))
    }

    func symlink(_ message: borrowing RequestMessage, _ hand: Hand, _ output: inout OutputRawSpan) throws(Errno) {
        var payload = message.payloadReader
        let name = try payload.entryName()
        let target = try payload.text()
        let entry = try fileSystem.symlink(name, in: message.node, target: target, for: message.request())
        try output.put(made(entry, message, hand))
    }

    /// What was made, with the security contexts that the kernel has sent for it. Where it cannot have them nobody gets it.
    private func made(_ entry: Entry, _ message: borrowing RequestMessage, _ hand: Hand) throws(Errno) -> EntryOut {
        try hand.check(message)
        let output = try entryOut(entry, for: message.opcode, type: message.typeToMake)
        do throws(Errno) { try label(entry.node, message) } catch {
            forget(entry.node, lookups: 1)
            throw error
        }
        return output
    }

    func label(_ node: NodeID, _ message: borrowing RequestMessage) throws(Errno) {
        // Without the capability there is nothing that could be one.
        guard connection.capabilities.contains(.securityCtx) else { return }
        let request = try message.request()
        try message.forEachSecurityContext { (name, value) throws(Errno) in
            try fileSystem.setxattr(name, of: node, to: value, [], for: request)
        }
    }

    func unlink(_ message: borrowing RequestMessage) throws(Errno) {
        var payload = message.payloadReader
        let name = try payload.entryName()
        try fileSystem.unlink(name, in: message.node, for: message.request())
    }

    func rmdir(_ message: borrowing RequestMessage) throws(Errno) {
        var payload = message.payloadReader
        let name = try payload.entryName()
        try fileSystem.rmdir(name, in: message.node, for: message.request())
    }

    func rename(_ message: borrowing RequestMessage, to newParent: NodeID, flags: RenameFlags) throws(Errno) {
        var payload = message.payloadReader
        let name = try payload.entryName()
        let newName = try payload.entryName()
        try fileSystem.rename(name, in: message.node, to: newName, in: newParent, flags: flags, for: message.request())
    }

    func link(_ message: borrowing RequestMessage, _ hand: Hand, _ output: inout OutputRawSpan) throws(Errno) {
        let node = NodeID(rawValue: try message.fields(LinkIn.self).oldnodeid)
        var payload = message.payloadReader
        let name = try payload.entryName()
        let entry = try fileSystem.link(node, to: name, in: message.node, for: message.request())
        try output.put(made(entry, message, hand))
    }

    func access(_ message: borrowing RequestMessage) throws(Errno) {
        let check = AccessCheck(rawValue: try message.fields(AccessIn.self).mask)
        try fileSystem.access(message.node, check, for: message.request())
    }

    func statfs(_ message: borrowing RequestMessage, _ output: inout OutputRawSpan) throws(Errno) {
        try output.put(StatfsOut(st: Kstatfs(fileSystem.statfs(message.node, for: message.request()))))
    }

    // MARK: Extended attributes

    private func checkXattrs() throws(Errno) { if connection.omitted.contains(.xattrs) { throw .notImplemented } }

    func getxattr(_ message: borrowing RequestMessage, _ output: inout OutputRawSpan) throws(Errno) {
        try checkXattrs()
        let size = try message.fields(GetxattrIn.self).size
        var payload = message.payloadReader
        let name = try payload.text()
        let request = try message.request()
        let node = message.node
        try output.fillValue(asked: Int(size), room: Int(size)) { (value) throws(Errno) in
            try fileSystem.getxattr(name, of: node, into: &value, for: request)
        }
    }

    func listxattr(_ message: borrowing RequestMessage, _ output: inout OutputRawSpan) throws(Errno) {
        try checkXattrs()
        let request = try message.request()
        let node = message.node
        let size = Int(try message.fields(GetxattrIn.self).size)
        try output.fillValue(asked: size, room: size) { (names) throws(Errno) in
            try fileSystem.listxattr(node, into: &names, for: request)
        }
    }

    func setxattr(_ message: borrowing RequestMessage) throws(Errno) {
        try checkXattrs()
        let fields = try message.lengthenedFields(SetxattrIn.self)
        var payload = message.payloadReader
        let name = try payload.text()
        let value = try payload.data(fields.size)
        var options = XattrOptions(rawValue: fields.flags)
        if SetxattrFlags(rawValue: fields.setxattr_flags).contains(.aclKillSgid) { options.insert(.killSetGroupID) }
        try fileSystem.setxattr(name, of: message.node, to: value, options, for: message.request())
    }

    func removexattr(_ message: borrowing RequestMessage) throws(Errno) {
        try checkXattrs()
        var payload = message.payloadReader
        let name = try payload.text()
        try fileSystem.removexattr(name, of: message.node, for: message.request())
    }
}

extension NewFile {
    init(mode: UInt32, umask: UInt32) {
        self.init(
            mode: FileMode(rawValue: .init(truncatingIfNeeded: mode)),
            umask: FilePermissions(rawValue: .init(truncatingIfNeeded: umask)))
    }
}
