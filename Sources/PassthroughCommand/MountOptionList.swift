// SPDX-License-Identifier: MIT

import ArgumentParser
import FUSE

/// One `-o` list, as `mount(8)` takes them. Later ones win.
struct MountOptionList: Sendable {
    private let changes: [@Sendable (inout MountOptions) -> Void]

    /// What each word does.
    private static let words: [(name: String, change: @Sendable (inout MountOptions) -> Void)] = [
        ("ro", { $0.readOnly = true }), ("rw", { $0.readOnly = false }),
        ("suid", { $0.suid = true }), ("nosuid", { $0.suid = false }),
        ("dev", { $0.dev = true }), ("nodev", { $0.dev = false }),
        ("exec", { $0.exec = true }), ("noexec", { $0.exec = false }),
        ("atime", { $0.noatime = false }), ("noatime", { $0.noatime = true }),
        ("sync", { $0.sync = true }), ("async", { $0.sync = false }), ("dirsync", { $0.dirsync = true }),
        ("allow_other", { $0.allowOther = true }),
        ("default_permissions", { $0.defaultPermissions = true }),
        // What /etc/fstab may hold besides: they speak to mount(8) and to the boot, not to a filesystem.
        ("defaults", { _ in }), ("auto", { _ in }), ("noauto", { _ in }), ("nofail", { _ in }), ("_netdev", { _ in }),
    ]

    static var names: String {
        words.map(\.name).prefix { $0 != "defaults" }.joined(separator: ", ") + ", fsname=NAME, subtype=NAME"
    }

    init(argument: String) throws {
        changes = try argument.split(separator: ",").map { word in
            guard let change = Self.change(for: word) else {
                throw ValidationError("unknown mount option '\(word)'; known are \(Self.names)")
            }
            return change
        }
    }

    private static func change(for word: Substring) -> (@Sendable (inout MountOptions) -> Void)? {
        if let known = words.first(where: { $0.name == word }) { return known.change }
        if word.hasPrefix("x-") { return { _ in } }
        let pair = word.split(separator: "=", maxSplits: 1).map { String($0) }
        guard pair.count == 2 else { return nil }
        switch pair[0] {
        case "fsname": return { $0.source = pair[1] }
        case "subtype": return { $0.subtype = pair[1] }
        default: return nil
        }
    }

    func apply(to options: inout MountOptions) {
        for change in changes { change(&options) }
    }
}
