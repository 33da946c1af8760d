// SPDX-License-Identifier: MIT

import CLinux
import Glibc
import SystemPackage

/// Makes a pipe that programs started later do not inherit: one that did would keep it from ever showing its end.
func makePipe() throws(Errno) -> (readEnd: FileDescriptor, writeEnd: FileDescriptor) {
    var ends: [Int32] = [-1, -1]
    // Safe: the kernel writes the two numbers within the call.
    _ = try unsafe SystemCall.result(clinux_pipe(&ends))
    return (FileDescriptor(rawValue: ends[0]), FileDescriptor(rawValue: ends[1]))
}
