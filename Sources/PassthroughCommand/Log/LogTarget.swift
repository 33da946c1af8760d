// SPDX-License-Identifier: MIT

import ArgumentParser
import FUSE
import Glibc
import SystemPackage

/// What `--log` names: where messages of a running mount go.
enum LogTarget: ExpressibleByArgument, Equatable {
    /// The system's log: what listens at `/dev/log`, the journal or another one.
    case syslog
    case file(String)

    init?(argument: String) {
        if argument.isEmpty { return nil }
        self = argument == "syslog" ? .syslog : .file(argument)
    }

    /// Where messages go in the background, unless it is said.
    static var usual: (target: LogTarget, notice: String?) {
        // Safe: a string lent for the call.
        if unsafe access(Syslog.path, F_OK) == 0 { return (.syslog, nil) }
        let file = geteuid() == 0 ? "/var/log/passthroughfs.log" : "\(StatsSocket.directory)/log"
        return (.file(file), "there is no \(Syslog.path): messages of the running mount go to \(file) (choose with --log)")
    }

    /// Opens it: what cannot be written to is known before anything is mounted.
    func open() throws(MountError) -> any LogDestination {
        switch self {
        case .syslog:
            do throws(Errno) { return try Syslog() } catch {
                throw MountError(Syslog.path, "no system log listens there: \(error)", remedy: "name a file: --log FILE", errno: error)
            }
        case .file(let path):
            do throws(Errno) {
                if path.hasPrefix(StatsSocket.directory) { try StatsSocket.makeDirectory() }
                return try LogFile(path)
            } catch {
                throw MountError(path, "the log cannot be written: \(error)", remedy: "name another file: --log FILE", errno: error)
            }
        }
    }
}
