// SPDX-License-Identifier: MIT

import Foundation

/// Runs something that may block on a thread of its own, so that Swift's few threads stay free.
func blocking<T: Sendable>(_ body: @escaping @Sendable () throws -> T) async throws -> T {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
}

/// The same, begun at once and waited for later.
func started<T: Sendable>(_ body: @escaping @Sendable () throws -> T) -> Task<T, any Error> {
    let (stream, continuation) = AsyncThrowingStream<T, any Error>.makeStream()
    Thread.detachNewThread {
        do {
            continuation.yield(try body())
            continuation.finish()
        } catch { continuation.finish(throwing: error) }
    }
    return Task {
        for try await value in stream { return value }
        throw CancellationError()
    }
}
