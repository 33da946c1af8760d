// SPDX-License-Identifier: MIT

import Glibc

/// Runs these at the same time, each on a thread of its own, and waits for all of them.
public func concurrently(_ bodies: [@Sendable () -> Void]) {
    final class Body {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var threads: [pthread_t] = []
    for body in bodies {
        var thread = pthread_t()
        // Safe: the thread takes what is passed to it.
        unsafe pthread_create(
            &thread, nil,
            { argument in
                unsafe Unmanaged<Body>.fromOpaque(argument!).takeRetainedValue().body()
                return nil
            }, Unmanaged.passRetained(Body(body)).toOpaque())
        threads.append(thread)
    }
    for thread in threads { pthread_join(thread, nil) }
}
