// SPDX-License-Identifier: MIT

public import BackingTableHost
public import SystemPackage

public import BackingTable

/// How a simulated kernel finds backing ids.
public enum BackingKernel: Equatable, Sendable {
    /// Since 6.9: the kernel alone chooses, the next free id after the last, and the last word of the request is
    /// padding that must be 0.
    case allocatesIDs
    /// With FUSE_BACKING_FLAG_SERVER_ID: the server may choose; where it does not, the kernel tries one id.
    case takesServerIDs
}

/// The argument of BACKING_OPEN, `struct fuse_backing_map`. Plain numbers, since a kernel gets to see wrong ones too.
public struct BackingOpenRequest: Equatable, Sendable {
    /// FUSE_BACKING_FLAG_SERVER_ID: `id` is the server's choice.
    public static let serverID: UInt32 = 1

    public var descriptor: Int32
    public var flags: UInt32
    /// The last word; `padding` in kernels without server ids.
    public var id: UInt64

    public init(descriptor: Int32, flags: UInt32 = 0, id: UInt64 = 0) {
        self.descriptor = descriptor
        self.flags = flags
        self.id = id
    }
}

/// The backing side of one FUSE connection, in a kernel that runs in this process: what the ioctls BACKING_OPEN and
/// BACKING_CLOSE answer, and what an OPEN reply's backing id leads to.
///
/// All of it may be called from any thread.
public final class KernelBackings: Sendable {
    public let kernel: BackingKernel
    private let mount: FileDescriptor?
    private let shared = SharedFaults()
    /// The table, from when passthrough is negotiated.
    private let table = Locked<BackingFileMap<HeldFile>?>(nil)

    /// `mount`: ``KernelOptions/backingMount``.
    public init(_ kernel: BackingKernel, mount: FileDescriptor? = nil) {
        self.kernel = kernel
        self.mount = mount
    }

    /// What goes wrong from now on.
    public var faults: BackingFaults {
        get { shared.current }
        set { shared.current = newValue }
    }

    /// Passthrough is negotiated (INIT with FUSE_PASSTHROUGH on both sides). False if the table could not be allocated:
    /// passthrough is then off, and all else goes on.
    ///
    /// - Parameters:
    ///   - firstID: where the counter begins, for those who want to see it wrap.
    ///   - limit: how many ids may be live; INT32_MAX in a real kernel.
    public func negotiatePassthrough(firstID: EntryID = .first, limit: UInt32 = MapConfiguration.maximumLimit) -> Bool {
        var configuration = MapConfiguration()
        configuration.firstID = firstID
        configuration.limit = limit
        let system = MapMemory.system
        let shared = shared
        // Safe: hands on what the system's allocation does.
        unsafe configuration.memory.allocate = { purpose, byteCount in
            let refused = shared.update { faults in
                switch purpose {
                case .table: faults.refusesTable
                case .segment: BackingFaults.takes(&faults.refusedSegments)
                case .entry: BackingFaults.takes(&faults.refusedEntries)
                }
            }
            return unsafe refused ? nil : system.allocate(purpose, byteCount)
        }
        guard let map = try? BackingFileMap<HeldFile>(configuration) else { return false }
        table.withLock { $0 = map }
        return true
    }

    /// Whether passthrough is on.
    public var isPassthroughOn: Bool { table.withLock { $0 != nil } }

    /// How many ids are live.
    public var count: Int { table.withLock { $0?.count ?? 0 } }

    /// Changes how many ids may be live, from the next registration on.
    public func setLimit(_ limit: UInt32) { table.withLock { $0?.set(limit: limit) } }

    /// FUSE_DEV_IOC_BACKING_OPEN.
    ///
    /// - Returns: the id.
    /// - Throws: in the order of the checks,
    ///   `.notPermitted`: no CAP_SYS_ADMIN, or passthrough is off;
    ///   `.invalidArgument`: an unknown flag, a last word that is not 0 without a flag that allows it, or a server id that
    ///   is 0 or above INT32_MAX;
    ///   `.badFileDescriptor`, `.isDirectory`, `.invalidArgument`: the descriptor is not open, a directory, no regular file;
    ///   `.tooManySymbolicLinkLevels`: stacked too deep;
    ///   `.noMemory`;
    ///   `.noSpace`: as many ids are live as there can be;
    ///   `.fileExists`: the server's id is live;
    ///   `.resourceTemporarilyUnavailable`: the one id that the kernel tried is live.
    public func open(_ request: BackingOpenRequest) throws(Errno) -> EntryID {
        let map = try permitted()
        let choice = try choice(request)
        var file: HeldFile? = try HeldFile(holding: FileDescriptor(rawValue: request.descriptor), on: mount)
        if shared.update({ BackingFaults.takes(&$0.stackedFiles) }) { throw .tooManySymbolicLinkLevels }
        if choice == .next, kernel == .takesServerIDs { try takeCandidate(in: map) }
        while true {
            do {
                return try map.insert(&file, as: choice)
            } catch {
                switch error {
                case .noMemory: throw .noMemory
                case .full: throw .noSpace
                case .exists: throw .fileExists
                case .again:
                    // These kernels go on to the next free id, and there is one.
                    if kernel == .allocatesIDs { continue }
                    throw .resourceTemporarilyUnavailable
                }
            }
        }
    }

    /// FUSE_DEV_IOC_BACKING_CLOSE.
    ///
    /// - Parameter id: the ioctl's argument.
    /// - Throws: in the order of the checks,
    ///   `.notPermitted`: no CAP_SYS_ADMIN, or passthrough is off;
    ///   `.invalidArgument`: 0, or negative when read as `int32_t`;
    ///   `.noSuchFileOrDirectory`: not live.
    public func close(_ id: UInt32) throws(Errno) {
        let map = try permitted()
        guard let id = EntryID(narrow: UInt64(id)) else { throw .invalidArgument }
        guard map.remove(id) != nil else { throw .noSuchFileOrDirectory }
    }

    /// What an OPEN reply's backing id refers to. Open files keep it, whatever becomes of the id.
    public func backing(_ id: UInt32) -> Reference<HeldFile>? {
        guard let id = EntryID(narrow: UInt64(id)) else { return nil }
        return table.withLock { $0 }?.lookup(id)
    }

    private func permitted() throws(Errno) -> BackingFileMap<HeldFile> {
        guard shared.current.isPrivileged, let map = table.withLock({ $0 }) else { throw .notPermitted }
        return map
    }

    private func choice(_ request: BackingOpenRequest) throws(Errno) -> IDChoice {
        switch (kernel, request.flags) {
        case (_, 0) where request.id == 0:
            return .next
        case (.takesServerIDs, BackingOpenRequest.serverID):
            guard let id = EntryID(narrow: request.id) else { throw .invalidArgument }
            return .server(id)
        default:
            throw .invalidArgument
        }
    }

    /// One of the candidates that are to be found taken. The checks before that one come first here too.
    private func takeCandidate(in map: BackingFileMap<HeldFile>) throws(Errno) {
        guard shared.current.takenCandidates > 0 else { return }
        if shared.update({ BackingFaults.takes(&$0.refusedEntries) }) { throw .noMemory }
        guard map.hasFreeID else { throw .noSpace }
        guard shared.update({ BackingFaults.takes(&$0.takenCandidates) }) else { return }
        map.skipCandidate()
        throw .resourceTemporarilyUnavailable
    }
}
