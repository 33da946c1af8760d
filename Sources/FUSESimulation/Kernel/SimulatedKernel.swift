// SPDX-License-Identifier: MIT
//
// A kernel's end of a FUSE connection.
//
// One monitor guards everything: a system call is inside it from its start to its end, except while it waits for a reply,
// and so is whatever the server does to the kernel. So each step of a call is one step for all others, as if the kernel
// ran on one processor, and nothing here needs a lock of its own. What is public enters the monitor; everything else expects
// to be within. Filesystem code is never run with the monitor held.
//
// Who serves: threads of the server's own, which wait in `nextMessage`, or, stepped, the thread of the system call itself:
// while it waits for its reply it lets the server take one request after the other (`stepServer`). Then everything happens
// on one thread, in the same order each time.
//
// Life of an inode: the names and files that refer to it keep it (Swift's counting of references). When the last one
// goes, it hands its lookups back to `queue.forgets`, which go out as FORGET. A name is kept by the names below it, by what
// is open, and by `nameCache`, until a notification, a change or `dropCaches()` takes it from there.

import BackingTable
public import FUSE
public import FUSEWire
public import SystemPackage

/// A kernel in this process, with one FUSE filesystem mounted: it sends requests as Linux does, keeps what Linux keeps
/// (names, attributes, pages, open files, backing ids), and refuses what Linux refuses.
///
/// For a filesystem with a session around it, see ``Simulation``. By itself it is the `Device` that any server, also
/// a wrong one, can be tried at: take a channel, receive, reply.
public final class SimulatedKernel: Transport, @unchecked Sendable {
    public let options: KernelOptions
    /// The registered backing files, and faults of the table's own.
    public let backings: KernelBackings

    let monitor = Monitor()
    var queue = RequestQueue()
    /// What INIT agreed on; nil before.
    var agreed: Agreement?
    var isOver = false
    /// The clock that timeouts are measured by, in nanoseconds.
    var now: UInt64 = 1_000_000_000
    var inodes = KernelInodes()
    var root: KernelName?
    /// Keeps names that nobody uses at the moment.
    var nameCache: [ObjectIdentifier: KernelName] = [:]
    /// Names that were learned before are not good any more. C counterpart: `fuse_conn.epoch`.
    var epoch: UInt64 = 0
    /// Operations that the server does not have, as it once said.
    var missing: Set<Opcode> = []
    var processes: [Int32: SimulatedProcess] = [:]
    /// Higher than any process of Linux can have: who looks for one in `/proc` finds none.
    var lastProcess: Int32 = 1 << 22
    var faults: KernelFaults?
    var eventCount = 0
    /// Lets the server serve one request, on the calling thread, without the monitor. Nil: it has threads of its own.
    var stepServer: (() -> Void)?
    var isStepping = false
    var counts: [Opcode: Int] = [:]
    var wokenPolls: [UInt64] = []
    /// Who waits for a lock of a process, and whose it is.
    var lockWaits: [(waiter: LockHolder, holder: LockHolder)] = []

    public init(_ options: KernelOptions = KernelOptions()) {
        self.options = options
        backings = KernelBackings(options.backings, mount: options.backingMount)
        enqueueInit()
    }

    // MARK: The device

    public func makeChannel() throws(Errno) -> any Channel { SimulatedChannel(self) }

    public func openBacking(_ map: BackingMap) throws(Errno) -> BackingID {
        if let fault = monitor.within({ fault(.backingOpen) }) { throw fault }
        let request = BackingOpenRequest(descriptor: map.fd, flags: map.flags, id: map.id)
        return BackingID(rawValue: Int32(truncatingIfNeeded: try backings.open(request).rawValue))
    }

    public func closeBacking(_ id: BackingID) throws(Errno) {
        if let fault = monitor.within({ fault(.backingClose) }) { throw fault }
        try backings.close(UInt32(bitPattern: id.rawValue))
    }

    public func notify(_ code: NotifyCode, _ body: RawSpan) throws(Errno) {
        let body = [UInt8](body)
        monitor.enter()
        defer { monitor.leave() }
        try apply(code, body)
    }

    // MARK: For tests

    /// What goes wrong from now on; counting starts anew.
    public func setFaults(_ faults: KernelFaults?) {
        monitor.within {
            self.faults = faults
            eventCount = 0
        }
    }

    /// How many events could have gone wrong since ``setFaults(_:)``.
    public var events: Int { monitor.within { eventCount } }

    func fault(_ event: KernelEvent) -> Errno? {
        guard agreed != nil else { return nil }
        defer { eventCount += 1 }
        return faults?(eventCount, event)
    }

    /// Moves the clock on.
    public func advance(milliseconds: UInt64) { monitor.within { now += milliseconds * 1_000_000 } }

    /// How many requests of a kind the server has taken.
    public func requestCount(_ opcode: Opcode) -> Int { monitor.within { counts[opcode, default: 0] } }

    /// The nodes that the kernel knows, and how many lookups of each it owes the server. The root is not among them.
    public var lookupCounts: [NodeID: UInt64] { monitor.within { inodes.lookups } }

    /// How many files and directories are open, as the server sees it.
    public var openFileCount: Int { monitor.within { openFiles } }
    var openFiles = 0

    /// Waiters of these polls were woken, in this order (`kh` of POLL).
    public var polls: [UInt64] { monitor.within { wokenPolls } }

    /// Whether passthrough was agreed on.
    public var isPassthroughOn: Bool { backings.isPassthroughOn }

    /// Lets go of all names and nodes that nobody uses, as `echo 2 > /proc/sys/vm/drop_caches` does.
    public func dropCaches() {
        monitor.within {
            nameCache = [:]
            settle()
        }
    }

    /// Ends the connection: calls that wait get ECONNABORTED, later ones ENOTCONN, and channels end.
    public func abort() {
        monitor.within {
            isOver = true
            for request in queue.takeAll() { request.finish(.failure(.connectionAbort)) }
            monitor.wakeAll()
        }
    }

    // MARK: Life

    /// A process of some user. It lives until ``SimulatedProcess/exit()``.
    /// - Parameters:
    ///   - user: whose it is.
    ///   - group: its group.
    ///   - groups: the supplementary groups.
    /// - Throws: `.connectionAbort`: INIT was not answered, or not as it should be.
    public func makeProcess(user: UInt32 = 0, group: UInt32 = 0, groups: [UInt32] = []) throws(Errno) -> SimulatedProcess {
        monitor.enter()
        defer { monitor.leave() }
        guard agreed != nil, let root else { throw .connectionAbort }
        return addProcess(Credentials(user: user, group: group, groups: groups), root)
    }

    func addProcess(_ credentials: Credentials, _ directory: KernelName) -> SimulatedProcess {
        lastProcess += 1
        let process = SimulatedProcess(self, lastProcess, credentials, directory)
        processes[lastProcess] = process
        return process
    }
}
