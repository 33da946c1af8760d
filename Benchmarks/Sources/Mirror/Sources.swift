// SPDX-License-Identifier: MIT

import Foundation
import Report

/// Makes what is mirrored: directories on a tmpfs, which the place is itself, or on an ext4 in a file of it. So no disk takes part.
struct Sources {
    let options: Options

    init(_ options: Options) { self.options = options }

    /// A new, empty directory.
    func directory(_ name: String, on kind: String) throws -> String {
        let filesystem = "\(options.place)/\(kind)"
        if kind == "ext4", !FileManager.default.fileExists(atPath: filesystem) { try makeExt4(at: filesystem) }
        let directory = "\(filesystem)/\(name)"
        guard !FileManager.default.fileExists(atPath: directory) else { throw Failed(description: "\(directory): is there already") }
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
        return directory
    }

    /// The load's files.
    func prepare(_ source: String) throws {
        try run(options.load, [source, "prepare", "\(options.threads.max() ?? 1)"], limit: 300)
    }

    private func makeExt4(at filesystem: String) throws {
        let image = "\(filesystem).img"
        try FileManager.default.createDirectory(atPath: filesystem, withIntermediateDirectories: true)
        try run("/usr/bin/truncate", ["-s", "12G", image])
        // Nothing is left to be initialized by a thread of the kernel's while others are measured.
        try run(
            "/sbin/mkfs.ext4", ["-q", "-F", "-N", "1000000", "-E", "lazy_itable_init=0,lazy_journal_init=0", image], limit: 120)
        try run("/usr/bin/mount", ["-o", "loop,noatime", image, filesystem], limit: 60)
    }
}
