// SPDX-License-Identifier: MIT

public import SystemPackage

/// One line of `/proc/self/mountinfo`. Source: `proc_pid_mountinfo(5)`.
public struct MountTableEntry: Hashable, Sendable {
    /// The mount's id, and that of the mount that it is mounted on.
    let id: Int
    let parent: Int
    /// The device number, as `major:minor`. For FUSE the minor is the connection's number in
    /// `/sys/fs/fuse/connections`.
    public let device: String
    public let mountpoint: String
    /// As `fuse.passthroughfs`.
    public let type: String
    public let source: String
    /// The filesystem's own options, as `rw,user_id=0,group_id=0`.
    let options: String

    public var isFUSE: Bool { type == "fuse" || type.hasPrefix("fuse.") || type == "fuseblk" }

    /// The FUSE connection's number.
    public var connection: Int? { isFUSE ? device.split(separator: ":").last.flatMap { Int($0) } : nil }

    init?(_ line: Substring) {
        let fields = line.split(separator: " ")
        guard fields.count >= 10, let separator = fields.firstIndex(of: "-"), separator + 2 < fields.count else { return nil }
        guard let id = Int(fields[0]), let parent = Int(fields[1]) else { return nil }
        (self.id, self.parent) = (id, parent)
        device = String(fields[2])
        mountpoint = Self.unescape(fields[4])
        type = String(fields[separator + 1])
        source = Self.unescape(fields[separator + 2])
        options = separator + 3 < fields.count ? String(fields[separator + 3]) : ""
    }

    /// The kernel writes white space and backslashes as three octal digits.
    static func unescape(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "\\"), let code = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8) {
                bytes.append(code)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// The mounts of this process's namespace.
public enum MountTable {
    /// All of them, in the order in which they were made. That is not the order in which they lie on top of each other: a mount
    /// may be made first and put into the tree later.
    public static func entries() throws(Errno) -> [MountTableEntry] {
        try contents(of: "/proc/self/mountinfo").split(separator: "\n").compactMap { MountTableEntry($0) }
    }

    /// What is mounted at an absolute path without links: the topmost, where there are several.
    public static func topmost(at path: String) throws(Errno) -> MountTableEntry? { try stack(at: path).last }

    /// What is mounted at an absolute path without links, each on the one before it.
    static func stack(at path: String) throws(Errno) -> [MountTableEntry] { stack(try entries().filter { $0.mountpoint == path }) }

    /// Puts mounts of one mountpoint into the order in which they lie on each other.
    static func stack(_ mounts: [MountTableEntry]) -> [MountTableEntry] {
        var rest = mounts
        var stack: [MountTableEntry] = []
        while let next = rest.firstIndex(where: { mount in stack.last.map { $0.id == mount.parent } ?? !mounts.contains { $0.id == mount.parent } }) {
            stack.append(rest.remove(at: next))
        }
        // None is left unless the kernel shows something that is no stack.
        return rest + stack
    }

    /// What is mounted at a path as a user writes it, links followed. What is mounted there is not asked: it may not answer.
    public static func topmost(atMountpoint path: FilePath) throws(Errno) -> MountTableEntry? {
        try topmost(at: MountCalls.pathWithoutEntering(path))
    }

    static func contents(of path: FilePath) throws(Errno) -> String {
        do {
            let file = try FileDescriptor.open(path, .readOnly)
            defer { try? file.close() }
            var bytes: [UInt8] = []
            var chunk = [UInt8](repeating: 0, count: 65536)
            while true {
                let count = try unsafe chunk.withUnsafeMutableBytes { unsafe try file.read(into: $0) }
                if count == 0 { return String(decoding: bytes, as: UTF8.self) }
                bytes += chunk.prefix(count)
            }
        } catch {
            throw error as? Errno ?? .ioError
        }
    }
}
