// SPDX-License-Identifier: MIT

public import BackingTable
import Glibc

/// Where a map's memory comes from: `calloc` and `free`, unless a test or a simulation says otherwise.
@safe
package struct MapMemory: Sendable {
    /// What memory is wanted for.
    package enum Purpose: Equatable, Sendable {
        /// The table itself, while the map is made.
        case table
        /// More buckets.
        case segment
        /// An entry with its payload.
        case entry
    }

    /// Zeroed bytes, aligned to 16, or nil.
    package var allocate: @Sendable (Purpose, _ byteCount: Int) -> UnsafeMutableRawPointer?
    package var deallocate: @Sendable (Purpose, _ byteCount: Int, UnsafeMutableRawPointer) -> Void

    package init(
        allocate: @escaping @Sendable (Purpose, Int) -> UnsafeMutableRawPointer?,
        deallocate: @escaping @Sendable (Purpose, Int, UnsafeMutableRawPointer) -> Void
    ) {
        unsafe self.allocate = allocate
        unsafe self.deallocate = deallocate
    }

    // Safe: plain calls of the C functions.
    package static let system = unsafe MapMemory(
        allocate: { _, byteCount in unsafe calloc(1, byteCount) },
        deallocate: { _, _, address in unsafe free(address) })
}

/// The memory of one entry: what the table needs, the link that the grace periods need, the payload.
@safe
@usableFromInline
struct Node {
    let address: UnsafeMutableRawPointer

    static var linkOffset: Int { 32 }

    /// Where the payload is, and how much memory there is in all. Alignments above 16 are not `calloc`'s to give.
    @usableFromInline
    static func layout<Payload: ~Copyable>(for _: Payload.Type) -> (offset: Int, byteCount: Int) {
        let alignment = MemoryLayout<Payload>.alignment
        precondition(alignment <= 16, "BackingFileMap: a payload's alignment is 16 at most")
        let offset = (linkOffset + 8 + alignment - 1) / alignment * alignment
        return (offset, offset + MemoryLayout<Payload>.size)
    }

    /// - Parameter number: an address that is known to be a node's, or 0.
    @unsafe
    init?(number: UInt) {
        guard let address = unsafe UnsafeMutableRawPointer(bitPattern: number) else { return nil }
        unsafe self.address = address
    }

    @usableFromInline
    init(_ entry: EntryPointer) { unsafe address = entry.address }

    var number: UInt { UInt(bitPattern: unsafe address) }

    // Safe: a node stays allocated until its grace period is over, and its payload until it is retired.

    /// The next in a list of retired nodes. Only for whoever retires the node, and then the collector.
    var nextRetired: UInt {
        get { unsafe address.load(fromByteOffset: Node.linkOffset, as: UInt.self) }
        nonmutating set { unsafe address.storeBytes(of: newValue, toByteOffset: Node.linkOffset, as: UInt.self) }
    }

    @usableFromInline
    @unsafe
    func payload<Payload: ~Copyable>(_: Payload.Type = Payload.self) -> UnsafeMutablePointer<Payload> {
        unsafe (address + Node.layout(for: Payload.self).offset).assumingMemoryBound(to: Payload.self)
    }
}
