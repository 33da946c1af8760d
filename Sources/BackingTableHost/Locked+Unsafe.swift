// SPDX-License-Identifier: MIT

import Glibc

/// A lock of the system's.
///
/// Not `Synchronization.Mutex`: that is futex calls inside of a library which ThreadSanitizer does not see into, so that
/// whatever it guards would be reported as a race. This one's functions the sanitizers know.
@safe
package struct SystemLock: ~Copyable, @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>

    // Safe: a mutex of its own, which does not move, and is freed when nobody has the lock any more.

    package init() {
        unsafe mutex = .allocate(capacity: 1)
        unsafe mutex.initialize(to: pthread_mutex_t())
        unsafe pthread_mutex_init(mutex, nil)
    }

    deinit {
        unsafe pthread_mutex_destroy(mutex)
        unsafe mutex.deallocate()
    }

    package func lock() { unsafe pthread_mutex_lock(mutex) }
    package func unlock() { unsafe pthread_mutex_unlock(mutex) }
}

/// A value that one thread at a time uses.
package final class Locked<Value>: @unchecked Sendable {
    private let lock = SystemLock()
    private var value: Value

    package init(_ value: sending Value) { self.value = value }

    package func withLock<Result>(_ body: (inout Value) -> Result) -> Result {
        lock.lock()
        defer { lock.unlock() }
        return body(&value)
    }
}
