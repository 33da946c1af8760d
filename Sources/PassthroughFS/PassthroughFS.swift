// SPDX-License-Identifier: MIT

import CLinux
public import FUSE
import Glibc
public import Logging
import Synchronization
public import SystemPackage

/// The mirror of a directory: everything under the mount is what is under the source, and file data goes between the
/// kernel and the source directly, where the kernel can do that.
///
/// Nothing escapes the source: each step is one name, relative to an inode that was reached in this way, and no symbolic
/// link is followed. Filesystems that are mounted within the source are part of it, unless the options say otherwise. What
/// is made through the mount is owned by who made it, if the process is root's; a process of another user makes everything
/// as that user.
///
/// Any number of files may be known and open: inodes are held by their kernel file handles, and descriptors are opened as
/// they are needed, within the process's limit. That takes CAP_DAC_READ_SEARCH, and a filesystem that has handles;
/// otherwise each inode that the kernel knows takes a descriptor, see ``handleSupport``.
///
/// The process must have the file mode creation mask 0, for the kernel has applied the caller's: ``prepareProcess()`` sees
/// to that, and raises the limit of descriptors. Linux's `/proc` must be mounted.
///
/// C counterpart: `passthrough_hp` of libfuse.
public final class PassthroughFS: FileSystem {
    public let options: PassthroughOptions
    let inodes: InodeTable
    let lenders: InodeLenders
    let openFiles: OpenFiles
    let streams: DirectoryStreams
    /// nil where the kernel keeps the locks.
    let locks: SourceLocks?
    let mounts: SourceMounts
    let devices: SourceDevices
    let relief: DescriptorRelief
    let credentials: Credentials
    let policy: OpenPolicy?
    let freshness: Freshness
    let logger: Logger
    /// The device that the source is on.
    let device: UInt64
    /// How deeply files are stacked where they are passed through: 2 where the source's filesystem is stacked on another one
    /// itself. C counterpart: `max_stack_depth`.
    public let stackDepth: UInt32
    /// Whether this connection can pass files through.
    private let passesThrough: Atomic<Bool>
    /// What the kernel has been handed; from the start of the connection to its end.
    let handedOver = HandedOver()
    /// Tells the kernel what has changed; while there is a connection.
    let notifier = Mutex<Notifier?>(nil)
    /// The device that this mirror appears as, 0 for none.
    let ownDevice = Atomic<UInt64>(0)
    /// How many threads are having listings dropped.
    let listingDrops = Atomic<Int>(0)

    /// Mirrors the directory at a path. It is opened now: what is mounted over it later is not seen, so a mount point
    /// within the source, or the source itself, will do.
    ///
    /// `logger` is told, once each, what the mirror has to do without; `policy` decides how each file is opened; without one, all are passed through.
    /// - Throws: ``SourceError`` where the path is no directory that can be mirrored.
    public convenience init(
        source: FilePath, options: PassthroughOptions = PassthroughOptions(), logger: Logger = Logger(label: "passthroughfs"),
        policy: OpenPolicy? = nil
    ) throws(SourceError) {
        let descriptor: FileDescriptor
        do {
            descriptor = try SystemCall.open(source)
        } catch {
            throw SourceError(source: source.string, cause: error)
        }
        try self.init(taking: descriptor, name: source.string, options: options, logger: logger, policy: policy)
    }

    /// Mirrors a directory that is open already, `O_PATH` being enough. The descriptor stays the caller's.
    ///
    /// `logger` is told, once each, what the mirror has to do without; `policy` decides how each file is opened; without one, all are passed through.
    /// - Throws: ``SourceError`` where it is no directory that can be mirrored.
    public convenience init(
        source: FileDescriptor, options: PassthroughOptions = PassthroughOptions(),
        logger: Logger = Logger(label: "passthroughfs"), policy: OpenPolicy? = nil
    ) throws(SourceError) {
        let name = "descriptor \(source.rawValue)"
        let descriptor: FileDescriptor
        do {
            descriptor = try SystemCall.find(source)
        } catch {
            throw SourceError(source: name, cause: error)
        }
        try self.init(taking: descriptor, name: name, options: options, logger: logger, policy: policy)
    }

