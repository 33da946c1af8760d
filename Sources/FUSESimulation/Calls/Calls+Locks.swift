// SPDX-License-Identifier: MIT

public import FUSE
import Glibc
public import SystemPackage

// Locks: the kernel keeps them, as without the capabilities `posixLocks` and `flockLocks`.

extension SimulatedProcess {
    /// C counterpart: `fcntl(2)` with `F_SETLK`, and `F_OFD_SETLK` for an open file's own lock.
    ///
    /// `waits`: until the lock can be had (`F_SETLKW`), which takes another thread to give it back; otherwise EAGAIN.
    /// - Throws: `EDEADLK`: who has it waits for this process.
    public func setLock(_ descriptor: Descriptor, _ lock: FileLock, ofOpenFile: Bool = false, waits: Bool = false) throws(Errno) {
        try call { () throws(Errno) in
            let (file, range) = try range(descriptor, lock, ofOpenFile)
            if lock.kind == .read, !file.canRead { throw .badFileDescriptor }
            if lock.kind == .write, !file.canWrite { throw .badFileDescriptor }
            while lock.kind != .unlock, let other = file.inode.locks.conflict(with: range) {
                guard waits else { throw .resourceTemporarilyUnavailable }
                try wait(for: range.isPOSIX && other.isPOSIX ? other.holder : nil)
            }
            file.inode.locks.set(range, unlocks: lock.kind == .unlock)
            kernel.monitor.wakeAll()
        }
    }

    /// Waits for something to change. Only locks of processes are looked at for circles, as in Linux.
    private func wait(for holder: LockHolder?) throws(Errno) {
        if isSignalled {
            isSignalled = false
            throw .interrupted
        }
        if let holder {
            guard !kernel.isWaiting(holder, for: owner) else { throw Errno(rawValue: EDEADLK) }
            kernel.lockWaits.append((owner, holder))
        }
        kernel.monitor.wait()
        if holder != nil { kernel.lockWaits.removeAll { $0.waiter === owner } }
        guard !kernel.isOver else { throw .socketNotConnected }
    }

    /// A lock in the way of this one. C counterpart: `fcntl(2)` with `F_GETLK`.
    public func findLock(_ descriptor: Descriptor, _ lock: FileLock, ofOpenFile: Bool = false) throws(Errno) -> FileLock? {
        try call { () throws(Errno) in
            let (file, range) = try range(descriptor, lock, ofOpenFile)
            return file.inode.locks.conflict(with: range).map {
                FileLock(kind: $0.isExclusive ? .write : .read, start: $0.start, end: $0.end, process: $0.isPOSIX ? $0.process : -1)
            }
        }
    }

    private func range(_ descriptor: Descriptor, _ lock: FileLock, _ ofOpenFile: Bool) throws(Errno) -> (KernelFile, LockTable.Range) {
        let file = try openFile(descriptor)
        guard lock.start <= lock.end, lock.end <= Limits.fileSize else { throw .invalidArgument }
        return (
            file,
            LockTable.Range(
                holder: ofOpenFile ? file.lockHolder : owner, process: id, isExclusive: lock.kind == .write, start: lock.start,
                end: lock.end, isPOSIX: !ofOpenFile)
        )
    }

    /// C counterpart: `flock(2)`: shared, exclusive, or none.
    ///
    /// `waits`: as in ``setLock(_:_:ofOpenFile:waits:)``; without it, `LOCK_NB`.
    public func flock(_ descriptor: Descriptor, _ kind: FileLock.Kind, waits: Bool = false) throws(Errno) {
        try call { () throws(Errno) in
            let file = try openFile(descriptor)
            while !file.inode.locks.setWhole(file.lockHolder, isExclusive: kind == .unlock ? nil : kind == .write) {
                guard waits else { throw .resourceTemporarilyUnavailable }
                try wait(for: nil)
            }
            kernel.monitor.wakeAll()
        }
    }
}

extension SimulatedKernel {
    /// Whether a holder of locks waits, by way of whomever, for what another one has.
    fileprivate func isWaiting(_ holder: LockHolder, for other: LockHolder) -> Bool {
        var next: LockHolder? = holder
        for _ in 0...lockWaits.count {
            if next === other { return true }
            next = lockWaits.first { $0.waiter === next }?.holder
        }
        return false
    }
}
