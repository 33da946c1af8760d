// SPDX-License-Identifier: MIT

import FUSE
import SystemPackage

// Values as the recorded calls show them.

extension OpenFile {
    var shown: String { "\(node.rawValue)#\(handle.rawValue)" }
}

extension FileHandle? {
    var shown: String { map { "#\($0.rawValue)" } ?? "no handle" }
}

extension OpenRequest {
    var shown: String { "flags \(flags) kill \(killPrivileges)" }
}

extension NewFile {
    var shown: String {
        "mode \(String(mode.rawValue, radix: 8)) umask \(String(umask.rawValue, radix: 8)) device \(device.major):\(device.minor)"
    }
}

extension FUSE.FileLock {
    var shown: String { "\(kind) \(start)-\(end) by \(process)" }
}

extension AttributeChanges {
    /// Only what changes.
    var shown: String {
        var parts: [String] = []
        if let mode { parts.append("mode \(String(mode.rawValue, radix: 8))") }
        if let owner { parts.append("owner \(owner.rawValue)") }
        if let group { parts.append("group \(group.rawValue)") }
        if let size { parts.append("size \(size)") }
        if let accessed { parts.append("accessed \(accessed.shown)") }
        if let modified { parts.append("modified \(modified.shown)") }
        if let changed { parts.append("changed \(changed.seconds).\(changed.nanoseconds)") }
        if let lockOwner { parts.append("lock owner \(lockOwner.rawValue)") }
        if killPrivileges { parts.append("kill") }
        return "[\(parts.joined(separator: ", "))]"
    }
}

extension AttributeChanges.Time {
    var shown: String {
        switch self {
        case .now: "now"
        case .at(let time): "\(time.seconds).\(time.nanoseconds)"
        }
    }
}

extension DataWriter {
    /// Appends text, as much of it as fits.
    @_lifetime(self: copy self)
    mutating func write(_ text: String) { append(contentsOf: text.utf8.prefix(freeCapacity)) }

    /// Appends text whole and says its size; with no room at all only the size.
    @_lifetime(self: copy self)
    mutating func fill(_ text: String) throws(Errno) -> Int {
        let count = text.utf8.count
        if freeCapacity == 0 { return count }
        guard count <= freeCapacity else { throw .outOfRange }
        write(text)
        return count
    }
}
