// SPDX-License-Identifier: MIT

import Testing

@testable import BackingTableHost

/// The tests' own memory does what they rely on.
@Suite struct TestMemoryTests {
    // Safe as far as tests go: each in a process of its own, which may well end.

    @Test func touchingAnEntryThatWasHandedBackTraps() async {
        await #expect(processExitsWith: .failure) {
            let memory = TestMemory(pages: 2).memory
            guard let entry = unsafe memory.allocate(.entry, 64) else { return }
            unsafe memory.deallocate(.entry, 64, entry)
            unsafe entry.storeBytes(of: 1, as: UInt.self)
        }
    }

    @Test func touchingAnEntryBeforeThatDoesNot() async {
        await #expect(processExitsWith: .success) {
            let memory = TestMemory(pages: 2).memory
            guard let entry = unsafe memory.allocate(.entry, 64) else { return }
            unsafe entry.storeBytes(of: 1, as: UInt.self)
            unsafe memory.deallocate(.entry, 64, entry)
        }
    }
}
