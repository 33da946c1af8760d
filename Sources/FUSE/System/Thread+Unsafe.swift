// SPDX-License-Identifier: MIT

import CLinux
import Glibc
import SystemPackage

/// The signals that threads of this library leave to the process's own threads: all but those that are for one thread alone.
/// A crash in a handler must reach who reports it (a backtrace, a core handler); and glibc tells each thread by signals 32 and
/// 33 of a change of ids (`setgid(2)` waits for the answers) and of being cancelled.
let signalsOfOthers: UInt64 = [SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV, SIGSYS, 32, 33].reduce(.max) { set, signal in
    set & ~(1 << UInt64(signal - 1))
}

/// Starts a detached thread with ``signalsOfOthers`` blocked.
func startThread(_ body: @escaping @Sendable () -> Void) throws(Errno) {
    final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    var attributes = pthread_attr_t()
    unsafe pthread_attr_init(&attributes)
    defer { unsafe pthread_attr_destroy(&attributes) }
    unsafe pthread_attr_setdetachstate(&attributes, CInt(PTHREAD_CREATE_DETACHED))

    // A new thread inherits the mask.
    var mask: UInt64 = 0
    unsafe clinux_sigprocmask(CInt(CLINUX_SIG_SETMASK), signalsOfOthers, &mask)
    defer { clinux_sigprocmask(CInt(CLINUX_SIG_SETMASK), mask, nil) }

    // Safe: the one retain is taken over by the thread, or given back here where none was made.
    let box = unsafe Unmanaged.passRetained(Box(body))
    var thread = pthread_t()
    let error = unsafe pthread_create(
        &thread, &attributes,
        { argument in
            unsafe Unmanaged<Box>.fromOpaque(argument.unsafelyUnwrapped).takeRetainedValue().body()
            return nil
        }, box.toOpaque())
    guard error == 0 else {
        unsafe box.release()
        throw Errno(rawValue: error)
    }
}
