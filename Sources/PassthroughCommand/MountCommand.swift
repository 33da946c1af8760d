// SPDX-License-Identifier: MIT

import ArgumentParser
import FUSE
import Glibc
import PassthroughFS
import SystemPackage

struct MountCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mount",
        abstract: "Mount SOURCE at MOUNTPOINT, and serve it until it is unmounted or this command gets SIGINT, SIGTERM or SIGHUP.")

    @Argument(help: "The directory to show.")
    var source: String

    @Argument(help: "The directory to show it at. It may be the same one, or one inside it.")
    var mountpoint: String

    @Option(
        name: .customShort("o"),
        help: ArgumentHelp(
            "Mount options, separated by commas: \(MountOptionList.names).", valueName: "option,..."),
        transform: MountOptionList.init(argument:))
    var options: [MountOptionList] = []

    @Option(help: "What may be remembered: auto (for a second), always (the source changes only through this mount), none.")
    var cache: PassthroughOptions.Cache = .auto

    @Option(help: "Threads to start with: as many as there are processors, unless given. More are started while all are busy.")
    var threads: Int?

    @Option(help: "Threads at the most.")
    var maxThreads: Int = 256

    @Option(help: "Whether the kernel reads and writes the files itself: auto (where it can), off, require.")
    var passthrough: SessionOptions.Passthrough = .auto

    @Option(help: "What is mounted within the source: cross (show it), refuse (show the directories that it is mounted on).")
    var submounts: PassthroughOptions.Submounts = .cross

    @Flag(name: .shortAndLong, help: "Say more.")
    var verbose = false

    func validate() throws {
        guard threads.map({ 1...1024 ~= $0 }) ?? true else { throw ValidationError("--threads takes a number from 1 to 1024") }
        guard 1...1024 ~= maxThreads else { throw ValidationError("--max-threads takes a number from 1 to 1024") }
        guard (threads ?? 1) <= maxThreads else { throw ValidationError("--threads is more than --max-threads (\(maxThreads))") }
    }

    func run() throws {
        try Console.run {
            let logger = Console.logger(verbose: verbose)
            var mountOptions = MountOptions(logger: logger)
            mountOptions.subtype = "passthroughfs"
            mountOptions.threads = ThreadLimits(
                initial: threads ?? min(ThreadLimits.processorCount, maxThreads), maximum: maxThreads)
            mountOptions.session.passthrough = passthrough
            // The name that people see is where the files are, in full: it is looked at from anywhere.
            mountOptions.source = FilePath(source).isAbsolute ? source : Self.absolute(source)
            for list in options { list.apply(to: &mountOptions) }

            let mirror = try PassthroughFS(
                source: FilePath(source),
                options: PassthroughOptions(cache: cache, passthrough: passthrough != .off, submounts: submounts), logger: logger)
            PassthroughFS.prepareProcess()
            var served: Mount<PassthroughFS>?
            try Mount.serve(mirror, at: FilePath(mountpoint), options: mountOptions) { mount in
                served = mount
                let source = mountOptions.source
                do throws(Errno) {
                    try StatsSocket.serve(mount.connectionNumber) { StatsReport(mount, source: source).json }
                } catch {
                    logger.warning("stats will not find this mount: \(StatsSocket.directory): \(error)")
                }
                logger.debug("\(mount.mountpoint) is mounted: protocol 7.\(mount.session.connection.protocolMinor), \(mount.session.connection.capabilities)")
            }
            if let served { StatsSocket.remove(served.connectionNumber) }
            let counts = served?.session.counters.all.map { "\($0.opcode) \($0.count)" } ?? []
            logger.debug("served \(counts.joined(separator: ", "))")
        }
    }

    private static func absolute(_ path: String) -> String {
        guard let resolved = unsafe realpath(path, nil) else { return path }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }
}
