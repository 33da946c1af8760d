// SPDX-License-Identifier: MIT
//
// The mirror of a directory, with a policy: who may open what, and which files the kernel reads and writes by itself.
//
//   - a file with the sticky bit (chmod +t) is not passed through: the per-file opt-out;
//   - a file that is to be made with a name that ends in `.locked` is refused;
//   - all others are passed through.
//
// Run it as root: PolicyFS SOURCE MOUNTPOINT

import FUSE
import PassthroughFS
import SystemPackage

enum Policy {
    static func decide(_ question: borrowing OpenQuestion) -> OpenDecision {
        if question.newName?.hasSuffix(".locked") == true { return .deny(.permissionDenied) }
        guard !question.isToBeCreated, let status = try? question.file.stat() else { return .passThrough }
        return status.permissions.contains(.saveText) ? .throughDaemon : .passThrough
    }
}
