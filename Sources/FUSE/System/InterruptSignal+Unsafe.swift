// SPDX-License-Identifier: MIT

import CLinux
import Glibc
import Synchronization

/// The signal that makes a blocked system call of a worker return EINTR.
enum InterruptSignal {
    private static let installed = Mutex<Set<Int32>>([])

    enum Readiness: Equatable {
        case ready
        /// The program has a handler of its own for it.
        case taken
        /// The kernel lacks what it takes to aim, or it is no signal that can be caught.
        case impossible
    }

    /// Gives the signal a handler that does nothing, once in this process, for all connections. A handler that the program
    /// has installed stays. Without SA_RESTART: that the system call does *not* go on is all that is wanted.
    static func prepare(_ signal: Int32) -> Readiness {
        installed.withLock { installed in
            if installed.contains(signal) { return .ready }
            guard clinux_membarrier(CInt(CLINUX_MEMBARRIER_REGISTER_PRIVATE_EXPEDITED)) == 0 else { return .impossible }
            var present = sigaction()
            // Safe: both structures are used within the calls. A handler is compared, not called.
            guard unsafe sigaction(signal, nil, &present) == 0 else { return .impossible }
            // Default (0) and ignored (1) do the same for the signals that are fit for this.
            let handler = unsafe unsafeBitCast(present.__sigaction_handler.sa_handler, to: UInt.self)
            guard handler <= 1 else { return .taken }
            var action = sigaction()
            unsafe action.__sigaction_handler.sa_handler = { _ in }
            guard unsafe sigaction(signal, &action, nil) == 0 else { return .impossible }
            installed.insert(signal)
            return .ready
        }
    }

    /// Lets the calling thread take the signal.
    static func unblock(_ signal: Int32) {
        _ = clinux_sigprocmask(CInt(CLINUX_SIG_UNBLOCK), 1 << UInt64(signal - 1), nil)
    }
}
