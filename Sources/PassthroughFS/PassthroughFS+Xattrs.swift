// SPDX-License-Identifier: MIT

public import FUSE
import Glibc
public import SystemPackage

extension PassthroughFS {
    public func getxattr(
        _ name: borrowing Name, of node: NodeID, into value: inout DataWriter, for request: Request
    ) throws(Errno) -> Int {
        let inode = try inodes.pin(node)
        if inode.restrictions.contains(.noSuid), name == "security.capability" { throw .noData }
        do throws(Errno) {
            return try value.appendInPlace { (room) throws(Errno) in try SystemCall.getxattr(name, of: inode.descriptor, into: &room) }
        } catch {
            // The kernel asks for ACLs before it lets anybody in, and takes this error for the answer to the user's call. Where the
            // source has no ACLs, as ramfs, vfat and others, no file has one. Source: `__fuse_get_acl` in Linux.
            guard error == .notSupported, name == "system.posix_acl_access" || name == "system.posix_acl_default" else { throw error }
            throw .noData
        }
    }

    public func listxattr(_ node: NodeID, into names: inout DataWriter, for request: Request) throws(Errno) -> Int {
        let inode = try inodes.pin(node)
        // Natively `trusted.` attributes show to root alone; the kernel asks for values and changes of them by itself.
        var hidden: SystemCall.HiddenAttributes = asker(request).caller.isRoot || !credentials.canSwitch ? [] : .trusted
        if inode.restrictions.contains(.noSuid) { hidden.insert(.capabilities) }
        return try names.appendInPlace { [hidden] (room) throws(Errno) in
            if hidden.isEmpty { return try SystemCall.listxattr(inode.descriptor, into: &room) }
            return try SystemCall.listxattr(inode.descriptor, into: &room, without: hidden)
        }
    }

    public func setxattr(
        _ name: borrowing Name, of node: NodeID, to value: RawSpan, _ options: XattrOptions, for request: Request
    ) throws(Errno) {
        let inode = try inodes.pin(node)
        let flags = options.subtracting(.killSetGroupID).rawValue
        // It may take a block.
        let assumed = try credentials.limit(to: asker(request).caller)
        defer { credentials.restore(assumed) }
        try SystemCall.setxattr(name, of: inode.descriptor, to: value, flags: Int32(truncatingIfNeeded: flags))
        if options.contains(.killSetGroupID) {
            let mode = try SystemCall.status(of: inode.descriptor).st_mode
            if mode & S_ISGID != 0 {
                try SystemCall.chmod(inode.descriptor, FilePermissions(rawValue: mode & 0o7777 & ~S_ISGID))
            }
        }
    }

    public func removexattr(_ name: borrowing Name, of node: NodeID, for request: Request) throws(Errno) {
        let inode = try inodes.pin(node)
        // Users cannot remove capabilities: it is the kernel that does, for a write or a `chown`.
        if name == "security.capability" { try refuseStranger(to: inode, asker(request)) }
        try SystemCall.removexattr(name, of: inode.descriptor)
    }
}
