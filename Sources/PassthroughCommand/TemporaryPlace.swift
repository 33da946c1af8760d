// SPDX-License-Identifier: MIT

import FUSE
import Glibc
import SystemPackage

/// A temporary directory with empty directories in it.
struct TemporaryPlace {
    /// Where temporary directories are made, unless it is said. Source: `environ(7)`.
    static var usualDirectory: String {
        // Safe: the environment is not changed by this program.
        guard let directory = unsafe getenv("TMPDIR") else { return "/tmp" }
        return unsafe String(cString: directory)
    }

    private let root: String
    private let names: [String]

    init(in directory: String, _ names: [String]) throws {
        var template = Array("\(directory)/passthroughfs-XXXXXX".utf8CString)
        // Safe: the array is NUL-terminated, and mkdtemp(3) changes its last letters alone.
        guard let made = unsafe mkdtemp(&template) else {
            throw MountError(directory, "no temporary directory can be made here: \(Errno(rawValue: errno))")
        }
        root = unsafe String(cString: made)
        self.names = names
        // Safe, here and below: strings lent for the call.
        for name in names { unsafe mkdir(path(name), 0o755) }
    }

    func path(_ name: String) -> String { "\(root)/\(name)" }

    /// Removes it all. What was made in the directories must be gone, and nothing mounted on them.
    func remove() {
        for name in names { unsafe rmdir(path(name)) }
        unsafe rmdir(root)
    }
}
