// SPDX-License-Identifier: MIT
//
// Directories that are being read without being open: each request names the directory and the place to go on from. Opening the
// source's directory and seeking there each time would be right. But for a filesystem that has to gather the entries first (a
// tree by hash) it would take the longer the more of them there are. So where a reading stopped, its descriptor is kept for the
// request that goes on from there.
//
// Life of a stream: opened for a request -> kept here -> taken by the request that goes on -> ... -> closed at the end of the
// directory. One that nobody goes on with is closed between one and two looks later, or when there are too many: nothing tells when
// a user has enough.
//
// Shared state: the list, behind a mutex that is held for a few instructions, and for no system call. A stream belongs to whoever
// took it. The count is read without the lock, in the order that `Watch` asks for.

import FUSE
import Synchronization
import SystemPackage

/// Where readings of directories stopped.
final class DirectoryStreams: Sendable {
    struct Stream {
        let node: NodeID
        /// Where the next request goes on.
        var offset: UInt64
        /// Where the descriptor stands.
        var position: UInt64
        let descriptor: FileDescriptor
    }

    private struct Kept {
        let stream: Stream
        var isIdle = false
    }

    /// So many are read at the same time without being opened anew for each request.
    static let limit = 32

    private let kept = Mutex<[Kept]>([])
    private let count = Atomic<Int>(0)
    private let watch = Watch()
    private let period: Int
    private let relief: DescriptorRelief

    /// - Parameter period: milliseconds between two looks.
    init(period: Int, relief: DescriptorRelief) {
        self.period = period
        self.relief = relief
        relief.add(self) { [unowned self] count in evict(count) }
    }

    deinit {
        relief.remove(self)
        closeAll()
    }

    /// The stream that goes on from a place in a directory, if there is one. It is the caller's then.
    func take(_ node: NodeID, at offset: UInt64) -> Stream? {
        guard count.load(ordering: .relaxed) > 0 else { return nil }
        return kept.withLock { kept in
            guard let place = kept.lastIndex(where: { $0.stream.node == node && $0.stream.offset == offset }) else { return nil }
            count.subtract(1, ordering: .sequentiallyConsistent)
            return kept.remove(at: place).stream
        }
    }

    /// Keeps a stream for who goes on. The one that has waited for longest goes where there are too many.
    func put(_ stream: Stream) {
        let oldest: Stream? = kept.withLock { kept in
            kept.append(Kept(stream: stream))
            if kept.count > Self.limit { return kept.removeFirst().stream }
            count.add(1, ordering: .sequentiallyConsistent)
            return nil
        }
        if let oldest { SystemCall.close(oldest.descriptor) }
        watch.start(self, after: period)
    }

    /// Closes so many, those first that have waited for longest.
    func evict(_ most: Int) -> Int { close { Array($0.indices.prefix(most)) } }

    func closeAll() {
        watch.end()
        _ = evict(.max)
    }

    private func close(_ choose: (inout [Kept]) -> [Int]) -> Int {
        let streams = kept.withLock { kept in
            let chosen = choose(&kept)
            let streams = chosen.map { kept[$0].stream }
            for place in chosen.reversed() { kept.remove(at: place) }
            count.subtract(chosen.count, ordering: .sequentiallyConsistent)
            return streams
        }
        for stream in streams { SystemCall.close(stream.descriptor) }
        return streams.count
    }
}

extension DirectoryStreams: Watched {
    var isHolding: Bool { count.load(ordering: .sequentiallyConsistent) > 0 }

    func look() -> Int {
        _ = close { kept in
            let idle = kept.indices.filter { kept[$0].isIdle }
            for place in kept.indices { kept[place].isIdle = true }
            return idle
        }
        return period
    }
}
