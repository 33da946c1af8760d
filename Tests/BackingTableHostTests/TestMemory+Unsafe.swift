// SPDX-License-Identifier: MIT

import BackingTableHost
import Glibc

/// Memory in which every entry has a page of its own, on which the processor traps from when it was handed back until,
/// much later, it is given out again.
///
/// Also counts, and refuses when told to.
@safe
final class TestMemory: Sendable {
    struct Counts {
        var allocated: [MapMemory.Purpose: Int] = [:]
        var handedBack: [MapMemory.Purpose: Int] = [:]
        var refused: Set<MapMemory.Purpose> = []
        /// Pages to be used, the one that has been unused for the longest first.
        fileprivate var free: [Int] = []
        fileprivate var firstFree = 0
    }

    static let pageSize = 4096
    private let counts = Locked(Counts())
    private let region: Region?

    @safe
    private struct Region: @unchecked Sendable {
        let address: UnsafeMutableRawPointer
        let pages: Int
    }

    // Safe, all below: pages of a region that is mapped as long as this lives, each given to one owner at a time.

    /// - Parameter pages: how many entries there may be, those in quarantine included; 0 for `calloc`'s memory.
    init(pages: Int) {
        guard pages > 0 else {
            region = nil
            return
        }
        let address = unsafe mmap(
            nil, pages * TestMemory.pageSize, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        unsafe precondition(address != MAP_FAILED)
        region = unsafe Region(address: address!, pages: pages)
        counts.withLock { $0.free = Array(0..<pages) }
    }

    deinit {
        if let region { unsafe munmap(region.address, region.pages * TestMemory.pageSize) }
    }

    var allocated: [MapMemory.Purpose: Int] { counts.withLock { $0.allocated } }
    var handedBack: [MapMemory.Purpose: Int] { counts.withLock { $0.handedBack } }

    func refuse(_ purposes: Set<MapMemory.Purpose>) { counts.withLock { $0.refused = purposes } }

    /// What to configure a map with.
    var memory: MapMemory {
        unsafe MapMemory(
            allocate: { [self] in unsafe allocate($0, $1) }, deallocate: { [self] in unsafe deallocate($0, $1, $2) })
    }

    private func allocate(_ purpose: MapMemory.Purpose, _ byteCount: Int) -> UnsafeMutableRawPointer? {
        let page: Int? = counts.withLock { counts in
            guard !counts.refused.contains(purpose) else { return nil }
            counts.allocated[purpose, default: 0] += 1
            guard let region, purpose == .entry else { return -1 }
            precondition(counts.firstFree < counts.free.count, "more entries than there are pages for")
            let page = counts.free[counts.firstFree]
            counts.firstFree += 1
            if counts.firstFree == region.pages {
                counts.free.removeFirst(counts.firstFree)
                counts.firstFree = 0
            }
            return page
        }
        guard let page else { return nil }
        guard page >= 0, let region else { return unsafe calloc(1, byteCount) }
        let address = unsafe region.address + page * TestMemory.pageSize
        unsafe precondition(mprotect(address, TestMemory.pageSize, PROT_READ | PROT_WRITE) == 0)
        unsafe memset(address, 0, byteCount)
        return unsafe address
    }

    private func deallocate(_ purpose: MapMemory.Purpose, _ byteCount: Int, _ address: UnsafeMutableRawPointer) {
        if let region, purpose == .entry {
            unsafe precondition(mprotect(address, TestMemory.pageSize, PROT_NONE) == 0)
            let page = unsafe (address - region.address) / TestMemory.pageSize
            counts.withLock { $0.free.append(page) }
        } else {
            unsafe free(address)
        }
        counts.withLock { $0.handedBack[purpose, default: 0] += 1 }
    }
}
