// SPDX-License-Identifier: MIT

public import FUSE
import FUSEWire
import Glibc
public import SystemPackage

// Extended attributes, of a path without following a last link. Source of the rules: `fs/xattr.c`, `fs/posix_acl.c` and
// `fs/fuse/xattr.c`, `acl.c` of Linux.

extension SimulatedProcess {
    public func getxattr(_ path: String, _ name: String) throws(Errno) -> [UInt8] {
        try of(path) { (inode) throws(Errno) in
            try kernel.mayUse(name, of: inode, writes: false, self)
            if kernel.has(.posixACL), name.isACL, inode.isLink { throw .notSupported }
            return try kernel.getxattr(Array(name.utf8), of: inode, room: Limits.xattrSize, for: self)
        }
    }

    public func listxattr(_ path: String) throws(Errno) -> [String] {
        try of(path) { (inode) throws(Errno) in
            if kernel.missing.contains(.listxattr) { throw .notSupported }
            var body: [UInt8] = []
            body.put(GetxattrIn(size: UInt32(Limits.xattrSize)))
            let list: [UInt8]
            do throws(Errno) {
                list = try kernel.exchange(.listxattr, inode.node, body, .upTo(Limits.xattrSize), for: self)
            } catch .noFunction { throw .notSupported }
            let names = list.split(separator: 0, omittingEmptySubsequences: false)
            // Each has its NUL, and none is empty. Source: `fuse_verify_xattr_list`.
            guard list.isEmpty || list.last == 0, !names.dropLast().contains(where: \.isEmpty) else { throw .ioError }
            return names.dropLast().map { String(decoding: $0, as: UTF8.self) }
                .filter { !$0.hasPrefix("trusted.") || credentials.isPrivileged }
        }
    }

    public func setxattr(_ path: String, _ name: String, _ value: [UInt8], _ options: XattrOptions = []) throws(Errno) {
        try of(path) { (inode) throws(Errno) in try setxattr(inode, name, value, options) }
    }

    /// Of an open file. C counterpart: `fsetxattr(2)`.
    public func setxattr(_ descriptor: Descriptor, _ name: String, _ value: [UInt8], _ options: XattrOptions = []) throws(Errno) {
        try call { () throws(Errno) in try setxattr(openFile(descriptor).inode, name, value, options) }
    }

    private func setxattr(_ inode: KernelInode, _ name: String, _ value: [UInt8], _ options: XattrOptions) throws(Errno) {
        guard options.isSubset(of: [.create, .replace]) else { throw .invalidArgument }
        guard value.count <= Limits.xattrSize else { throw .argListTooLong }
        try kernel.mayUse(name, of: inode, writes: true, self)
        var flags: UInt32 = 0
        if kernel.has(.posixACL), name.isACL {
            guard try kernel.accepts(value, as: name, of: inode, self) else {
                return try kernel.removexattr(Array(name.utf8), of: inode, for: self)
            }
            let who = credentials
            if !who.isPrivileged, !who.isMember(of: inode.attributes.gid) { flags = SetxattrFlags.aclKillSgid.rawValue }
        }
        try kernel.setxattr(Array(name.utf8), value, options, flags, of: inode, for: self)
    }

    public func removexattr(_ path: String, _ name: String) throws(Errno) {
        try of(path) { (inode) throws(Errno) in
            try kernel.mayUse(name, of: inode, writes: true, self)
            if kernel.has(.posixACL), name.isACL, !kernel.owns(inode, self) { throw .notPermitted }
            try kernel.removexattr(Array(name.utf8), of: inode, for: self)
        }
    }

    private func of<R>(_ path: String, _ body: (KernelInode) throws(Errno) -> R) throws(Errno) -> R {
        try call(path) { (path, intent) throws(Errno) in
            guard let inode = try kernel.walk(path, follows: false, for: self, intent).inode else { throw .noSuchFileOrDirectory }
            return try body(inode)
        }
    }
}

