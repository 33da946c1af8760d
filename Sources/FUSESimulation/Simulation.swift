// SPDX-License-Identifier: MIT

public import FUSE
public import SystemPackage

/// A filesystem mounted in a simulated kernel: the session code of a real mount, without a mount, root, or `/dev/fuse`.
///
///     let simulation = try Simulation(MyFS())
///     let user = try simulation.makeProcess(user: 1000, group: 1000)
///     try user.mkdir("/folder")
///     ...
///     try simulation.end()
///
/// Everything happens on the calling thread: while a call waits for its reply the session serves, request after request, so
/// that the same calls give the same requests each time. With ``Serving/threads(_:)`` the session has threads of its own,
/// as in a mount, for filesystems that block, and several processes may call at once.
public final class Simulation<FS: FileSystem>: Sendable {
    public let kernel: SimulatedKernel
    public let session: Session<FS>
    private let pool: WorkerPool<FS>?

    /// - Throws: `SessionError`, as a session does.
    public init(
        _ fileSystem: FS, kernel options: KernelOptions = KernelOptions(), session: SessionOptions = SessionOptions(),
        serving: Serving = .stepped
    ) throws(SessionError) {
        let kernel = SimulatedKernel(options)
        let channel = SimulatedChannel(kernel)
        let served = try Session(fileSystem, transport: kernel, channel: channel, options: session)
        self.kernel = kernel
        self.session = served
        switch serving {
        case .stepped:
            pool = nil
            kernel.serve { [unowned served] in
                do throws(Errno) {
                    if try !served.step(channel) { kernel.abort() }
                } catch {
                    kernel.abort()
                }
            }
        case .threads(let limits):
            do throws(Errno) {
                let pool = try WorkerPool(served, transport: kernel, limits: limits)
                try pool.start(channel)
                self.pool = pool
            } catch {
                throw .system(error)
            }
        }
    }

    /// The kernel, its processes, and what serves it hold each other.
    deinit {
        kernel.abort()
        kernel.exitAll()
        kernel.stopServing()
    }

    public var fileSystem: FS { session.fileSystem }

    /// A process of some user, root by default.
    public func makeProcess(user: UInt32 = 0, group: UInt32 = 0, groups: [UInt32] = []) throws(Errno) -> SimulatedProcess {
        try kernel.makeProcess(user: user, group: group, groups: groups)
    }

    /// Ends all processes, lets go of everything that the kernel knows, and ends the connection; the filesystem is stopped
    /// then. Returns what was left at the last moment: nothing, where kernel and server agree.
    @discardableResult public func end() -> Leftover {
        kernel.exitAll()
        kernel.dropCaches()
        kernel.waitUntilServed()
        let left = Leftover(
            lookups: kernel.lookupCounts, openFiles: kernel.openFileCount, backings: kernel.backings.count)
        kernel.abort()
        if let pool { pool.waitUntilEnded() } else { session.end() }
        return left
    }
}

/// Who serves a simulation's requests.
public enum Serving: Sendable {
    /// The thread of the call that waits.
    case stepped
    /// Threads of the session's own.
    case threads(ThreadLimits)
}

/// What a kernel still had when everything had been closed and let go.
public struct Leftover: Equatable, Sendable {
    /// Nodes that it knows.
    public var lookups: [NodeID: UInt64]
    public var openFiles: Int
    /// Backing files that are registered: with a session that keeps some for the next open, those are among them.
    public var backings: Int

    public init(lookups: [NodeID: UInt64] = [:], openFiles: Int = 0, backings: Int = 0) {
        self.lookups = lookups
        self.openFiles = openFiles
        self.backings = backings
    }
}

extension SimulatedKernel {
    /// Has a server serve one request at a time, on the thread of the call that waits: called when there is one to be taken.
    /// To be set before there are processes.
    public func serve(_ step: @escaping () -> Void) { monitor.within { stepServer = step } }

    /// Lets go of what ``serve(_:)`` was given.
    func stopServing() { monitor.within { stepServer = nil } }

    /// Ends all processes. Until then they and the kernel hold each other.
    public func exitAll() {
        let all = monitor.within { processes.sorted { $0.key < $1.key }.map(\.value) }
        for process in all { process.exit() }
    }

    /// With threads: until the server has taken and answered everything.
    func waitUntilServed() {
        monitor.within {
            settle()
            while !isOver, !queue.isEmpty || queue.unansweredCount > 0 { monitor.wait() }
        }
    }
}
