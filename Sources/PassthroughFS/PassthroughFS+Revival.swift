// SPDX-License-Identifier: MIT

public import FUSE
import Glibc
public import SystemPackage

// File handles of the mount, opened after the kernel has forgotten what they name.

extension PassthroughFS {
    public func revive(_ node: NodeID, for request: Request) throws(Errno) -> Entry {
        let inode = try inodes.pin(node)
        let status = try SystemCall.status(of: inode.descriptor)
        try inodes.retain(node)
        return makeEntry(node, status, inode.restrictions)
    }

    public func parent(of node: NodeID, for request: Request) throws(Errno) -> Entry {
        let directory = try inodes.pin(node)
        guard directory.type == S_IFDIR else { throw .notDirectory }
        guard !isRoot(try SystemCall.status(of: directory.descriptor)) else { throw .staleNFSFileHandle }
        let found = try relief.relieving { () throws(Errno) in try SystemCall.findParent(of: directory.descriptor) }
        do {
            let status = try SystemCall.status(of: found)
            if isRoot(status) {
                SystemCall.close(found)
                return makeEntry(.root, status, [])
            }
            try checkIsWithinSource(found, status)
        } catch {
            SystemCall.close(found)
            throw error
        }
        return try takeEntry( found)
    }

    private func isRoot(_ status: stat) -> Bool {
        inodes.isRoot(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    }

    /// A directory that was moved out of the source since has a parent that is none of ours. Goes up until it meets the
    /// source's root; throws ESTALE where it meets the top instead.
    private func checkIsWithinSource(_ directory: FileDescriptor, _ status: stat) throws(Errno) {
        var current = try SystemCall.findParent(of: directory)
        defer { SystemCall.close(current) }
        var below = status
        while true {
            let status = try SystemCall.status(of: current)
            if isRoot(status) { return }
            guard status.st_ino != below.st_ino || status.st_dev != below.st_dev else { throw .staleNFSFileHandle }
            let next = try SystemCall.findParent(of: current)
            SystemCall.close(current)
            current = next
            below = status
        }
    }
}
