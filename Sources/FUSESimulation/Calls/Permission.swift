// SPDX-License-Identifier: MIT

import FUSE
import FUSEWire
import Glibc
import SystemPackage

// Who may do what. Source of the rules: `fs/namei.c`, `fs/attr.c` and `fuse_permission` of Linux.

extension SimulatedKernel {
    /// Whether a process may do this with a node. Where the filesystem decides for itself it is asked for `access(2)` and
    /// `chdir(2)` alone, and otherwise refuses the operation.
    func permission(
        _ inode: KernelInode, _ wanted: AccessCheck, for process: SimulatedProcess, isAccess: Bool = false
    ) throws(Errno) {
        if inode.isBad { throw .ioError }
        var isFresh = false
        if options.defaultPermissions || (wanted.contains(.execute) && inode.isRegular), !isCurrent(inode.attributesUntil) {
            try refresh(inode, for: process)
            isFresh = true
        }
        if options.defaultPermissions {
            if try allows(inode, wanted, process) { return }
            if isFresh { throw .permissionDenied }
            try refresh(inode, for: process)
            guard try allows(inode, wanted, process) else { throw .permissionDenied }
        } else if isAccess {
            guard !missing.contains(.access) else { return }
            var body: [UInt8] = []
            body.put(AccessIn(mask: wanted.rawValue))
            do throws(Errno) { _ = try exchange(.access, inode.node, body, for: process) } catch .noFunction {}
        } else if wanted.contains(.execute), inode.isRegular, inode.mode & 0o111 == 0 {
            throw .permissionDenied
        }
    }

    /// By the mode and the ACL. Source: `generic_permission`.
    private func allows(_ inode: KernelInode, _ wanted: AccessCheck, _ process: SimulatedProcess) throws(Errno) -> Bool {
        let who = process.credentials
        if try isGranted(inode, wanted, process) { return true }
        guard who.isPrivileged else { return false }
        return inode.isDirectory || !wanted.contains(.execute) || inode.mode & 0o111 != 0
    }

    private func isGranted(_ inode: KernelInode, _ wanted: AccessCheck, _ process: SimulatedProcess) throws(Errno) -> Bool {
        let (who, mode) = (process.credentials, inode.mode)
        if who.user == inode.attributes.uid { return mode >> 6 & wanted.rawValue == wanted.rawValue }
        if has(.posixACL), mode & 0o070 != 0, let acl = try acl(AccessControlList.access, of: inode, for: process) {
            return acl.allows(wanted.rawValue, who, owningGroup: inode.attributes.gid)
        }
        let class_ = who.isMember(of: inode.attributes.gid) ? mode >> 3 : mode
        return class_ & wanted.rawValue == wanted.rawValue
    }

    /// The ACL of a node, kept as long as its attributes.
    func acl(_ name: String, of inode: KernelInode, for process: SimulatedProcess) throws(Errno) -> AccessControlList? {
        if let known = inode.acls[name] { return known.flatMap { try? AccessControlList($0) } }
        let value: [UInt8]?
        do throws(Errno) { value = try getxattr(Array(name.utf8), of: inode, room: Limits.page, for: process) } catch {
            switch error {
            case .noData, .notSupported: value = nil
            case .outOfRange: throw .argListTooLong
            default: throw error
            }
        }
        let bytes = value.flatMap { $0.isEmpty ? nil : $0 }
        inode.acls[name] = .some(bytes)
        return try bytes.map { (bytes) throws(Errno) in try AccessControlList(bytes) }
    }

    /// Something is to be made in a directory. Source: `may_create`.
    func mayCreate(in parent: KernelName, for process: SimulatedProcess) throws(Errno) {
        guard let inode = parent.inode else { throw .notDirectory }
        try permission(inode, [.write, .execute], for: process)
    }

    /// Something is to be taken out of a directory. Source: `may_delete`.
    func mayDelete(_ victim: KernelInode, in parent: KernelName, isDirectory: Bool, for process: SimulatedProcess) throws(Errno) {
        guard let directory = parent.inode else { throw .notDirectory }
        try permission(directory, [.write, .execute], for: process)
        let who = process.credentials
        let isSticky = directory.mode & 0o1000 != 0
        if isSticky, !who.isPrivileged, who.user != victim.attributes.uid, who.user != directory.attributes.uid { throw .notPermitted }
        if isDirectory, !victim.isDirectory { throw .notDirectory }
        if !isDirectory, victim.isDirectory { throw .isDirectory }
    }
}

/// A POSIX ACL, as extended attributes carry it. Source: `include/uapi/linux/posix_acl_xattr.h`.
struct AccessControlList {
    struct Entry {
        var tag: UInt16
        var rights: UInt16
        var id: UInt32
    }

    static let access = "system.posix_acl_access"
    static let inherited = "system.posix_acl_default"
    private static let owner: UInt16 = 1, user: UInt16 = 2, owningGroup: UInt16 = 4, group: UInt16 = 8, mask: UInt16 = 16, other: UInt16 = 32

    let entries: [Entry]

    /// Throws what Linux says to such a value.
    init(_ bytes: [UInt8]) throws(Errno) {
        func number(_ offset: Int, _ count: Int) -> UInt32 { (0..<count).reduce(0) { $0 | UInt32(bytes[offset + $1]) << UInt32($1 * 8) } }
        guard bytes.count >= 4 else { throw .invalidArgument }
        guard number(0, 4) == 2 else { throw .notSupported }
        guard bytes.count % 8 == 4 else { throw .invalidArgument }
        entries = stride(from: 4, to: bytes.count, by: 8).map { offset in
            Entry(tag: UInt16(number(offset, 2)), rights: UInt16(number(offset + 2, 2)), id: number(offset + 4, 4))
        }
    }

    /// Entries in order, each of the three classes once, and a mask where anybody is named. Source: `posix_acl_valid`.
    var isValid: Bool {
        let tags = entries.map(\.tag)
        let isNamed = tags.contains(Self.user) || tags.contains(Self.group)
        return tags == tags.sorted() && [Self.owner, Self.owningGroup, Self.other].allSatisfy { tag in tags.count { $0 == tag } == 1 }
            && tags.count { $0 == Self.mask } <= 1 && (!isNamed || tags.contains(Self.mask))
            && entries.allSatisfy { $0.rights & ~7 == 0 && [1, 2, 4, 8, 16, 32].contains($0.tag) }
    }

    /// Of one who is not the owner. Source: `posix_acl_permission`.
    func allows(_ wanted: UInt32, _ who: Credentials, owningGroup: UInt32) -> Bool {
        let mask = entries.first { $0.tag == Self.mask }?.rights ?? 7
        var isFound = false
        for entry in entries {
            let masked = UInt32(entry.rights & mask) & wanted == wanted
            switch entry.tag {
            case Self.user where entry.id == who.user: return masked
            case Self.owningGroup where who.isMember(of: owningGroup), Self.group where who.isMember(of: entry.id):
                isFound = true
                if UInt32(entry.rights) & wanted == wanted { return masked }
            case Self.other: return !isFound && UInt32(entry.rights) & wanted == wanted
            default: break
            }
        }
        return false
    }
}
