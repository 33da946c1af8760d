// SPDX-License-Identifier: MIT

import CLinux
import FUSE
import Glibc
import Logging
import Synchronization
import SystemPackage

// The mounts whose inodes are held by handle: a handle is opened on a descriptor of its mount.
//
// Life of an entry: absent -> used (an inode on that mount was looked up) -> absent (the last one was forgotten). The
// source's own mount is entry 1 and stays. Entry 0 stands for none.
//
// Shared state: the list is behind a mutex, which lookups within mounts other than the source's take, for a few
// instructions; no system call is made under it. Descriptors are read without it by who has an inode of that mount in
// use: the count of users keeps the entry, and it was written before the first of them got to know the index.
//
// While an entry is there its descriptor keeps the mount, so no other mount gets its id.

/// The mounts in the source, by index.
final class SourceMounts: Sendable {
    private struct Mount {
        var id: Int32
        var index: UInt16
        /// What it rules out that the source's does not, as it was when the entry came. Those of a bind mount would be
        /// as they were when that was made.
        var restrictions: MountRestrictions
        var users: Int
    }

    private struct State {
        var mounts: [Mount] = []
        var free: [UInt16] = []
        var end: UInt16 = 2
        var hasTold = false
    }

    static let none: UInt16 = 0
    static let source: UInt16 = 1

    /// The id of the source's own mount; nil where nothing is held by handle.
    let sourceID: Int32?
    /// The same, whether or not; 0 where the kernel does not tell.
    let rootMount: UInt64
    /// What the source's own mount rules out.
    let restrictions: MountRestrictions
    private let descriptors: MappedArray<Atomic<Int32>>
    private let state = Mutex(State())
    private let logger: Logger
    private let relief: DescriptorRelief

    /// Finds out whether the source's inodes can be held by handle.
    init(root: FileDescriptor, relief: DescriptorRelief, logger: Logger) throws(Errno) {
        self.logger = logger
        self.relief = relief
        descriptors = try MappedArray(count: 1 << 16, least: 1 << 16)
        rootMount = try SystemCall.knownStatus(of: root).mount
        let statistics = try SystemCall.statistics(of: root)
        restrictions = MountRestrictions(statistics)
        do throws(HandleSupport.Missing) {
            let (descriptor, id) = try SourceMounts.probe(root, S_IFDIR, statistics, relief)
            descriptors[Int(SourceMounts.source)].store(descriptor.rawValue, ordering: .relaxed)
            sourceID = id
            support = .available
        } catch {
            sourceID = nil
            support = .unavailable(reason: error.reason, remedy: error.remedy)
        }
    }

    /// Says what there is to do without.
    func tell() {
        guard case .unavailable(let reason, let remedy) = support else { return }
        logger.warning(
            "inodes are not held by file handle, so each that is in use takes a descriptor: \(reason)",
            metadata: ["remedy": "\(remedy)"])
    }

    /// Whether the source's inodes are held by handle.
    let support: HandleSupport

    deinit { closeAll() }

    /// A descriptor of something on the mount. Good for who has an inode on it in use.
    func descriptor(_ index: UInt16) -> FileDescriptor {
        FileDescriptor(rawValue: descriptors[Int(index)].load(ordering: .relaxed))
    }

