// SPDX-License-Identifier: MIT
//
// What nobody uses is given up after a while: it holds something that others may want.
//   The descriptor of an inode keeps the space of a file that was removed in the source, and its mount. It is closed; the
//   handle opens it again.
//   An inode without a handle has its descriptor for as long as the kernel knows it. So the kernel is asked to forget it.
//   Each inode on a mount within the source keeps that mount from being unmounted. Where nobody uses any of them, the kernel
//   is asked to forget them all.
// The same is done, at once and whoever has used them, to inodes without handles when they come near the limit of
// descriptors.
//
// A look clears the marks of use, and gives up what has none: so something is given up between one and two looks after its
// last use. `Watch` has when a thread looks, and that none does where nothing is held.
//
// Shared state: the numbers are atomic; they are in sequentially consistent order where `Watch` asks for it. `kernel` is
// behind a mutex under which nothing is called.

import FUSE
import Glibc
import Synchronization
import SystemPackage

/// What an inode table knows of those that are to be given up.
struct IdleInodes: ~Copyable, Sendable {
    fileprivate let watch = Watch()
    /// Inodes without handles, the root aside.
    fileprivate let bare = Atomic<Int>(0)
    /// Those of them that are given up when nobody uses them.
    fileprivate let loose = Atomic<Int>(0)
    fileprivate let bareLimit = Atomic<Int>(.max)
    fileprivate let period = Atomic<Int>(3000)
    /// How much was held when the kernel was last asked to forget; `max`: it has not been asked of late.
    fileprivate let heldAtLast = Atomic<Int>(.max)
    fileprivate let kernel = Mutex<KernelMemory?>(nil)
    fileprivate let hasTold = Atomic(false)
    fileprivate let isAsking = Atomic(false)
    /// Inodes without handles on the source's own device, too.
    let isEager: Bool
}

extension InodeTable: Watched {
    /// How many milliseconds are between two looks.
    var idlePeriod: Int {
        get { idle.period.load(ordering: .relaxed) }
        set { idle.period.store(max(1, newValue), ordering: .relaxed) }
    }

    /// How many inodes without handles there may be before the kernel is asked to forget some.
    var bareLimit: Int {
        get { idle.bareLimit.load(ordering: .relaxed) }
        set { idle.bareLimit.store(newValue, ordering: .relaxed) }
    }

    /// How many inodes have no handle.
    var bareCount: Int { idle.bare.load(ordering: .relaxed) }

    /// Who is asked to forget; nil where nobody can be.
    var kernel: KernelMemory? {
        get { idle.kernel.withLock { $0 } }
        set { idle.kernel.withLock { $0 = newValue } }
    }

    func endIdle() { idle.watch.end() }

    /// Puts a record in the ring, and sees to it that it does not stay there for ever.
    func enlist(_ slot: UInt32) {
        ring.enlist(slot, of: self)
        watchIdle()
    }

    private func watchIdle() { idle.watch.start(self, after: idlePeriod) }

    // MARK: Inodes without handles

    func noteBare(on device: UInt64) {
        let count = idle.bare.wrappingAdd(1, ordering: .sequentiallyConsistent).newValue
        if isLoose(on: device) { idle.loose.add(1, ordering: .sequentiallyConsistent) }
        if count > bareLimit {
            watchIdle()
            idle.watch.hurry()
        } else if isLoose(on: device) {
            watchIdle()
        }
    }

    func noteBareGone(from device: UInt64) {
        idle.bare.subtract(1, ordering: .relaxed)
        if isLoose(on: device) { idle.loose.subtract(1, ordering: .relaxed) }
    }

    private func isLoose(on device: UInt64) -> Bool { idle.isEager || device != records[1].device }

    // MARK: Looking

    var isHolding: Bool {
        !ring.isEmpty || isNearLimit || (kernel?.canPrune == true && holdsOthers)
    }

    private var isNearLimit: Bool { bareCount > bareLimit && kernel != nil }

    /// Something other than descriptors that can be opened again.
    private var holdsOthers: Bool { idle.loose.load(ordering: .sequentiallyConsistent) > 0 || mountCount > 0 }

    func look() -> Int {
        _ = ring.sweep(of: self)
        guard let kernel else { return idlePeriod }
        if isNearLimit { askToForget(bareCount - bareLimit / 2, kernel) }
        guard kernel.canPrune, holdsOthers else { return idlePeriod }
        let nodes = idleNodes()
        kernel.prune(nodes)
        // A directory can be forgotten when nothing in it is known any more, so as long as it goes on the next step is due.
        let held = nodes.isEmpty ? Int.max : nodes.count
        return held < idle.heldAtLast.exchange(held, ordering: .relaxed) ? min(100, idlePeriod) : idlePeriod
    }

