// SPDX-License-Identifier: MIT

import FUSE

/// Where FUSE in the kernel decides without asking the filesystem, so that nothing here can make it right. Each is checked
/// to be there: one that has gone, with a newer kernel, is to be taken off this list.
struct KnownDifference: Sendable {
    let name: String
    /// Why no server can mend it.
    let reason: String
    let onlyPassedThrough: Bool

    static let all: [KnownDifference] = [
        KnownDifference(
            name: "open: O_APPEND that is taken off",
            reason: "the kernel keeps the backing file as it was opened: fcntl(F_SETFL) does not reach it",
            onlyPassedThrough: true),
    ]

    func applies(to report: Report, _ manner: ConformanceTests.Manner) -> Bool {
        name == report.name && (!onlyPassedThrough || manner.passthrough == .require)
    }

    func covers(_ difference: Difference) -> Bool { true }
}
