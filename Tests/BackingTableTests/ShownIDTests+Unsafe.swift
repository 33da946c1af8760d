// SPDX-License-Identifier: MIT

@testable import BackingTable
import BackingTableTestSupport
import Glibc
import Synchronization
import Testing

/// What seeing an id on an entry tells about other memory. On processors that keep stores in order the answers are right
/// either way. So ThreadSanitizer, which goes by what the language promises, is who has to notice (`Scripts/sanitize thread`).
@Suite struct ShownIDTests {
    @safe
    final class Shared: @unchecked Sendable {
        let entry: EntryPointer
        /// Plain memory, guarded by nothing but the id that the entry shows.
        var beforeTheID = 0
        var beforeItWent = 0
        /// Relaxed, so that it orders nothing.
        let isSeen = Atomic<Bool>(false)

        // Safe: as large as an entry, zeroed, which is an anonymous one; freed when the threads are through with it.
        init() { unsafe entry = EntryPointer(calloc(1, MemoryLayout<BackingEntry>.size)) }
        deinit { unsafe free(entry.address) }
    }

    /// Who sees an id on an entry sees what the writer did before it gave it (that it made the entry which had the id before
    /// anonymous, for one); who sees that it is gone sees what came before that.
    @Test func whoSeesAnIDSeesWhatCameBeforeIt() {
        for round: UInt64 in 1...200 {
            let shared = Shared()
            let wrong = Atomic<Int>(0)
            concurrently([
                {
                    shared.beforeTheID = 7
                    shared.entry.initialize(id: EntryID(round)!, key: OrderKey(bits: round))
                    while !shared.isSeen.load(ordering: .relaxed) { sched_yield() }
                    shared.beforeItWent = 9
                    shared.entry.makeAnonymous()
                },
                {
                    while shared.entry.id == nil { sched_yield() }
                    if shared.beforeTheID != 7 || shared.entry.id?.rawValue != round { wrong.wrappingAdd(1, ordering: .relaxed) }
                    shared.isSeen.store(true, ordering: .relaxed)
                    while shared.entry.id != nil { sched_yield() }
                    if shared.beforeItWent != 9 { wrong.wrappingAdd(1, ordering: .relaxed) }
                },
            ])
            #expect(wrong.load(ordering: .relaxed) == 0)
        }
    }
}
