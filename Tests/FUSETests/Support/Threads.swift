// SPDX-License-Identifier: MIT
//
// Tests that block are synchronous: they hold one of Swift's few threads until they are through, and need no other one,
// so that no test that blocks elsewhere can starve them. What must run beside them gets a plain thread.

import Dispatch
import Foundation
import Synchronization

/// Something that runs on a thread of its own.
final class Started<T: Sendable>: Sendable {
    private let result = Mutex<Result<T, any Error>?>(nil)
    private let done = DispatchSemaphore(value: 0)

    fileprivate init(_ body: @escaping @Sendable () throws -> T) {
        Thread.detachNewThread {
            let result = Result { try body() }
            self.result.withLock { $0 = result }
            self.done.signal()
        }
    }

    /// Waits for its end.
    func value() throws -> T {
        done.wait()
        done.signal()
        guard let result = result.withLock({ $0 }) else { throw CancellationError() }
        return try result.get()
    }
}

func started<T: Sendable>(_ body: @escaping @Sendable () throws -> T) -> Started<T> { Started(body) }
