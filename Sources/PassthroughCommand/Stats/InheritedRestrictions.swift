// SPDX-License-Identifier: MIT

import FUSE
import Glibc
import SystemPackage

extension StatsReport {
    /// What a running mirror has to rule out because of its source: as the process that serves it says; where that does not
    /// answer, as the source is mounted by now.
    static func restrictions(at mountpoint: String, source: String) throws(MountError) -> MountRestrictions {
        if let socket = try? StatsCommand.socket(of: mountpoint), case .report(let answer)? = try? StatsSocket.ask(socket, seconds: 5),
            let words = (try? StatsReport(json: answer))?.restrictions {
            return MountRestrictions(words: words)
        }
        var statistics = statvfs()
        // Safe: a string, and a structure that is filled within the call.
        guard unsafe statvfs(source, &statistics) == 0 else {
            throw MountError(
                source, "how it is mounted is not to be found out, which the mirror must keep to: \(Errno(rawValue: errno))",
                remedy: "name the source")
        }
        return MountRestrictions(statisticsFlags: UInt64(statistics.f_flag))
    }
}
