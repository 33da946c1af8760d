// SPDX-License-Identifier: MIT

import Glibc
import SystemPackage

/// A large array in a mapping of its own. It starts as zeros, and costs memory only where it has been touched.
///
/// `Element` must be plain data of which all-zero bytes are a value: nothing is initialized, and nothing is torn down.
/// Which thread may touch which element is up to the owner.
@safe
struct MappedArray<Element: ~Copyable>: ~Copyable {
    let count: Int
    private let base: UnsafeMutablePointer<Element>

    /// Maps an array of `count` elements, a power of two, or of the half of it, and so on, where the address space is
    /// limited; no smaller than `least`. Throws ENOMEM.
    init(count wanted: Int, least: Int) throws(Errno) {
        var count = wanted
        while true {
            // MAP_NORESERVE: the pages are promised to nobody until they are touched.
            let memory = unsafe mmap(
                nil, count &* MemoryLayout<Element>.stride, PROT_READ | PROT_WRITE,
                MAP_PRIVATE | MAP_ANONYMOUS | Int32(MAP_NORESERVE), -1, 0)
            if let memory = unsafe memory, unsafe memory != MAP_FAILED {
                self.count = count
                // Safe: page-aligned memory of the right size; zeros are a value of Element, by contract.
                unsafe base = memory.bindMemory(to: Element.self, capacity: count)
                return
            }
            guard count / 2 >= least else { throw Errno(rawValue: errno) }
            count /= 2
        }
    }

    /// Gives the memory of so many elements back to the system: they are zeros again, or stay as they are where they do not
    /// fill pages of this machine. Nobody may touch them meanwhile, but to read a state that is the same as zero.
    func giveBack(_ first: Int, count elements: Int) {
        precondition(first >= 0 && elements >= 0 && first &+ elements <= count)
        // Safe: within the mapping. A start that is no page's is refused (EINVAL), and changes nothing; a length is rounded
        // up, so it must be whole pages as well.
        let length = elements &* MemoryLayout<Element>.stride
        guard length % Int(getpagesize()) == 0 else { return }
        _ = unsafe madvise(base + first, length, MADV_DONTNEED)
    }

    deinit { _ = unsafe munmap(base, count &* MemoryLayout<Element>.stride) }

    /// Out of bounds is a mistake of this module alone: whoever has an index from outside checks it first.
    @inline(__always)
    subscript(index: Int) -> Element {
        unsafeAddress {
            precondition(index >= 0 && index < count)
            return unsafe UnsafePointer(base + index)
        }
        nonmutating unsafeMutableAddress {
            precondition(index >= 0 && index < count)
            return unsafe base + index
        }
    }
}

// Safe: the array itself never changes; its owner answers for its elements, see above.
extension MappedArray: @unchecked Sendable where Element: ~Copyable {}
