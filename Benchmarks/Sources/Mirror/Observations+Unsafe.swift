// SPDX-License-Identifier: MIT

import Glibc

// Safe, all of them: the calls fill what they are given before they return, and keep no pointer.

/// The processor time that a process has used, in nanoseconds.
func processorTime(of process: Int32) -> Double? {
    var clock = clockid_t()
    var time = timespec()
    guard unsafe clock_getcpuclockid(process, &clock) == 0, unsafe clock_gettime(clock, &time) == 0 else { return nil }
    return Double(time.tv_sec) * 1e9 + Double(time.tv_nsec)
}

func now() -> Double {
    var time = timespec()
    _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// The number of the filesystem that a path is on.
func device(of path: String) -> UInt64? {
    var found = stat()
    guard unsafe stat(path, &found) == 0 else { return nil }
    return UInt64(found.st_dev)
}
