// SPDX-License-Identifier: MIT

import Glibc
import SystemPackage

/// What came of a system call. The mirror has a type like it for its own calls, and not this one: what crosses the border of a module
/// costs each of them some fifty instructions.
enum SystemCall {
    /// The result of a C function, or what `errno` says where it is negative. `errno` is read at once after the call.
    @inline(__always)
    static func result<T: SignedInteger>(_ result: T) throws(Errno) -> T {
        guard result >= 0 else { throw Errno(rawValue: errno) }
        return result
    }
}
