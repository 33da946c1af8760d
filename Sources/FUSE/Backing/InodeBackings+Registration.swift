// SPDX-License-Identifier: MIT

import FUSEWire
import Logging
import Synchronization
import SystemPackage

// The calls to the kernel, and what is told of them. None of their failures is the user's trouble: the file is then served by this
// process.

extension InodeBackings {
    /// Registers a file, as the number of its inode where it has one and the kernel lets the server choose.
    ///
    /// The kernel keeps the rights that this thread has meanwhile, and writes with them.
    func register(_ file: FileDescriptor, as number: BackingID?, for opener: Opened.IO.Opener?) throws(Errno) -> BackingID {
        let rights = try OpenerRights.assume(opener ?? Opened.IO.Opener())
        defer { rights.restore() }
        let id = try openBacking(file, as: number)
        counters.registered.add(1, ordering: .relaxed)
        counters.registrations.wrappingAdd(1, ordering: .relaxed)
        return id
    }

    private func openBacking(_ file: FileDescriptor, as number: BackingID?) throws(Errno) -> BackingID {
        let again = { self.counters.retries.wrappingAdd(1, ordering: .relaxed) }
        guard calls.takesIDs, number == nil else { return try calls.openAgain(file, as: number, on: transport, again: { _ = again() }) }
        // An id that is live though it was free here was not closed when it should have been: it stays taken.
        for _ in 0..<4 {
            guard let id = allocator.withLock({ $0.take() }) else { throw .noSpace }
            do throws(Errno) { return try calls.openAgain(file, as: id, on: transport, again: { _ = again() }) } catch {
                guard error == .fileExists else {
                    allocator.withLock { $0.give(id) }
                    throw error
                }
            }
        }
        throw .fileExists
    }

    /// Takes a registration back.
    func unregister(_ id: BackingID) {
        counters.registered.subtract(1, ordering: .relaxed)
        do throws(Errno) {
            try calls.close(id, on: transport)
            if calls.takesIDs, !isFixed { allocator.withLock { $0.give(id) } }
        } catch {
            // Nothing is lost but the kernel's reference, which goes with the connection; and the id, which may be live.
            if reports.withLock({ $0.closes.insert(error).inserted }) {
                logger.error("backing \(id.rawValue) was not closed: \(error)")
            }
        }
    }

    // MARK: Refusals

    /// Tells of a refusal, once a kind.
    func report(_ error: Errno) {
        if error == .notPermitted {
            guard !isOff.exchange(true, ordering: .relaxed) else { return }
            return logger.tell(of: .unprivileged)
        }
        guard reports.withLock({ $0.refusals.insert(error).inserted }) else { return }
        let (cause, remedy) = error.refusal
        logger.warning(
            "a file is served without passthrough: the kernel did not take it: \(cause)",
            metadata: remedy.map { ["remedy": "\($0)"] })
    }

    /// What the kernel did not take so far: opens, by why.
    var refused: [Errno: Int] { reports.withLock { $0.counts } }

    /// What has become of what was found at the start.
    func state(_ found: PassthroughState) -> PassthroughState {
        found == .available && isOff.load(ordering: .relaxed) ? .unprivileged : found
    }

    func countRefusal(_ error: Errno) { reports.withLock { $0.counts[error, default: 0] += 1 } }
}

extension Logger {
    /// Says why there is no passthrough.
    func tell(of state: PassthroughState) {
        guard case .unavailable(let reason, let remedy) = state else { return }
        warning("no passthrough: \(reason); file data goes through this process", metadata: ["remedy": "\(remedy)"])
    }
}

/// What has been told, and what is to be shown.
struct BackingReports {
    var refusals: Set<Errno> = []
    var closes: Set<Errno> = []
    /// Opens that went without passthrough though it was wished for, by why.
    var counts: [Errno: Int] = [:]
}

/// Numbers to be shown. Nothing is ordered by them.
final class BackingCounters: Sendable {
    /// Registered now; and those of them that nobody uses.
    let registered = Atomic<Int>(0)
    let kept = Atomic<Int>(0)
    /// Made so far.
    let registrations = Atomic<UInt64>(0)
    /// Attempts that were answered with EAGAIN.
    let retries = Atomic<UInt64>(0)
    let passthroughOpens = Atomic<UInt64>(0)
}

extension Errno {
    /// There is too little of something that kept registrations hold.
    var isShortage: Bool {
        [.tooManyOpenFiles, .tooManyOpenFilesInSystem, .noMemory, .noSpace].contains(self)
    }

    /// Why a kernel does not take a file, and what would help.
    var refusal: (cause: String, remedy: String?) {
        switch self {
        case .tooManySymbolicLinkLevels:
            ("its filesystem is stacked on others, as overlayfs is", "a stack depth of 2 may help; or mirror the directory that it is stacked on")
        case .resourceTemporarilyUnavailable: ("it found no free id in \(KernelAllocatedIDs().attempts) attempts", nil)
        default: (description, nil)
        }
    }
}
