// SPDX-License-Identifier: MIT

import FUSE
import Glibc
import SystemPackage

/// A temporary directory with a source and a mountpoint in it.
struct DemoPlace {
    let root: String
    var source: String { root + "/source" }
    var mountpoint: String { root + "/mountpoint" }

    init(in directory: String) throws {
        var template = Array("\(directory)/passthroughfs-demo-XXXXXX".utf8CString)
        // Safe: the array is NUL-terminated, and mkdtemp(3) changes its last letters alone.
        guard let made = unsafe mkdtemp(&template) else {
            throw MountError(directory, "no temporary directory can be made here: \(Errno(rawValue: errno))", remedy: "give another one by --directory")
        }
        root = unsafe String(cString: made)
        // Safe, here and below: strings lent for the call.
        unsafe mkdir(source, 0o755)
        unsafe mkdir(mountpoint, 0o755)
    }

    /// Removes it all. The workload has removed its files, and nothing is mounted any more.
    func remove() {
        unsafe rmdir(mountpoint)
        unsafe rmdir(source)
        unsafe rmdir(root)
    }
}

