// SPDX-License-Identifier: MIT

import FUSE
import FUSESimulation
import Foundation
import Glibc
import PassthroughFS
import Synchronization
import SystemPackage

/// Signals that the program got.
private let received = Atomic(0)
/// How often somebody was told to wait for a lease of the mirror's, which was broken by that.
private let broken = Atomic(0)

/// Has a mirror find out, again and again, whether a file is open for writing, while another thread opens it for that: so the
/// lease that the mirror takes for it is broken many times. No signal of that may reach the program.
func breakLeases(_ directory: String) throws {
    let path = directory + "/file"
    // Safe, all of it: strings and structures are lent for the calls.
    guard unsafe close(open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0o755)) == 0 else { throw Errno(rawValue: errno) }
    for signal in [SIGURG, SIGIO] {
        var action = sigaction()
        unsafe action.__sigaction_handler.sa_handler = { _ in received.add(1, ordering: .relaxed) }
        action.sa_flags = SA_RESTART
        guard unsafe sigaction(signal, &action, nil) == 0 else { throw Errno(rawValue: errno) }
    }
    Thread.detachNewThread {
        while true {
            let writer = unsafe open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
            if writer >= 0 { close(writer) } else if errno == EWOULDBLOCK { broken.add(1, ordering: .relaxed) }
        }
    }
    var options = SessionOptions()
    options.interruptSignal = nil
    let simulation = try Simulation(
        PassthroughFS(source: FilePath(directory), options: PassthroughOptions(cache: .none)), session: options)
    let stranger = try simulation.makeProcess(user: 1000, group: 1000)
    var leases = 0, before = 0
    while leases < 20 {
        // Whoever writes it may take the bit, and nobody else: so the mirror has to find out whether somebody does.
        guard unsafe chmod(path, 0o4755) == 0 else { throw Errno(rawValue: errno) }
        try? stranger.chown("/file", user: nil, group: nil)
        // Often for one lease; there was one at the most since the last time.
        let now = broken.load(ordering: .relaxed)
        if now != before { leases += 1 }
        before = now
    }
    print("signals: \(received.load(ordering: .relaxed))")
}
