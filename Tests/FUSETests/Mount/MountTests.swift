// SPDX-License-Identifier: MIT

import Foundation
import Testing

/// Whether this machine lets the tests mount.
enum Mounting {
    /// What stands against it, nil for nothing.
    static let obstacle: String? = {
        if geteuid() != 0 { return "mounting takes root" }
        guard let file = FileHandle(forUpdatingAtPath: "/dev/fuse") else { return "/dev/fuse cannot be opened" }
        try? file.close()
        return nil
    }()

    /// Where tests must run whole, a machine that cannot mount is a failure and no skip.
    static let isToRun: Bool = {
        guard let obstacle else { return true }
        let isRequired = ProcessInfo.processInfo.environment["CI"] != nil
        print("mount tests \(isRequired ? "cannot run" : "are skipped"): \(obstacle)")
        return isRequired
    }()
}

/// Real mounts, one after the other. Each has a time limit, and a watchdog that aborts its connection: nothing hangs.
@Suite(.serialized, .timeLimit(.minutes(10)), .enabled(if: Mounting.isToRun, "mounting takes root and /dev/fuse"))
struct MountTests {}
