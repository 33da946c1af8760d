// SPDX-License-Identifier: MIT

import ArgumentParser
import FUSE
import Glibc
import Logging
import PassthroughFS
import SystemPackage

struct MountCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "mount",
        abstract: "Mount SOURCE at MOUNTPOINT, and serve it in the background until it is unmounted.",
        discussion: """
            The command ends when the mount answers; the process that serves it also ends at SIGINT, SIGTERM and SIGHUP. \
            Exit status: 0, 1 where it could not be mounted, 2 for wrong usage.
            """)

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

    @Flag(name: .shortAndLong, help: "Stay in the foreground. To systemd it tells its state (Type=notify).")
    var foreground = false

    @Option(help: "Where messages of the running mount go: a file, or syslog. In the background to syslog, unless given.")
    var log: LogTarget?

    @Option(help: "What may be remembered: auto (for a second), always (the source changes only through this mount), none.")
    var cache: PassthroughOptions.Cache = .auto

    @Option(help: "Threads to start with: as many as there are processors, unless given. More are started while all are busy.")
    var threads: Int?

    @Option(help: "Threads at the most.")
    var maxThreads: Int = 256

    @Option(help: "Whether the kernel reads and writes the files itself: auto (where it can), off, require.")
    var passthrough: SessionOptions.Passthrough = .auto

    @Option(help: ArgumentHelp(
        "How deeply files that are passed through may be stacked: 1, or 2 for a source that is itself stacked, as overlayfs is; then nothing can be stacked on the mount. As the source needs it, unless given.",
        valueName: "1|2"))
    var stackDepth: Int?

    @Option(help: "What is mounted within the source: cross (show it), refuse (show the directories that it is mounted on).")
    var submounts: PassthroughOptions.Submounts = .cross

    @Option(help: "Who keeps file locks: kernel (among the users of the mount), source (they hold against others there, too).")
    var locks: PassthroughOptions.Locks = .kernel

    @Option(help: "How requests come from the kernel: auto, dev (/dev/fuse), ring (io_uring).")
    var transport: TransportChoice = .auto

    @Option(help: "Who writes to files opened with O_APPEND: kernel (an O_APPEND that is taken off later stays on), daemon.")
    var appends: PassthroughOptions.Appends = .kernel

    @Option(help: "Extended attributes: on, off (none are served; only where nobody but the mounting user may come).")
    var xattrs: PassthroughOptions.Xattrs = .on

    @Option(help: "Who checks what users may do: mount (the kernel, for each user), source (the source alone; only where nobody but the mounting user may come).")
    var permissions: PassthroughOptions.Permissions = .mount

    @Flag(help: "What is made gets the security context that this machine's policy (SELinux) has for it on this mount.")
    var securityContexts = false

    @Flag(help: "The mount can be mounted again with other ids (id-mapped mounts, as containers have them).")
    var idMapped = false

    @Option(
        help: "For how many files that the kernel has forgotten file handles can still be opened (NFS); 136 bytes each.")
    var remember: Int = PassthroughOptions.defaultRemembered

    @Option(help: "How many files stay registered with the kernel after their last close, for ten seconds at the most; 0: none.")
    var keptBackings: Int = PassthroughOptions.defaultKeptBackings

    @Flag(name: .shortAndLong, help: "Say more.")
    var verbose = false

    @Flag(help: "Say everything: a line for each request, reply and notification.")
    var debug = false

    func validate() throws {
        guard threads.map({ 1...1024 ~= $0 }) ?? true else { throw ValidationError("--threads takes a number from 1 to 1024") }
        guard stackDepth.map({ 1...2 ~= $0 }) ?? true else { throw ValidationError("--stack-depth takes 1 or 2") }
        guard 1...1024 ~= maxThreads else { throw ValidationError("--max-threads takes a number from 1 to 1024") }
        guard 0...(1 << 26) ~= remember else { throw ValidationError("--remember takes a number from 0 to \(1 << 26)") }
        guard 0...(1 << 20) ~= keptBackings else { throw ValidationError("--kept-backings takes a number from 0 to \(1 << 20)") }
        guard (threads ?? 1) <= maxThreads else { throw ValidationError("--threads is more than --max-threads (\(maxThreads))") }
    }

    func run() throws {
        try Console.run {
            if request(Logger(label: "passthroughfs")).isRemount {
                var request = request(MessageLog(nil).logger(verbose: verbose))
                try request.inherit(StatsReport.restrictions(at: mountpoint, source: source), of: source)
                try remount(FilePath(mountpoint), options: request.options)
            } else if foreground || Background.isHere {
                try serve()
            } else {
                try Background.start()
            }
        }
    }

    private func request(_ logger: Logger) -> MountRequest {
        var mountOptions = MountOptions(logger: logger)
        mountOptions.subtype = "passthroughfs"
        mountOptions.threads = ThreadLimits(
            initial: threads ?? min(ThreadLimits.processorCount, maxThreads), maximum: maxThreads)
        mountOptions.session.passthrough = passthrough
        mountOptions.transport = transport
        mountOptions.session.maxStackDepth = stackDepth.map { UInt32($0) }
        // The name that people see is where the files are, in full: it is looked at from anywhere.
        mountOptions.source = FilePath(source).isAbsolute ? source : (try? MountCalls.realPath(source)) ?? source
        var request = MountRequest(mountOptions)
        for list in options { list.apply(to: &request) }
        if permissions == .source { request.options.defaultPermissions = false }
        return request
    }

    /// - Returns: the log, and what there is to say about its choice.
    private func openLog() throws(MountError) -> (MessageLog, notice: String?) {
        if let log { return (MessageLog(try log.open()), nil) }
        guard Background.isHere else { return (MessageLog(nil), nil) }
        let usual = LogTarget.usual
        return (MessageLog(try usual.target.open()), usual.notice)
    }

    private func serve() throws {
        // A reader of the terminal's end of a pipe may go: that must not end the mount.
        signal(SIGPIPE, SIG_IGN)
        let (log, notice) = try openLog()
        let logger = log.logger(verbose: verbose || debug)
        var request = request(logger)
        if debug { request.options.trace = { logger.debug("\($0)") } }
        // First of all: what follows asks it, and the source may be the same.
        try MountCalls.checkMountpoint(mountpoint)
        try MountCalls.checkSource(source)
        try CheckLine.checkAccess(source)
        guard !idMapped || geteuid() == 0 else {
            throw MountError("--id-mapped", "files cannot be given to their owners by this user", remedy: "run as root")
        }
        try checkLevers(request.options)
        try Nesting.check(source: source, mountpoint: mountpoint, submounts: submounts)

        // The kernel takes files of its own at the start; whether those of the source, only a file of the source tells.
        // Another user than root gets none at all, which the mount itself says.
        if passthrough == .require, geteuid() == 0,
            let refusal = try Interrupt.watched({ try CheckLine.source(source) }).first(where: { $0.isNeeded && !$0.isFine }) {
            throw MountError("passthrough is required, and not to be had", refusal.text)
        }

        let mirror = try PassthroughFS(
            source: FilePath(source),
            options: PassthroughOptions(
                cache: cache, passthrough: passthrough != .off, submounts: submounts, locks: locks, appends: appends, securityContexts: securityContexts,
                idMapped: idMapped, xattrs: xattrs, permissions: permissions, lockWaiters: maxThreads / 2, remembered: remember, keptBackings: keptBackings),
            logger: logger)
        try request.inherit(mirror.mountRestrictions, of: source)
        request.tellOfOthersChoices(source: source, logger)
        request.tellOfIdleWords { logger.debug("\($0)") }
        PassthroughFS.prepareProcess()
        let manager = foreground ? ServiceManager() : nil
        var served: Mount<PassthroughFS>?
        var listener: StatsListener?
        defer { listener?.remove() }
        do {
            try Mount.serve(mirror, at: FilePath(mountpoint), options: request.options) { mount in
                served = mount
                // Until it is served to its end they are taken as they come. One that comes later than that, after another that
                // ended it, must not keep this process from clearing up. Safe: the handler does nothing.
                for number in [SIGINT, SIGTERM, SIGHUP] { signal(number) { _ in } }
                let source = request.options.source
                do throws(Errno) {
                    listener = try StatsListener(mount.connectionNumber)
                    listener?.serve { StatsReport(mount, source: source).json }
                } catch {
                    logger.warning("stats will not find this mount: \(StatsSocket.directory): \(error)")
                }
                logger.debug("\(mount.mountpoint) is mounted: protocol 7.\(mount.session.connection.protocolMinor), \(mount.session.connection.capabilities)")
                // Who has read something wants to know where more of it would be.
                if let notice, log.hasMessages { Console.complain(notice) }
                isLive(log, logger, manager, "\(source) is served at \(mount.mountpoint)")
            } whenEnding: {
                tell(logger) { () throws(Errno) in try manager?.stopping("unmounting") }
            }
        } catch {
            // Live, the one who started it has gone: the log is told.
            if served == nil { throw error }
            logger.error("\(error)")
            throw ExitCode.failure
        }
        let counts = served?.session.counters.all.map { "\($0.opcode) \($0.count)" } ?? []
        logger.debug("served \(counts.joined(separator: ", "))")
    }

    /// What saves requests and is not for every mount.
    private func checkLevers(_ options: MountOptions) throws(MountError) {
        let remedy = "leave it out, or leave out -o allow_other"
        if options.allowOther, xattrs == .off {
            throw MountError("--xattrs off", "other users may come (allow_other), and access control lists would not hold for them", remedy: remedy)
        }
        if options.allowOther, permissions == .source {
            throw MountError("--permissions source", "other users may come (allow_other), and nobody would check what they may do", remedy: remedy)
        }
        if idMapped, permissions == .source {
            throw MountError("--permissions source", "with --id-mapped the kernel has to check", remedy: "leave out one of them")
        }
    }

    private func isLive(_ log: MessageLog, _ logger: Logger, _ manager: ServiceManager?, _ status: String) {
        log.leaveTerminal()
        tell(logger) { () throws(Errno) in try manager?.ready(status) }
        guard !foreground else { return }
        do throws(Errno) { try Background.enter(output: log.descriptor) } catch {
            logger.error("whoever wanted the mount has ended: \(error); unmounting")
            // It is heard as any other.
            kill(getpid(), SIGTERM)
        }
    }

    private func tell(_ logger: Logger, _ body: () throws(Errno) -> Void) {
        do throws(Errno) { try body() } catch {
            logger.warning("the service manager at NOTIFY_SOCKET was not told: \(error)")
        }
    }
}

extension MountRequest {
    /// Tells what was asked for and is for others to decide.
    func tellOfOthersChoices(source: String, _ logger: Logger) {
        if geteuid() != 0, !privileged.isEmpty {
            logger.warning(
                "mount options \(privileged.sorted().joined(separator: ", ")) have no effect: a mount by fusermount3 is nosuid,nodev",
                metadata: ["remedy": "run as root"])
        }
        guard let accessTimes else { return }
        var status = statvfs()
        // Safe: the structure is filled within the call.
        guard unsafe statvfs(source, &status) == 0 else { return }
        let flags = UInt(status.f_flag)
        // ST_NOATIME, ST_NODIRATIME and ST_RELATIME of `statvfs(3)`.
        let (noatime, nodiratime, relatime) = (flags & 1024 != 0, flags & 2048 != 0, flags & 4096 != 0)
        let holds =
            switch accessTimes {
            case .noatime: noatime
            case .nodiratime: noatime || nodiratime
            case .strictatime: !noatime && !relatime
            }
        if holds { return }
        logger.warning(
            "mount option \(accessTimes.rawValue) has no effect on the source: access times are kept by the mount that it is on",
            metadata: ["remedy": "remount that one with \(accessTimes.rawValue)"])
    }
}
