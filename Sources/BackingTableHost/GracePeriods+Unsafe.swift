// SPDX-License-Identifier: MIT

import Glibc
import Synchronization

/// Grace periods in user space: memory that was retired is handed back when no reader can be standing on it.
///
/// # Rules
///
/// **Readers** count themselves: one up in a counter when a section begins, one down in the same counter when it ends.
/// There are two sets of counters, and a reader takes the one that is current; sections are spread over several
/// counters by thread, for the sake of the cache. Neither end loops or waits.
///
/// **Retiring** pushes onto a stack with a compare-and-exchange, from any thread, without a lock: a thread that stalls
/// somewhere in the table or in here stops nobody who drops a reference.
///
/// **Collecting** is done by one thread at a time; another that would like to goes on instead of waiting. It takes what
/// was retired, then needs to see every counter at zero once, each for itself. First those of the set that is not
/// current, into which no new readers come, save a few that had chosen it already; then it makes that set current,
/// and the other drains in turn. What it finds not to be zero it leaves for the next time, it does not wait.
///
/// **Why that is enough.** A reader that can reach a retired entry began without knowing of its unlinking, and is in
/// some counter until it ends. The collector reads counters with read-modify-writes, acquiring and releasing, as
/// the readers' are. In the order of the changes of one counter, a reader's step up is either before the
/// collector's: then the collector sees it, or has also seen the step down, after all that the reader did. Or it is
/// after: then the reader comes after the unlinking, and cannot reach the entry. Loads and stores would not do here:
/// each side could miss the other's. The word that says which set is current is a hint, and relaxed.
///
/// **Garbage** is what has been retired and not handed back. Every 64th entry that is retired has somebody try to collect
/// it. A thread that the system stops inside of a lookup (or of a collection), for good in the worst case, stops
/// collection and nothing else. So that memory is bounded even then, the map refuses insertions, for lack of memory,
/// from a limit on; removals go on. Hence garbage never exceeds that limit by more than the entries that are alive
/// at that time, and those of insertions that were already past the check.
@safe
@usableFromInline
struct GracePeriods: ~Copyable, @unchecked Sendable {
    /// In each set.
    static var counters: Int { 16 }
    /// Counters of different threads do not share a cache line, nor the pair of lines that is fetched together.
    static var spacing: Int { 128 }
    static var collectionInterval: Int { 64 }

    let block: UnsafeMutableRawPointer
    let memory: MapMemory
    let nodeByteCount: Int
    let current = Atomic<Int>(0)
    let stack = Atomic<UInt>(0)
    let garbageCount = Atomic<Int>(0)
    let collecting = Atomic<Bool>(false)
    let aging: UnsafeMutablePointer<Aging>

    /// What the collector is at. Used by whoever has set `collecting`.
    struct Aging {
        /// The entries that were taken from the stack: the first, each leading to the next.
        var first: UInt = 0
        /// The set that is being drained.
        var set = 0
        /// Whether the other has been drained since the entries were taken.
        var isLastSet = false
        /// The counters of the set that have not been seen at zero since.
        var remaining: UInt32 = 0
    }

    static var blockByteCount: Int { 2 * counters * spacing }

    /// - Parameter nodeByteCount: the size of what is retired.
    init?(memory: MapMemory, nodeByteCount: Int) {
        // Safe: zeroed memory, which is what the counters begin with; freed in deinit.
        guard let block = unsafe memory.allocate(.table, GracePeriods.blockByteCount) else { return nil }
        unsafe self.block = block
        self.memory = memory
        self.nodeByteCount = nodeByteCount
        unsafe aging = .allocate(capacity: 1)
        unsafe aging.initialize(to: Aging())
    }

    deinit {
        // Safe: nobody uses them any more.
        unsafe aging.deallocate()
        unsafe memory.deallocate(.table, GracePeriods.blockByteCount, block)
    }

    private func counter(_ number: Int, set: Int) -> UnsafeMutablePointer<Atomic<Int>> {
        // Safe: within the block, which is zeroed, and all zeros is an atomic 0.
        unsafe (block + (set * GracePeriods.counters + number) * GracePeriods.spacing)
            .assumingMemoryBound(to: Atomic<Int>.self)
    }

