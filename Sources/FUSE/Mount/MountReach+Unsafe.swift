// SPDX-License-Identifier: MIT
//
// Mountpoints whose filesystem may not answer: its server is stopped, stuck or gone. Who asks such a server waits, and with
// bad luck cannot even be killed.

import CLinux
import Glibc
import SystemPackage

extension MountCalls {
    /// The path from the root of a mountpoint. Links are followed, the last component's too; what is mounted there is not asked.
    static func pathWithoutEntering(_ path: FilePath) throws(Errno) -> String {
        var path = path
        // As many links as the kernel follows.
        for _ in 0..<40 {
            // A slash or `/.` at the end would be a question to what is mounted there; the first FilePath has taken off.
            while path.components.count > 1, path.lastComponent?.kind == .currentDirectory { path.removeLastComponent() }
            guard let name = path.lastComponent, name.kind == .regular else { return try realPath(path.string) }
            let parent = path.removingLastComponent()
            let directory = FilePath(try realPath(parent.isEmpty ? "." : parent.string))
            guard let link = try readLink(directory.appending(name)) else { return directory.appending(name).string }
            path = directory.pushing(link)
        }
        throw .tooManySymbolicLinkLevels
    }

    /// Where a link leads; nil for what is no link. Of a directory, that reaches no server: the kernel knows by itself that it
    /// is none.
    private static func readLink(_ path: FilePath) throws(Errno) -> FilePath? {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        // Safe: a string and a buffer lent for the call, whose size is told; its last byte stays 0.
        let count = unsafe readlink(path.string, &buffer, buffer.count - 1)
        if count < 0 {
            guard errno == EINVAL else { throw Errno(rawValue: errno) }
            return nil
        }
        return FilePath(String(decoding: buffer.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self))
    }

    /// How this user takes a mount that is in use, or dead, out of the tree.
    static var lazyUnmount: String { effectiveUser == 0 ? "umount -l" : "fusermount3 -uz" }

    /// Asks the filesystem that a path is on: what is known of a dead one can still be remembered, and then only a question
    /// that always reaches the server tells. Throws ENOTCONN for a dead one, ETIMEDOUT for one that does not answer.
    static func checkIsServed(_ path: String) throws(Errno) {
        var statistics = statvfs()
        // By a process of its own, which costs as much as the memory of this one is large: only where a server is to be asked.
        // Safe: a string lent for the calls, and a structure that is filled within one.
        _ = try unsafe isOnFUSE(path) ? SystemCall.result(clinux_statfs_within(path, 10_000)) : SystemCall.result(statvfs(path, &statistics))
    }

    /// Whether a path is on a FUSE mount, as far as can be told without asking one.
    private static func isOnFUSE(_ path: String) -> Bool {
        if fuseMount(above: path) != nil { return true }
        guard let resolved = try? pathWithoutEntering(FilePath(path)) else { return false }
        return fuseMount(above: resolved) != nil
    }

    /// As ``checkIsServed(_:)``, for those who have more to ask of a mountpoint before they mount on it.
    package static func checkMountpoint(_ path: String) throws(MountError) {
        do throws(Errno) { try checkIsServed(path) } catch { throw .mountpoint(path, error) }
    }

    /// A source that is a FUSE mount itself. Other filesystems are waited for as long as it takes: one of a network may be on
    /// its way.
    package static func checkSource(_ path: String) throws(MountError) {
        guard let entry = try? MountTable.topmost(atMountpoint: FilePath(path)), entry.isFUSE else { return }
        do throws(Errno) { try checkIsServed(path) } catch .timedOut { throw .mountpoint(path, .timedOut) } catch {
            // It is told by those who open it.
        }
    }

    /// The FUSE mount that a path is on, as far as its letters tell: nothing is asked.
    static func mountByName(_ path: String) -> String { fuseMount(above: path) ?? path }

    private static func fuseMount(above path: String) -> String? {
        let name = FilePath(path)
        let here = name.isAbsolute ? FilePath() : FilePath((try? realPath(".")) ?? "/")
        let full = here.pushing(name).lexicallyNormalized()
        let mounts = ((try? MountTable.entries()) ?? []).filter { $0.isFUSE && full.starts(with: FilePath($0.mountpoint)) }
        return mounts.map(\.mountpoint).max { $0.utf8.count < $1.utf8.count }
    }
}
