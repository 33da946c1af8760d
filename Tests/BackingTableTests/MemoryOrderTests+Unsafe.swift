// SPDX-License-Identifier: MIT

@testable import BackingTable
import BackingTableTestSupport
import Glibc
import Synchronization
import Testing

/// What an entry's id and its count of references tell about other memory. On processors that keep stores in order the answers
/// are right either way. So ThreadSanitizer, which goes by what the language promises, is who has to notice
/// (`Scripts/sanitize thread`).
@Suite struct MemoryOrderTests {
    @safe
    final class Shared: @unchecked Sendable {
        let entry: EntryPointer
        /// Plain memory, guarded by nothing but the id that the entry shows.
        var beforeTheID = 0
        var beforeItWent = 0
        /// Likewise, by nothing but the count of references.
        var byOneOwner = 0
        var byTheOther = 0
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

    /// Who drops the last reference sees what the other owners did before they dropped theirs, and so may end what they used.
    @Test func whoDropsLastSeesWhatTheOthersDid() {
        for round: UInt64 in 1...200 {
            let shared = Shared()
            shared.entry.initialize(id: EntryID(round)!, key: OrderKey(bits: round))
            #expect(shared.entry.tryRetain())
            let last = Atomic<Int>(0)
            let wrong = Atomic<Int>(0)
            concurrently([
                {
                    shared.byOneOwner = 7
                    guard shared.entry.dropReference() else { return }
                    last.wrappingAdd(1, ordering: .relaxed)
                    if shared.byTheOther != 9 { wrong.wrappingAdd(1, ordering: .relaxed) }
                },
                {
                    shared.byTheOther = 9
                    guard shared.entry.dropReference() else { return }
                    last.wrappingAdd(1, ordering: .relaxed)
                    if shared.byOneOwner != 7 { wrong.wrappingAdd(1, ordering: .relaxed) }
                },
            ])
            #expect(last.load(ordering: .relaxed) == 1 && wrong.load(ordering: .relaxed) == 0)
        }
    }
}
