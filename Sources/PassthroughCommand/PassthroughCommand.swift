// SPDX-License-Identifier: MIT

import ArgumentParser
import Glibc

@main
struct PassthroughCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "passthroughfs",
        abstract: "Mounts a directory somewhere else; the kernel reads and writes the files itself.",
        discussion: """
            'passthroughfs SOURCE MOUNTPOINT -o option,...' is short for 'passthroughfs mount': that is how mount(8) and \
            /etc/fstab call it, for the type fuse.passthroughfs.
            """,
        version: "passthroughfs 0.1.0",
        subcommands: [MountCommand.self, UnmountCommand.self, StatsCommand.self, CheckCommand.self, DemoCommand.self],
        defaultSubcommand: MountCommand.self)

    /// Exit status: 0, 1 where something failed, 2 for wrong usage, 128 and the signal's number where one ended it.
    static func main() {
        Surroundings.settle()
        do {
            // Swift reads the arguments there. The mirror needs it, too.
            guard CommandLine.argc > 0 else {
                Console.complain("/proc: not mounted (mount -t proc proc /proc)")
                exit(withError: ExitCode.failure)
            }
            guard CommandLine.argc > 1 else { return Console.say(helpMessage()) }
            try CommandWord.check(CommandLine.arguments[1])
            var command = try parseAsRoot(OptionWords.expanded(Array(CommandLine.arguments.dropFirst())))
            try command.run()
        } catch {
            // ArgumentParser's own status for wrong usage is 64.
            guard exitCode(for: error) == .validationFailure else { exit(withError: error) }
            Console.complain(fullMessage(for: error), prefixed: false)
            exit(withError: ExitCode(2))
        }
    }
}
