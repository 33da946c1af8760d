// SPDX-License-Identifier: MIT

import Glibc

// What another thread is doing: the caller of a request, which waits in a system call for the answer.

extension SystemCall {
    /// The number of the system call that a thread is in, of its own kind of program; nil where that is not to be seen.
    static func current(of thread: Int32) -> Int? {
        guard thread > 0 else { return nil }
        // Until it sleeps it "runs": the request may have come here before it has lain down.
        for attempt: UInt32 in 0..<100 {
            guard let text = try? text(of: "/proc/\(thread)/syscall") else { return nil }
            guard text.hasPrefix("running") else { return text.split(whereSeparator: \.isWhitespace).first.flatMap { Int($0) } }
            usleep(attempt &* 20)
        }
        return nil
    }

    /// Whether a system call of this number is one of `chown(2)` and its like; nil: it may be.
    ///
    /// A 32-bit program's numbers are others. Of those that it has for this none is, in the list of this architecture, of a
    /// call that changes what is in a file; but 16 is (an `ioctl`), its oldest `lchown`.
    static func changesOwner(_ number: Int) -> Bool? {
        // From arch/x86/entry/syscalls/syscall_{64,32}.tbl, arch/arm/tools/syscall.tbl and asm-generic/unistd.h.
        if number == 16 { return nil }
        #if arch(x86_64)
            // Without the mark of x32.
            return [92, 93, 94, 260, 95, 182, 198, 207, 212, 298].contains(number & ~0x4000_0000)
        #else
            return [54, 55, 95, 182, 198, 207, 212, 325].contains(number)
        #endif
    }

    /// Whether a system call of this number is one of `chmod(2)` and its like, a 32-bit program's too.
    static func changesMode(_ number: Int) -> Bool {
        #if arch(x86_64)
            [90, 91, 268, 452, 15, 306].contains(number & ~0x4000_0000)
        #else
            [52, 53, 452, 15, 306, 333].contains(number)
        #endif
    }
}
