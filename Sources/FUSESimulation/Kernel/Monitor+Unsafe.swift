// SPDX-License-Identifier: MIT

import Glibc

/// One lock and one condition: what is guarded by it is looked at and changed by one thread at a time, and who finds it
/// not as wanted waits until another one has changed something.
@safe
final class Monitor: @unchecked Sendable {
    private let mutex: UnsafeMutablePointer<pthread_mutex_t>
    private let condition: UnsafeMutablePointer<pthread_cond_t>

    // Safe: both are this object's own, do not move, and go when nobody can be using them any more.

    init() {
        unsafe mutex = .allocate(capacity: 1)
        unsafe condition = .allocate(capacity: 1)
        unsafe mutex.initialize(to: pthread_mutex_t())
        unsafe condition.initialize(to: pthread_cond_t())
        unsafe pthread_mutex_init(mutex, nil)
        unsafe pthread_cond_init(condition, nil)
    }

    deinit {
        unsafe pthread_cond_destroy(condition)
        unsafe pthread_mutex_destroy(mutex)
        unsafe condition.deallocate()
        unsafe mutex.deallocate()
    }

    func enter() { unsafe pthread_mutex_lock(mutex) }
    func leave() { unsafe pthread_mutex_unlock(mutex) }

    /// Lets others in until one of them has said ``wakeAll()``.
    func wait() { unsafe pthread_cond_wait(condition, mutex) }
    func wakeAll() { unsafe pthread_cond_broadcast(condition) }

    func within<R, E: Error>(_ body: () throws(E) -> R) throws(E) -> R {
        enter()
        defer { leave() }
        return try body()
    }
}
