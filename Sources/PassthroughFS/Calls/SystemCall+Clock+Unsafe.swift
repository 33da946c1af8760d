// SPDX-License-Identifier: MIT

import Glibc

extension SystemCall {
    /// A clock's time in nanoseconds. C counterpart: `clock_gettime(2)`.
    static func clock(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        // Safe: a local that the call fills in. It fails for no clock that there is.
        unsafe clock_gettime(clock, &time)
        return UInt64(max(0, time.tv_sec)) &* 1_000_000_000 &+ UInt64(max(0, time.tv_nsec))
    }

    /// Whether this machine's kernel is Linux of this version, or newer. C counterpart: `uname(2)`.
    static func isKernel(atLeast major: Int, _ minor: Int) -> Bool {
        var name = utsname()
        // Safe: the structure is filled within the call, and its texts are NUL-terminated.
        guard unsafe uname(&name) == 0 else { return false }
        let release = unsafe withUnsafeBytes(of: &name.release) { unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
        let parts = release.split(whereSeparator: { !$0.isNumber }).prefix(2).compactMap { Int($0) }
        return parts.count == 2 && (parts[0], parts[1]) >= (major, minor)
    }
}
