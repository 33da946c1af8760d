// SPDX-License-Identifier: MIT

import Glibc
import Synchronization

/// SIGINT, SIGTERM and SIGHUP as a flag that long work looks at, so that it can clean up after itself.
enum Interrupt: Error {
    /// What such work throws.
    case raised(signal: Int32)

    /// The number of the signal, 0 before it. Relaxed: it is a flag alone, and orders nothing.
    private static let flag = Atomic<Int32>(0)

    /// From now on the signals raise the flag instead of ending the process.
    static func watch() {
        // The flag is made here, before a handler can want it: making it is nothing that a handler may do.
        flag.store(0, ordering: .relaxed)
        var set = sigset_t()
        unsafe sigemptyset(&set)
        for number in [SIGINT, SIGTERM, SIGHUP] {
            unsafe sigaddset(&set, number)
            // Safe: storing into a lock-free atomic is all that the handler does (signal-safety(7)).
            signal(number) { Interrupt.flag.store($0, ordering: .relaxed) }
        }
        // A parent may have blocked them for all its children.
        unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
    }

    static func check() throws(Interrupt) {
        let signal = flag.load(ordering: .relaxed)
        if signal != 0 { throw .raised(signal: signal) }
    }
}
