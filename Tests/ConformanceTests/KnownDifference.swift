// SPDX-License-Identifier: MIT

import FUSE

/// Where FUSE in the kernel decides without asking the filesystem, or does not tell it enough, so that no server can do
/// better. Each is checked to be there: one that has gone, with a newer kernel, is to be taken off this list.
struct KnownDifference: Sendable {
    let name: String
    /// Why no server can mend it.
    let reason: String
    /// In which mounts: with the data passed through, without, in all.
    let passthrough: Set<SessionOptions.Passthrough>

    static let all: [KnownDifference] = [
        KnownDifference(
            name: "open: O_APPEND that is taken off",
            reason: "the kernel keeps the backing file as it was opened: fcntl(F_SETFL) does not reach it",
            passthrough: [.require]),
        KnownDifference(
            name: "privileges: chown of nothing while it is open for writing",
            reason: "to the server it looks like a write, which takes the bits instead of being refused",
            passthrough: [.require, .off]),
        KnownDifference(
            name: "privileges: mapped store",
            reason: "what was stored is written back by a write, and that takes file capabilities away",
            passthrough: [.off]),
    ]

    func applies(to report: Report, _ manner: ConformanceTests.Manner) -> Bool {
        name == report.name && passthrough.contains(manner.passthrough)
    }
}
