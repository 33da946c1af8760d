// SPDX-License-Identifier: MIT
//
// What comes by `/dev/fuse` beside a ring: FORGET and INTERRUPT. The kernel hands FORGETs over in one message where two or more
// wait when it is asked (`fuse_dev_do_read`), and who asks at once gets them one by one: a system call, a thread's wakeup and a message
// for each file that is removed. Nobody waits for a FORGET. So after one the next look is put off by a moment, and
// finds what came meanwhile. An INTERRUPT is put off with it: by no more than its handler's signal is repeated in, in any case.
//
// One thread at a time looks: another one would be given what this one leaves. The lock is held for that long, and nothing else
// is done under it. Before the ring is up, and where it does not come up, requests come here: then nobody gathers anything.

import Glibc
import Synchronization
import SystemPackage

/// What the channels of one connection have in common.
final class Gathering: Sendable {
    /// The ring is up.
    let isOn = Atomic(false)
    /// Whether the last message was a FORGET.
    fileprivate let turn = Mutex(false)
    /// In microseconds.
    fileprivate static let moment: UInt32 = 2000
}

final class GatheringChannel: Channel {
    private let channel: any Channel
    private let gathering: Gathering

    init(_ channel: any Channel, _ gathering: Gathering) {
        self.channel = channel
        self.gathering = gathering
    }

    func receive() throws(Errno) -> Exchange? {
        guard gathering.isOn.load(ordering: .relaxed) else { return try channel.receive() }
        return try gathering.turn.withLock { (wasForget) throws(Errno) in
            if wasForget { usleep(Gathering.moment) }
            guard let exchange = try channel.receive() else { return nil }
            wasForget = exchange.isForget
            return exchange
        }
    }

    func giveBackMemory() { channel.giveBackMemory() }
    func holds(_ request: RequestID) -> Bool { channel.holds(request) }
    func repeatInterrupt(of request: RequestID) -> Bool { channel.repeatInterrupt(of: request) }
}