    /// Which of a set's counters this thread uses: any would do.
    private static var counterOfThread: Int {
        // A thread's handle is the address of its descriptor: far apart, and alike in their last bits.
        let mixed = UInt64(pthread_self()) &* 0x9E37_79B9_7F4A_7C15
        return Int(mixed >> 60) & (counters - 1)
    }

    @usableFromInline
    func begin() -> ReadSection { begin(set: current.load(ordering: .relaxed)) }

    func begin(set: Int) -> ReadSection {
        let number = GracePeriods.counterOfThread
        // Safe: see `counter`.
        unsafe counter(number, set: set).pointee.wrappingAdd(1, ordering: .acquiringAndReleasing)
        return ReadSection(counter: number, set: set)
    }

    @usableFromInline
    func end(_ section: consuming ReadSection) {
        // Safe: see `counter`.
        unsafe counter(section.counter, set: section.set).pointee.wrappingSubtract(1, ordering: .acquiringAndReleasing)
    }

    /// How many entries have been retired and not been handed back.
    var garbage: Int { garbageCount.load(ordering: .relaxed) }

    func retire(_ node: Node) {
        var head = stack.load(ordering: .relaxed)
        while true {
            node.nextRetired = head
            // Releasing: the collector acquires. Whoever pushed below released too, and this read-modify-write goes on
            // with what they released.
            let (exchanged, now) = stack.weakCompareExchange(
                expected: head, desired: node.number, ordering: .releasing)
            if exchanged { break }
            head = now
        }
        let count = garbageCount.wrappingAdd(1, ordering: .relaxed).newValue
        if count % GracePeriods.collectionInterval == 0 { collect() }
    }

    /// Hands back what can be handed back.
    func collect() {
        guard !collecting.exchange(true, ordering: .acquiring) else { return }
        // Safe, all of it: `collecting` makes this thread the only one here.
        // Two batches, since one may have been half done; no more, so that no thread is kept here by others.
        for _ in 0..<2 {
            if unsafe aging.pointee.first == 0 {
                let first = stack.exchange(0, ordering: .acquiring)
                guard first != 0 else { break }
                unsafe aging.pointee = Aging(
                    first: first, set: 1 - current.load(ordering: .relaxed), isLastSet: false,
                    remaining: GracePeriods.all)
            }
            guard drain() else { break }
            if unsafe !aging.pointee.isLastSet {
                let set = unsafe aging.pointee.set
                current.store(set, ordering: .relaxed)
                unsafe aging.pointee.set = 1 - set
                unsafe aging.pointee.isLastSet = true
                unsafe aging.pointee.remaining = GracePeriods.all
                guard drain() else { break }
            }
            handBack(unsafe aging.pointee.first)
            unsafe aging.pointee.first = 0
        }
        collecting.store(false, ordering: .releasing)
    }

    private static var all: UInt32 { (1 << UInt32(counters)) - 1 }

    /// Looks at the counters of the set that remain; true if none is left that was never zero.
    private func drain() -> Bool {
        let set = unsafe aging.pointee.set
        for number in 0..<GracePeriods.counters {
            let bit: UInt32 = 1 << UInt32(number)
            guard unsafe aging.pointee.remaining & bit != 0 else { continue }
            let value = unsafe counter(number, set: set).pointee.wrappingAdd(0, ordering: .acquiringAndReleasing).oldValue
            if value == 0 { unsafe aging.pointee.remaining &= ~bit }
        }
        return unsafe aging.pointee.remaining == 0
    }

    private func handBack(_ first: UInt) {
        var number = first
        var count = 0
        // Safe: the list was made by `retire`, and its grace period is over.
        while let node = unsafe Node(number: number) {
            number = node.nextRetired
            unsafe memory.deallocate(.entry, nodeByteCount, node.address)
            count += 1
        }
        garbageCount.wrappingSubtract(count, ordering: .relaxed)
    }

    /// Hands back everything, for who knows that no reader is left or will come.
    func collectAll() {
        // With every counter at zero, one pass is enough.
        collect()
    }
}

/// A reader's section: the counter that it is in.
@frozen
@usableFromInline
struct ReadSection {
    let counter: Int
    let set: Int

    @usableFromInline
    init(counter: Int, set: Int) {
        self.counter = counter
        self.set = set
    }
}
