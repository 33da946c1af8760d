// SPDX-License-Identifier: MIT

import BackingTable
import Glibc

/// Counts the pointers that the table follows, which its object for Linux does not tell.
@safe
struct StepCounter: TableHost {
    // Safe: as long as `stepsOfTable` runs, on one thread.
    let steps: UnsafeMutablePointer<Int>

    func lock() {}
    func unlock() {}
    func allocateSegment() -> SegmentPointer? { unsafe SegmentPointer(calloc(1, SegmentPointer.byteCount)) }
    func freeSegment(_ segment: SegmentPointer) { unsafe free(segment.address) }
    func beginRead() {}
    func endRead(_: Void) {}
    func retire(_ entry: EntryPointer) {}
    func observe(_ event: TableEvent) { if event != .access { unsafe steps.pointee += 1 } }
    func visit(_ entry: EntryPointer) { unsafe steps.pointee += 1 }
}

/// Pointers followed by a lookup in a table of this row's ids: the mean of all of them.
func stepsOfTable(_ row: Row) -> Double {
    // Safe: memory of the sizes that the table asks for, freed when nobody uses it.
    let size = MemoryLayout<BackingEntry>.stride
    let entries = unsafe calloc(row.count, size)!
    let first = unsafe calloc(1, SegmentPointer.firstByteCount)!
    let state = unsafe calloc(1, TableStatePointer.byteCount)!
    let steps = UnsafeMutablePointer<Int>.allocate(capacity: 1)
    unsafe steps.initialize(to: 0)
    defer {
        unsafe free(entries)
        unsafe free(first)
        unsafe free(state)
        unsafe steps.deallocate()
    }
    let pointer = unsafe TableStatePointer(state)
    unsafe pointer.initialize(first: SegmentPointer(first), seed: TableSeed(0x5851_F42D_4C95_7F2D, 0x1405_7B7E_F767_814F))
    let table = unsafe BackingTable(state: pointer, host: StepCounter(steps: steps))
    let ids = (0..<row.count).map { row.shape.id($0) }
    for (number, id) in ids.enumerated() {
        _ = unsafe table.insert(EntryPointer(entries + number * size), as: .server(id))
    }
    unsafe steps.pointee = 0
    for id in ids { _ = table.lookup(id) }
    let all = unsafe steps.pointee
    table.dismantle()
    return Double(all) / Double(row.count)
}

extension Shape {
    /// The ids as the contestants' program draws them; random ones are others, as random.
    func id(_ index: Int) -> EntryID {
        let number = UInt64(index)
        let drawn: UInt64 = {
            var mixed = (number &+ 1) &* 0x9E37_79B9_7F4A_7C15
            mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
            mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
            return mixed ^ (mixed >> 31)
        }()
        let value =
            switch self {
            case .dense, .cyclic: number + 1
            case .survivors: number * 256 + 1
            case .random31: drawn >> 33
            case .random64: drawn
            case .stride(let factor, let shift): (number + 1) * (factor << shift)
            }
        return EntryID(value) ?? .first
    }
}