    private init(
        taking given: FileDescriptor, name: String, options: PassthroughOptions, logger: Logger, policy: OpenPolicy?
    ) throws(SourceError) {
        var name = name
        let freshness = Freshness(options)
        // Closed here, until the table of inodes takes it over.
        var owned: FileDescriptor? = given
        do throws(Errno) {
            var root = given
            let status = try SystemCall.status(of: root)
            guard status.st_mode & S_IFMT == S_IFDIR else { throw Errno.notDirectory }
            // Without CAP_SYS_ADMIN each lookup sees to it.
            if options.submounts == .refuse, let clone = try? SystemCall.cloneMount(of: root) {
                SystemCall.close(root)
                root = clone
                owned = clone
            }
            let statistics = try SystemCall.statistics(of: root)
            // Files are reopened through /proc: better known to be missing now than at the first open.
            do throws(Errno) { SystemCall.close(try SystemCall.find(root)) } catch {
                if error == .noSuchFileOrDirectory { name = SourceError.processes }
                throw error
            }
            let relief = DescriptorRelief()
            let mounts = try SourceMounts(root: root, relief: relief, logger: logger)
            owned = nil
            let inodes = try InodeTable(
                root: root, device: UInt64(status.st_dev), inode: UInt64(status.st_ino), mounts: mounts,
                remembered: options.remembered, forgetsIdle: !freshness.isForGood, relief: relief)
            inodes.idlePeriod = options.idlePeriod
            openFiles = try OpenFiles(of: inodes, relief: relief)
            lenders = InodeLenders(inodes)
            let triesTimes = freshness.listings == .checked
            let traits = SourceDevices.traits(Int64(truncatingIfNeeded: statistics.f_type), root, triesTimes: triesTimes)
            devices = try SourceDevices(source: UInt64(status.st_dev), traits: traits, triesTimes: triesTimes)
            streams = DirectoryStreams(period: options.idlePeriod, relief: relief)
            self.relief = relief
            self.mounts = mounts
            self.inodes = inodes
            device = UInt64(status.st_dev)
            stackDepth = devices.sourceTraits.contains(.isStacked) ? 2 : 1
        } catch {
            if let owned { SystemCall.close(owned) }
            throw SourceError(source: name, cause: error)
        }
        credentials = Credentials()
        locks = options.locks == .source ? SourceLocks(waiterLimit: options.lockWaiters) : nil
        self.options = options
        self.freshness = freshness
        self.policy = policy
        self.logger = logger
        passesThrough = Atomic(options.passthrough)
        // Each registration is an open file of the system's, though no descriptor.
        // (Not by a weak reference to the mirror: an object that has one is slower to retain, for as long as it lives.)
        relief.add(handedOver) { [handedOver] count in handedOver.backings.withLock { $0 }?.relieve(count) ?? 0 }
        setDescriptorLimits()
    }

    /// Whether inodes are held by file handle, or each by a descriptor, and why.
    public var handleSupport: HandleSupport { mounts.support }

    /// How many descriptors this process has open, whoever opened them.
    public static var openDescriptors: Int { DescriptorBudget.openDescriptors }

    private func setDescriptorLimits() {
        let budget = DescriptorBudget()
        inodes.descriptorLimit = budget.inodes
        inodes.keptLimit = budget.nameless
        inodes.bareLimit = budget.inodes + budget.nameless
        // The rest is for whatever else the process maps.
        inodes.anchorLimit = SystemCall.mappingLimit / 2
        openFiles.descriptorLimit = budget.openFiles
    }

    public func start(_ connection: Connection) {
        mounts.tell()
        if options.passthrough, devices.sourceTraits.contains(.isGenerated) {
            logger.notice("the source is procfs, sysfs or one of their like: what its files hold is made when it is read, so each read goes through the daemon")
        }
        handedOver.backings.withLock { $0 = connection.backings }
        notifier.withLock { $0 = connection.notifier }
        ownDevice.store(connection.device ?? 0, ordering: .relaxed)
        inodes.kernel = KernelMemory(connection, logger: logger)
        // The limit may have been raised since.
        setDescriptorLimits()
        // Where the kernel takes no files, an open is answered as it should go without: with `none`, uncached.
        passesThrough.store(options.passthrough && connection.passthrough == .available, ordering: .relaxed)
    }

