// SPDX-License-Identifier: MIT
//
// Which connection a mount has. The topmost entry in the list of mounts does not tell: several processes may mount on one
// directory at once. Whoever takes another's number for its own unmounts, or aborts, what is not its own. So each way to mount
// has one that is sure:
//
// - a mount that is not in the tree yet can be asked by its own descriptor (``DetachedMount``): root's way;
// - where somebody else, or `mount(2)`, puts it into the tree, the opened `/dev/fuse` is asked: Linux tells the connection in
//   `/proc/self/fdinfo`, since 6.16;
// - older ones do not. There the mount is found in the list by an option with a number that nobody else has: `max_read`,
//   which is shown as it was given and changes nothing, as the kernel never reads as much at once. It is drawn by chance from
//   2^30, and only another mount on the same directory could have it too.

import CLinux
import SystemPackage

/// An opened `/dev/fuse`, mounted.
struct Mounted {
    /// The receiver's.
    let device: FileDescriptor
    /// The connection's number, which is the minor number of the mount's device, and the name of its folder in fusectl.
    let connection: Int
}

/// Marks a mount, so that it is found in the list of mounts.
struct MountTag {
    private let number = UInt32.random(in: 1 << 30 ..< 1 << 31)

    /// As `mount(2)` and `fusermount3` take it.
    var option: String { "max_read=\(number)" }

    /// The connection of the device, which was mounted there with the option.
    func connection(of device: FileDescriptor, at target: String) throws(MountError) -> Int {
        if let number = MountTag.connection(toldOf: device) { return number }
        let entries: [MountTableEntry]
        do throws(Errno) { entries = try MountTable.entries() } catch {
            // All that is known is that something was mounted.
            try? MountCalls.unmountAsAnyone(target, flags: CLINUX_MNT_DETACH)
            throw MountError(target, "the mounts cannot be listed: /proc/self/mountinfo: \(error)", remedy: "mount /proc", errno: error)
        }
        guard let number = connection(in: entries, at: target) else {
            throw MountError(target, "unmounted by somebody as soon as it was mounted")
        }
        return number
    }

    /// The connection of the mount with the option.
    func connection(in entries: [MountTableEntry], at target: String) -> Int? {
        entries.last { $0.mountpoint == target && $0.options.split(separator: ",").contains(Substring(option)) }?.connection
    }

    /// What the kernel says of an opened `/dev/fuse`; nil where it is not mounted, or the kernel older. Source:
    /// `fuse_dev_show_fdinfo` in Linux.
    static func connection(toldOf device: FileDescriptor) -> Int? {
        guard let text = try? MountTable.contents(of: FilePath("/proc/self/fdinfo/\(device.rawValue)")) else { return nil }
        let line = text.split(separator: "\n").first { $0.hasPrefix("fuse_connection:") }
        return line?.split(whereSeparator: \.isWhitespace).last.flatMap { Int($0) }
    }
}
