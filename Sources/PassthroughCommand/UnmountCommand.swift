// SPDX-License-Identifier: MIT

import ArgumentParser
import FUSE
import SystemPackage

struct UnmountCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unmount", abstract: "Unmount what is mounted at MOUNTPOINT. The command that serves it ends then.",
        aliases: ["umount"])

    @Argument(help: "Where it is mounted.")
    var mountpoint: String

    @Flag(name: .shortAndLong, help: "Take it out of the tree even while it is in use; it is served on until nobody uses it any more.")
    var lazy = false

    func run() throws {
        try Console.run {
            let connection = try? MountTable.topmost(atMountpoint: FilePath(mountpoint))?.connection
            try unmount(FilePath(mountpoint), lazily: lazy)
            // A server that was killed did not get to removing its socket.
            if let connection { StatsSocket.removeAbandoned(connection) }
        }
    }
}
