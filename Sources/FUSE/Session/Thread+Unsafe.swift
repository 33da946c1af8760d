// SPDX-License-Identifier: MIT

import CLinux
import Glibc
import SystemPackage

/// Starts a detached thread with all signals blocked: they are for the process's own threads to take.
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
    unsafe clinux_sigprocmask(CInt(CLINUX_SIG_SETMASK), .max, &mask)
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