    /// Inodes that hold something, and that nobody has used since the last look; directories last.
    private func idleNodes() -> [NodeID] {
        var onMounts: [UInt16: Candidates] = [:]
        var busy: Set<UInt16> = []
        var bare = Candidates()
        forEachKnown { index, node in
            let mount = records[index].handle.mount
            let isDirectory = records[index].type == UInt32(S_IFDIR)
            if records[index].handle.isNone {
                guard isLoose(on: records[index].device), records[index].slot.wasIdle() else { return }
                bare.add(node, isDirectory: isDirectory)
            } else if mount > SourceMounts.source {
                let state = records[index].slot.current
                if state.pins > 0 || state.isOpen && !state.isKept { busy.insert(mount) }
                onMounts[mount, default: Candidates()].add(node, isDirectory: isDirectory)
            }
        }
        return onMounts.filter { !busy.contains($0.key) }.values.reduce(bare.nodes) { $0 + $1.nodes }
    }

    private struct Candidates {
        private var files: [NodeID] = []
        private var directories: [NodeID] = []

        mutating func add(_ node: NodeID, isDirectory: Bool) {
            if isDirectory { directories.append(node) } else { files.append(node) }
        }

        var nodes: [NodeID] { files + directories }
    }

    // MARK: Near the limit

    /// Asks the kernel to forget so many inodes without handles: those first that nobody has used of late.
    private func askToForget(_ count: Int, _ kernel: KernelMemory) {
        if !idle.hasTold.exchange(true, ordering: .relaxed) {
            kernel.logger.warning(
                "near the limit of descriptors the kernel is asked to forget inodes, each of which takes one here",
                metadata: ["remedy": "raise the limit of descriptors, see ulimit -n"])
        }
        var (unused, used) = (Candidates(), Candidates())
        forEachKnown { index, node in
            guard records[index].handle.isNone, records[index].slot.current.pins == 0 else { return }
            let isDirectory = records[index].type == UInt32(S_IFDIR)
            if records[index].slot.wasIdle() {
                unused.add(node, isDirectory: isDirectory)
            } else {
                used.add(node, isDirectory: isDirectory)
            }
        }
        let nodes = Array((unused.nodes + used.nodes).prefix(count))
        if kernel.canPrune { kernel.prune(nodes) } else { for node in nodes { dropName(of: node, kernel) } }
    }

    /// For kernels that forget by name alone.
    private func dropName(of node: NodeID, _ kernel: KernelMemory) {
        guard let inode = try? pin(node), inode.type != UInt32(S_IFDIR),
            let path = SystemCall.path(of: inode.descriptor), let name = FilePath(path).lastComponent,
            let directory = try? SystemCall.open(FilePath(path).removingLastComponent())
        else { return }
        defer { SystemCall.close(directory) }
        guard let status = try? SystemCall.status(of: directory),
            let parent = known(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
        else { return }
        kernel.drop(name.string, in: parent)
    }

    /// Descriptors have run out: the kernel is asked to forget, and waited for, as far as that has sense.
    /// - Returns: how many inodes without handles have gone.
    func relieveBare(_ count: Int) -> Int {
        let before = bareCount
        guard before > 0, let kernel else { return 0 }
        // One asks, and all wait.
        let isFirst = !idle.isAsking.exchange(true, ordering: .relaxed)
        if isFirst { askToForget(max(count, before / 4), kernel) }
        defer { if isFirst { idle.isAsking.store(false, ordering: .relaxed) } }
        // Its answers come to other threads, within milliseconds.
        for _ in 0..<500 {
            usleep(2000)
            let now = bareCount
            if now < before { return before - now }
        }
        return 0
    }

    // MARK: All inodes

    /// Each inode that the kernel knows, the root aside; with the lock of its stripe.
    private func forEachKnown(_ body: (Int, NodeID) -> Void) {
        for stripe in stripes.indices {
            let rows = stripes[stripe].withLock { $0.slots.untouched }
            for row in 1..<max(1, rows) {
                let first = SlotStripe.block(row, of: stripe) &* UInt32(SlotStripe.slotsPerBlock)
                withStripe(of: first) { _ in
                    for slot in first..<(first &+ UInt32(SlotStripe.slotsPerBlock)) {
                        let state = records[Int(slot)].slot.current
                        guard state.isLive, records[Int(slot)].lookups > 0 else { continue }
                        body(Int(slot), NodeAddress(slot: slot, generation: state.generation).node)
                    }
                }
            }
        }
    }
}
