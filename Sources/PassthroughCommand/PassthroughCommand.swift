// SPDX-License-Identifier: MIT

import ArgumentParser

@main
struct PassthroughCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "passthroughfs",
        abstract: "Mounts a directory somewhere else; the kernel reads and writes the files itself.",
        subcommands: [MountCommand.self, UnmountCommand.self, DemoCommand.self])
}
