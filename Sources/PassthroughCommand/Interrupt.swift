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
    static func watch() { _ = install(flags: 0) }

    /// - Returns: what the signals did before.
    private static func install(flags: CInt) -> [(number: Int32, action: sigaction)] {
        // The flag is made here, before a handler can want it: making it is nothing that a handler may do.
        flag.store(0, ordering: .relaxed)
        var set = sigset_t()
        unsafe sigemptyset(&set)
        var action = sigaction()
        // Safe: storing into a lock-free atomic is all that the handler does (signal-safety(7)).
        unsafe action.__sigaction_handler.sa_handler = { Interrupt.flag.store($0, ordering: .relaxed) }
        action.sa_flags = SA_RESTART | flags
        var before: [(number: Int32, action: sigaction)] = []
        for number in [SIGINT, SIGTERM, SIGHUP] {
            unsafe sigaddset(&set, number)
            var old = sigaction()
            unsafe sigaction(number, &action, &old)
            before.append((number, old))
        }
        // A parent may have blocked them for all its children.
        unsafe pthread_sigmask(SIG_UNBLOCK, &set, nil)
        return before
    }

    /// Does work that takes moments, and is to clean up after itself. Throws what was raised meanwhile, whatever came of the
    /// work; afterwards the signals do what they did before. Should the work hang, the same signal again ends the process.
    static func watched<R>(_ work: () throws -> R) throws -> R {
        var mask = sigset_t()
        // Safe, both: filled within the call, and read within it.
        unsafe pthread_sigmask(SIG_BLOCK, nil, &mask)
        let before = install(flags: CInt(truncatingIfNeeded: SA_RESETHAND))
        let result = Result { try work() }
        unsafe pthread_sigmask(SIG_SETMASK, &mask, nil)
        for (number, action) in before {
            var action = action
            unsafe sigaction(number, &action, nil)
        }
        try check()
        return try result.get()
    }

    static func check() throws(Interrupt) {
        let signal = flag.load(ordering: .relaxed)
        if signal != 0 { throw .raised(signal: signal) }
    }
}