    /// Closes everything that the kernel left open. Every node is stale afterwards.
    public func stop() {
        handedOver.backings.withLock { $0 = nil }
        inodes.kernel = nil
        notifier.withLock { $0 = nil }
        openFiles.closeAll()
        streams.closeAll()
        locks?.closeAll()
        inodes.closeAll()
        mounts.closeAll()
    }

    /// How many inodes the kernel knows, the root aside.
    public var inodeCount: Int { inodes.count }

    // MARK: How opens go

    /// Decides each open and create of a regular file, before anything is opened: the one place for a policy.
    /// - Parameters:
    ///   - file: the file; its directory where it is to be created.
    ///   - newName: the name of a file to be created.
    func decide(
        _ open: OpenRequest, _ file: FileDescriptor, newName: @autoclosure () -> String? = nil, isToBeCreated: Bool = false,
        for request: Request
    ) -> OpenDecision {
        let canPassThrough = passesThrough.load(ordering: .relaxed)
        guard let policy else { return canPassThrough ? .passThrough : .throughDaemon }
        let answer = policy(
            OpenQuestion(open: open, request: request, file: file, newName: newName(), isToBeCreated: isToBeCreated))
        return answer == .passThrough && !canPassThrough ? .throughDaemon : answer
    }

    // MARK: What the kernel is asked for

    public var requiredCapabilities: Capabilities { options.idMapped ? [.allowIdmap] : [] }

    public var omitted: OmittedRequests {
        var omitted: OmittedRequests = []
        // Who may read a directory the kernel checks (`default_permissions`); opening it here as root would refuse nobody. Another
        // user's process may be refused, or be refused later what it could open first: there directories are opened. And where
        // places do not last, it would find the wrong ones; a filesystem that is mounted within the source may be of that kind,
        // but as long as it is not changed, or not many are listing at the same time, places are good there, too.
        if freshness.listings != .none, mayOpenAgain, devices.sourceTraits.contains(.hasLastingPlaces) { omitted.insert(.opendir) }
        // The kernel's own copy from one file that is passed through to another comes to the same, and takes no request.
        if options.passthrough, policy == nil, devices.sourceTraits.contains(.copiesByWriting) { omitted.insert(.copyFileRange) }
        if options.xattrs == .off { omitted.insert(.xattrs) }
        return omitted
    }

    public var capabilities: Capabilities {
        var wanted: Capabilities = [
            // The source's own open truncates: one request instead of two, and none between them.
            .atomicOTrunc,
            // `readdirplus` is implemented; the kernel asks for it where children are looked up.
            .doReaddirplus, .readdirplusAuto,
            // Names are looked up, and directories read, concurrently by design.
            .parallelDirops,
            // Set-user-id, set-group-id and file capabilities are taken away wherever the kernel says so, also in the
            // `setattr` without a change that precedes a passthrough write.
            .handleKillprivV2,
            // Files are made with the group that the directory has, where the caller is in it.
            .createSuppGroup,
            // The source's ACLs count: the kernel reads them as extended attributes, and the source keeps them and the mode
            // true to each other. The source also applies the caller's mask then: where it has a default ACL it must not.
            .posixACL, .dontMask,
            // Attribute flags of directories are passed on as those of files.
            .hasIoctlDir,
            // `setxattr` takes the set-group-id bit away when told.
            .setxattrExt,
            // Sizes of requests: reads and writes go to the source at any size, in any number.
            .maxPages, .bigWrites, .asyncRead, .asyncDIO,
        ]
        wanted.formUnion(freshness.capabilities)
        if locks != nil { wanted.formUnion([.posixLocks, .flockLocks]) }
        if options.securityContexts { wanted.insert(.securityCtx) }
        if options.idMapped {
            wanted.insert(.allowIdmap)
            // The kernel knows how ids are mapped, and takes the bits by itself where it is not told that others do.
            wanted.subtract([.handleKillprivV2, .atomicOTrunc])
        }
        // File handles of the mount can be opened after a node was forgotten.
        if options.remembered > 0 { wanted.insert(.exportSupport) }
        // There are none to be read.
        if options.xattrs == .off { wanted.remove(.posixACL) }
        if options.permissions == .source {
            // With it the kernel checks, whatever the mount's options say (`process_init_reply`).
            wanted.remove(.posixACL)
            // A server of NFS comes as root, for whomever, and nobody would check.
            wanted.remove(.exportSupport)
        }
        return wanted
    }
}
