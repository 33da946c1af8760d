// SPDX-License-Identifier: MIT

import Glibc
import SystemPackage

/// The result of a C function, or what `errno` says where it is negative.
@inline(__always)
func call<T: SignedInteger>(_ result: T) throws(Errno) -> T {
    guard result >= 0 else { throw Errno(rawValue: errno) }
    return result
}