    /// The index of a mount, with one user more; ``none`` where inodes on it cannot be held by handle. And what it rules out
    /// that the source's does not.
    /// - Parameters:
    ///   - id: the mount's id.
    ///   - found: an `O_PATH` descriptor of something on it, and its type.
    func retain(_ id: Int32, _ found: FileDescriptor, type: UInt32) -> (index: UInt16, restrictions: MountRestrictions) {
        if id == sourceID { return (SourceMounts.source, []) }
        if let known = state.withLock({ Self.use(id, &$0) }) { return known }
        // All, where the answer is an error.
        let statistics = try? SystemCall.statistics(of: found)
        let restrictions = (statistics.map { MountRestrictions($0) } ?? .all).subtracting(self.restrictions)
        let descriptor: FileDescriptor
        do throws(HandleSupport.Missing) { (descriptor, _) = try SourceMounts.probe(found, type, statistics, relief) } catch {
            if state.withLock({ state in defer { state.hasTold = true }; return !state.hasTold }) {
                logger.warning(
                    "something is mounted in the source whose inodes are not held by file handle: \(error.reason)",
                    metadata: ["remedy": "\(error.remedy)"])
            }
            return (SourceMounts.none, restrictions)
        }
        let held: (index: UInt16, restrictions: MountRestrictions)? = state.withLock { state in
            if let known = Self.use(id, &state) { return known }
            let index: UInt16
            if let free = state.free.popLast() {
                index = free
            } else {
                guard state.end < .max else { return nil }
                index = state.end
                state.end += 1
            }
            state.mounts.append(Mount(id: id, index: index, restrictions: restrictions, users: 1))
            descriptors[Int(index)].store(descriptor.rawValue, ordering: .relaxed)
            return (index, restrictions)
        }
        if held.map({ self.descriptor($0.index) != descriptor }) ?? true { SystemCall.close(descriptor) }
        return held ?? (SourceMounts.none, restrictions)
    }

    private static func use(_ id: Int32, _ state: inout State) -> (index: UInt16, restrictions: MountRestrictions)? {
        guard let place = state.mounts.firstIndex(where: { $0.id == id }) else { return nil }
        state.mounts[place].users += 1
        return (state.mounts[place].index, state.mounts[place].restrictions)
    }

    /// One user less. Without any a mount is let go, and can be unmounted.
    func release(_ index: UInt16) {
        guard index > SourceMounts.source else { return }
        let unused: FileDescriptor? = state.withLock { state in
            guard let place = state.mounts.firstIndex(where: { $0.index == index }) else { return nil }
            state.mounts[place].users -= 1
            guard state.mounts[place].users == 0 else { return nil }
            state.mounts.remove(at: place)
            state.free.append(index)
            return descriptor(index)
        }
        if let unused { SystemCall.close(unused) }
    }

    /// How many mounts other than the source's own are in use.
    var count: Int { state.withLock { $0.mounts.count } }

    /// Only when no inode is in use any more.
    func closeAll() {
        for mount in state.withLock({ state in
            defer { state.mounts = [] }
            return state.mounts
        }) {
            SystemCall.close(descriptor(mount.index))
        }
        let own = descriptors[Int(SourceMounts.source)].exchange(0, ordering: .relaxed)
        if own > 0 { SystemCall.close(FileDescriptor(rawValue: own)) }
    }

    /// Opens a descriptor for a mount, and tries whether handles work there. `statistics`: of what was found there.
    private static func probe(
        _ found: FileDescriptor, _ type: UInt32, _ statistics: statfs?, _ relief: DescriptorRelief
    ) throws(HandleSupport.Missing) -> (FileDescriptor, Int32) {
        let call: HandleSupport.Call
        do throws(Errno) {
            guard type == S_IFDIR || type == S_IFREG else { throw Errno.notSupported }
            let (handle, id) = try SystemCall.handle(of: found)
            guard !handle.isNone else { throw Errno.overflow }
            guard let statistics, !HandleSupport.isForgetful(type: Int64(truncatingIfNeeded: statistics.f_type)) else {
                throw Errno.notSupported
            }
            let descriptor = try relief.relieving { () throws(Errno) in
                try type == S_IFDIR ? SystemCall.openDirectory(found) : SystemCall.reopen(found, O_RDONLY)
            }
            do throws(Errno) {
                SystemCall.close(try relief.relieving { () throws(Errno) in try SystemCall.open(handle, on: descriptor) })
                return (descriptor, id)
            } catch {
                SystemCall.close(descriptor)
                call = .open(error)
            }
        } catch {
            call = .name(error)
        }
        throw HandleSupport.Missing(call)
    }
}
