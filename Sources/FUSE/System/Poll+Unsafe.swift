// SPDX-License-Identifier: MIT

import Glibc
import SystemPackage

/// Waits until one of the descriptors can be read, and says which.
func waitForAny(_ descriptors: [FileDescriptor]) throws(Errno) -> Int {
    var polls = descriptors.map { pollfd(fd: $0.rawValue, events: Int16(POLLIN), revents: 0) }
    while true {
        // Safe: the array is lent for the call.
        let count = unsafe poll(&polls, nfds_t(polls.count), -1)
        if count > 0, let index = polls.firstIndex(where: { $0.revents != 0 }) { return index }
        if count < 0, errno != EINTR { throw Errno(rawValue: errno) }
    }
}