extension String {
    fileprivate var isACL: Bool { self == AccessControlList.access || self == AccessControlList.inherited }
}

extension SimulatedKernel {
    /// Source: `xattr_permission`.
    fileprivate func mayUse(_ name: String, of inode: KernelInode, writes: Bool, _ process: SimulatedProcess) throws(Errno) {
        guard !name.isEmpty, name.utf8.count <= Limits.xattrName else { throw .outOfRange }
        if inode.isBad { throw .ioError }
        let who = process.credentials
        if name.hasPrefix("security.") || name.hasPrefix("system.") {
            // Source: `cap_inode_setxattr`.
            if writes, name.hasPrefix("security."), !who.isPrivileged { throw .notPermitted }
            return
        }
        if name.hasPrefix("trusted.") {
            guard who.isPrivileged else { throw writes ? .notPermitted : .noData }
            return
        }
        if name.hasPrefix("user.") {
            guard inode.isRegular || inode.isDirectory else { throw writes ? .notPermitted : .noData }
            if writes, inode.isDirectory, inode.mode & 0o1000 != 0, !owns(inode, process) { throw .notPermitted }
        }
        try permission(inode, writes ? .write : .read, for: process)
    }

    /// Whether there is an ACL to set; false: there is none to be left.
    fileprivate func accepts(_ value: [UInt8], as name: String, of inode: KernelInode, _ process: SimulatedProcess) throws(Errno) -> Bool {
        if inode.isLink { throw .notSupported }
        let acl = value.isEmpty ? nil : try AccessControlList(value)
        if name == AccessControlList.inherited, !inode.isDirectory {
            guard acl == nil else { throw .permissionDenied }
            return false
        }
        guard owns(inode, process) else { throw .notPermitted }
        guard let acl, !acl.entries.isEmpty else { return false }
        guard acl.isValid else { throw .invalidArgument }
        return true
    }

    /// The value; with no room, as many zeros as it has bytes.
    func getxattr(_ name: [UInt8], of inode: KernelInode, room: Int, for process: SimulatedProcess) throws(Errno) -> [UInt8] {
        if missing.contains(.getxattr) { throw .notSupported }
        var body: [UInt8] = []
        body.put(GetxattrIn(size: UInt32(room)))
        body.put(name: name)
        do throws(Errno) {
            let size = room == 0 ? ReplySize.exactly(GetxattrOut.wireSize) : .upTo(room)
            let reply = try exchange(.getxattr, inode.node, body, size, for: process)
            guard room == 0 else { return reply }
            return [UInt8](repeating: 0, count: min(Limits.xattrSize, Int(reply.structure(GetxattrOut.self)?.size ?? 0)))
        } catch .noFunction { throw .notSupported }
    }

    fileprivate func setxattr(
        _ name: [UInt8], _ value: [UInt8], _ options: XattrOptions, _ flags: UInt32, of inode: KernelInode, for process: SimulatedProcess
    ) throws(Errno) {
        if missing.contains(.setxattr) { throw .notSupported }
        var body: [UInt8] = []
        body.put(SetxattrIn(size: UInt32(value.count), flags: options.rawValue, setxattr_flags: flags))
        if !has(.setxattrExt) { body.removeLast(SetxattrIn.wireSize - SetxattrIn.shortSize) }
        body.put(name: name)
        do throws(Errno) { _ = try exchange(.setxattr, inode.node, body + value, for: process) } catch {
            throw error == .noFunction ? .notSupported : error
        }
        inode.invalidateAttributes()
    }

    func removexattr(_ name: [UInt8], of inode: KernelInode, for process: SimulatedProcess) throws(Errno) {
        if missing.contains(.removexattr) { throw .notSupported }
        var body: [UInt8] = []
        body.put(name: name)
        do throws(Errno) { _ = try exchange(.removexattr, inode.node, body, for: process) } catch {
            throw error == .noFunction ? .notSupported : error
        }
        inode.invalidateAttributes()
    }
}
