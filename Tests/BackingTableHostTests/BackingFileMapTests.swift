// SPDX-License-Identifier: MIT

import BackingTable
import BackingTableTestSupport
import BackingTableHost
import Testing

@Suite struct BackingMapTests {
    let ledger = Ledger()

    @Test func aPayloadIsFoundUnderItsID() throws {
        let map = try BackingFileMap<Payload>()
        #expect(try map.insert(Payload(10, in: ledger)) == 1)
        #expect(try map.insert(Payload(20, in: ledger), as: .server(77)) == 77)
        #expect(map.number(1) == 10)
        #expect(map.number(77) == 20)
        #expect(!map.finds(2))
        #expect(map.count == 2)
    }

    @Test func everyRefusalLeavesThePayloadWithItsOwner() throws {
        var configuration = MapConfiguration()
        configuration.limit = 2
        let map = try BackingFileMap<Payload>(configuration)
        _ = try map.insert(Payload(1, in: ledger), as: .server(1))
        var payload: Payload? = Payload(2, in: ledger)
        func refusal(_ choice: IDChoice) -> InsertionRefusal? {
            guard payload != nil else { return nil }
            do throws(InsertionRefusal) {
                _ = try map.insert(&payload, as: choice)
                return nil
            } catch { return error }
        }
        #expect(refusal(.server(1)) == .exists)
        #expect(refusal(.next) == .again)
        #expect(ledger.alive == 2)
        #expect(refusal(.next) == nil)
        check(isNone(payload))
        payload = Payload(3, in: ledger)
        #expect(refusal(.next) == .full)
        check(number(payload) == 3)
        #expect(ledger.ended(3) == 0)
    }

    @Test func aRefusedPayloadThatNobodyKeepsEnds() throws {
        let map = try BackingFileMap<Payload>()
        _ = try map.insert(Payload(1, in: ledger), as: .server(5))
        #expect(throws: InsertionRefusal.exists) { try map.insert(Payload(2, in: ledger), as: .server(5)) }
        #expect(ledger.ended(2) == 1)
        #expect(ledger.alive == 1)
    }

    @Test func aPayloadEndsWithItsLastReferenceAndAtOnce() throws {
        let map = try BackingFileMap<Payload>()
        let id = try map.insert(Payload(1, in: ledger))
        do {
            let open = try map.open(id)
            #expect(open.id == id)
            do {
                let removed = try map.taken(id)
                #expect(removed.id == nil && open.id == nil, "anonymous at once")
                check(removed.isSame(as: open))
            }
            #expect(!map.finds(id))
            #expect(ledger.alive == 1)
            do {
                let shared = open.share()
                check(shared.isSame(as: open))
            }
            #expect(open.withPayload { $0.number } == 1)
            #expect(ledger.alive == 1)
        }
        #expect(ledger.ended(1) == 1)
        #expect(!map.removes(id))
    }

    @Test func aReferenceOutlivesTheMapThatNobodyElseHas() throws {
        var map: BackingFileMap<Payload>? = try BackingFileMap<Payload>()
        _ = try map!.insert(Payload(1, in: ledger))
        _ = try map!.insert(Payload(2, in: ledger))
        do {
            let open = try map!.open(1)
            map = nil
            #expect(open.withPayload { $0.number } == 1)
            #expect(ledger.alive == 2)
        }
        #expect(ledger.alive == 0)
    }

    @Test func aMapGivesBackAllItsMemory() throws {
        let memory = TestMemory(pages: 0)
        do {
            var configuration = MapConfiguration()
            configuration.memory = memory.memory
            let map = try BackingFileMap<Payload>(configuration)
            for number in 1...3000 { _ = try map.insert(Payload(number, in: ledger)) }
            for number in 1...1000 { _ = map.remove(EntryID(UInt64(number * 3))!) }
            #expect(ledger.alive == 2000)
        }
        #expect(ledger.alive == 0)
        #expect(memory.allocated == memory.handedBack)
        #expect(memory.allocated[.entry] == 3000)
    }

    @Test func withoutMemoryNothingIsInsertedAndNothingLost() throws {
        let memory = TestMemory(pages: 0)
        var configuration = MapConfiguration()
        configuration.memory = memory.memory
        let map = try BackingFileMap<Payload>(configuration)
        memory.refuse([.entry])
        #expect(throws: InsertionRefusal.noMemory) { try map.insert(Payload(1, in: ledger)) }
        memory.refuse([.segment])
        for number in 1...256 { _ = try map.insert(Payload(number, in: ledger)) }
        var payload: Payload? = Payload(257, in: ledger)
        #expect(throws: InsertionRefusal.noMemory) { try map.insert(&payload) }
        check(number(payload) == 257)
        #expect(map.count == 256)
        memory.refuse([])
        #expect(try map.insert(&payload) == 257)
        memory.refuse([.table])
        #expect(throws: InsertionRefusal.noMemory) { try BackingFileMap<Payload>(configuration) }
    }

    /// Payloads of other sizes and alignments, references to objects among them.
    @Test func anyPayload() throws {
        let texts = try BackingFileMap<String>()
        let text = String(repeating: "a long string, on the heap. ", count: 3)
        #expect(try texts.insert(text) == 1)
        #expect(texts.lookup(1)?.payload == text)

        let wide = try BackingFileMap<SIMD2<Double>>()
        #expect(try wide.insert(SIMD2(1, 2)) == 1)
        #expect(wide.lookup(1)?.payload == SIMD2(1, 2))

        let nothing = try BackingFileMap<Void>()
        #expect(try nothing.insert(()) == 1)
        #expect(nothing.removes(1))
        #expect(!nothing.finds(1))
    }

    @Test func wrapAndFull() throws {
        var configuration = MapConfiguration()
        configuration.firstID = .maxNarrow
        let map = try BackingFileMap<Int>(configuration)
        #expect(try map.insert(1) == .maxNarrow)
        #expect(try map.insert(2) == 1)
        map.set(limit: 2)
        #expect(throws: InsertionRefusal.full) { try map.insert(3) }
        map.set(limit: 3, candidate: .maxNarrow)
        #expect(throws: InsertionRefusal.again) { try map.insert(3) }
        #expect(throws: InsertionRefusal.again) { try map.insert(3) }
        #expect(try map.insert(3) == 2)
    }
}
