// SPDX-License-Identifier: MIT

import Glibc

/// What whoever starts the command can leave in an unusual state, and it relies on.
enum Surroundings {
    /// To be called before anything else.
    static func settle() {
        // Where standard input, output or error is closed, the next thing that is opened gets its number, and is written to,
        // or replaced, as if it were that. Safe: a literal, NUL-terminated. The lowest free number is the one that is missing.
        for number in 0...2 as ClosedRange<Int32> where fcntl(number, F_GETFD) < 0 { _ = unsafe open("/dev/null", O_RDWR) }
        // Ignored, it would take away how programs that are started end. Source: `waitpid(2)`.
        signal(SIGCHLD, SIG_DFL)
    }
}
