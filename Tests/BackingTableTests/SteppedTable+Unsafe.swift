// SPDX-License-Identifier: MIT

@testable import BackingTable
import BackingTableTestSupport
import Glibc

/// A table whose every shared access is a step of an `Interleaver`, with grace periods that end as early as they may.
@safe
final class SteppedTable: @unchecked Sendable {
    struct Host: TableHost {
        unowned let world: SteppedTable
        let thread: Int

        func lock() { world.lock(thread) }
        func unlock() { world.unlock() }
        // Safe: as large as the table asks for; taken back in `freeSegment`.
        func allocateSegment() -> SegmentPointer? { unsafe SegmentPointer(calloc(1, SegmentPointer.byteCount)) }
        func freeSegment(_ segment: SegmentPointer) { unsafe free(segment.address) }
        func beginRead() { world.begin(thread) }
        func endRead(_: Void) { world.end(thread) }
        func retire(_ entry: EntryPointer) { world.retire(entry) }
        func observe(_ event: TableEvent) { if event == .access { world.step(thread) } }
        func visit(_ entry: EntryPointer) { world.visit(entry) }
    }

    private let interleaver: Interleaver
    private let locksAreSteps: Bool
    private var isStepping = false
    private var locker: Int?
    /// When each thread's section began.
    private var sections: [Int: Int] = [:]
    private var retired: [(entry: EntryPointer, time: Int)] = []
    private(set) var freed: [EntryPointer] = []
    private(set) var time = 0
    private(set) var mistakes: [String] = []
    private(set) var entries: [EntryPointer] = []
    private let memory: UnsafeMutableRawPointer
    private let state: TableStatePointer

    static let capacity = 16
    static let firstOffset = capacity * MemoryLayout<BackingEntry>.stride
    static let stateOffset = firstOffset + SegmentPointer.firstByteCount

    // Safe, all below: one block with room for all, freed when the threads are through with it; one thread at a time.

    /// - Parameter locksAreSteps: whether it matters who takes the lock when, which it does to other writers alone.
    init(interleaver: Interleaver, seed: TableSeed, locksAreSteps: Bool) {
        self.interleaver = interleaver
        self.locksAreSteps = locksAreSteps
        unsafe memory = calloc(1, SteppedTable.stateOffset + TableStatePointer.byteCount)
        unsafe state = TableStatePointer(memory + SteppedTable.stateOffset)
        unsafe state.initialize(first: SegmentPointer(memory + SteppedTable.firstOffset), seed: seed)
    }

    deinit { unsafe free(memory) }

    func table(thread: Int) -> BackingTable<Host> { BackingTable(state: state, host: Host(world: self, thread: thread)) }

    /// Scheduling begins: what came before was one thread's doing.
    func start() { isStepping = true }
    func stop() { isStepping = false }

    /// What is in the memory of an entry that is none yet, or none any more. A reader that comes there finds the end of the
    /// chain, so that it misses what it should have found but the test goes on.
    private func poison(_ entry: EntryPointer) {
        unsafe memset(entry.address, SteppedTable.poisonByte, MemoryLayout<BackingEntry>.size)
        unsafe entry.address.storeBytes(of: 0, as: UInt.self)
    }

    private static let poisonByte: Int32 = 0x5A

    /// Whether an entry holds nothing that the table has put there.
    func isPoisoned(_ entry: EntryPointer) -> Bool { entry.shownID == 0x5A5A_5A5A_5A5A_5A5A }

    func makeEntry() -> Int {
        unsafe entries.append(EntryPointer(memory + entries.count * MemoryLayout<BackingEntry>.stride))
        poison(entries.last!)
        return entries.count - 1
    }

    func number(of entry: EntryPointer) -> Int { entries.firstIndex(of: entry) ?? -1 }

    /// The time, which goes on.
    func tick() -> Int {
        time += 1
        return time
    }

    private func step(_ thread: Int) {
        guard isStepping else { return }
        checkShownIDs()
        time += 1
        interleaver.step(thread)
    }

    private func lock(_ thread: Int) {
        if locksAreSteps { step(thread) }
        while locker != nil { interleaver.block(thread) }
        locker = thread
    }

    private func unlock() {
        locker = nil
        interleaver.unblockAll()
    }

    private func begin(_ thread: Int) { sections[thread] = tick() }

    private func end(_ thread: Int) {
        sections[thread] = nil
        handBack()
    }

    private func retire(_ entry: EntryPointer) {
        if retired.contains(where: { $0.entry == entry }) || freed.contains(entry) { mistakes.append("retired twice") }
        retired.append((entry, tick()))
        handBack()
    }

    /// Hands back every entry whose grace period is over, and fills it with what leads astray.
    private func handBack() {
        for (entry, time) in retired where sections.values.allSatisfy({ $0 > time }) {
            freed.append(entry)
            poison(entry)
        }
        retired.removeAll { freed.contains($0.entry) }
    }

    private func visit(_ entry: EntryPointer) {
        guard isPoisoned(entry) else { return }
        let state = freed.contains(entry) ? "has been handed back" : "has not been initialised"
        mistakes.append("a reader came to entry \(number(of: entry)), which \(state)")
    }

    /// No two entries ever show the same id.
    private func checkShownIDs() {
        var shown: Set<EntryID> = []
        for entry in entries where !freed.contains(entry) {
            guard let id = entry.id, !isPoisoned(entry) else { continue }
            if !shown.insert(id).inserted { mistakes.append("two entries show \(id)") }
        }
    }
}
