// SPDX-License-Identifier: MIT
//
// A condition variable and its flag. Rung before anyone waits, it is heard by the next who does. All of it is under the
// pthread mutex, which orders what was written before a ring for whoever hears it.

import Glibc

/// Wakes a thread that waits for something to do.
@safe final class Bell: @unchecked Sendable {
    @unsafe private struct Parts {
        var mutex = unsafe pthread_mutex_t()
        var condition = pthread_cond_t()
        var isRung = false
    }

    private let parts: UnsafeMutablePointer<Parts>

    init() {
        // Safe: allocated here, freed in deinit, and never moved: both pthread objects stay where they were made.
        unsafe parts = .allocate(capacity: 1)
        unsafe parts.initialize(to: Parts())
        unsafe pthread_mutex_init(&parts.pointee.mutex, nil)
        var attributes = pthread_condattr_t()
        unsafe pthread_condattr_init(&attributes)
        // Setting the clock back must not make a wait longer.
        unsafe pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
        unsafe pthread_cond_init(&parts.pointee.condition, &attributes)
        unsafe pthread_condattr_destroy(&attributes)
    }

    deinit {
        unsafe pthread_cond_destroy(&parts.pointee.condition)
        unsafe pthread_mutex_destroy(&parts.pointee.mutex)
        unsafe parts.deallocate()
    }

    func ring() {
        unsafe pthread_mutex_lock(&parts.pointee.mutex)
        unsafe parts.pointee.isRung = true
        unsafe pthread_cond_signal(&parts.pointee.condition)
        unsafe pthread_mutex_unlock(&parts.pointee.mutex)
    }

    /// Waits until it is rung, or that long at the most. False: nobody rang.
    @discardableResult
    func wait(milliseconds: Int? = nil) -> Bool {
        var deadline = timespec()
        if let milliseconds {
            unsafe clock_gettime(CLOCK_MONOTONIC, &deadline)
            deadline.tv_sec += milliseconds / 1000
            deadline.tv_nsec += milliseconds % 1000 * 1_000_000
            if deadline.tv_nsec >= 1_000_000_000 {
                deadline.tv_sec += 1
                deadline.tv_nsec -= 1_000_000_000
            }
        }
        unsafe pthread_mutex_lock(&parts.pointee.mutex)
        defer { unsafe pthread_mutex_unlock(&parts.pointee.mutex) }
        while unsafe !parts.pointee.isRung {
            if milliseconds == nil {
                unsafe pthread_cond_wait(&parts.pointee.condition, &parts.pointee.mutex)
            } else if unsafe pthread_cond_timedwait(&parts.pointee.condition, &parts.pointee.mutex, &deadline) == ETIMEDOUT {
                break
            }
        }
        defer { unsafe parts.pointee.isRung = false }
        return unsafe parts.pointee.isRung
    }
}
