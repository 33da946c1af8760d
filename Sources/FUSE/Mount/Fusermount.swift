// SPDX-License-Identifier: MIT

import Glibc
import SystemPackage

/// Mounting and unmounting for users without privilege, by the helper `fusermount3` of Debian's package `fuse3`: it is
/// set-user-id root, allows what `/etc/fuse.conf` allows, and hands the opened `/dev/fuse` over by a socket.
enum Fusermount {
    /// Mounts on a directory that the user owns.
    static func mount(at target: String, options: MountOptions, _ tag: MountTag = MountTag()) throws(MountError) -> Mounted {
        let device = try mount(at: target, options.fusermountList + "," + tag.option)
        do throws(MountError) { return Mounted(device: device, connection: try tag.connection(of: device, at: target)) } catch {
            try? device.close()
            throw error
        }
    }

    private static func mount(at target: String, _ options: String) throws(MountError) -> FileDescriptor {
        do {
            let (mine, its) = try makeSocketPair()
            defer { try? mine.close() }
            let outcome: Program.Outcome
            do {
                defer { try? its.close() }
                // The helper finds its end of the socket by this name.
                outcome = try Program.run(
                    "fusermount3", ["-o", options, "--", target],
                    environment: ["_FUSE_COMMFD": "\(its.rawValue)"], inheriting: its)
            }
            guard outcome.status == 0 else { throw failure(target, outcome) }
            return try receiveDescriptor(from: mine)
        } catch {
            throw translated(error, target)
        }
    }

    static func unmount(_ target: String, lazily: Bool) throws(MountError) {
        do {
            let outcome = try Program.run("fusermount3", ["-u"] + (lazily ? ["-z"] : []) + ["--", target])
            guard outcome.status == 0 else {
                throw outcome.errors.contains("busy") ? MountError.unmount(target, .resourceBusy) : failure(target, outcome)
            }
        } catch {
            throw translated(error, target)
        }
    }

    private static func translated(_ error: any Error, _ target: String) -> MountError {
        if let error = error as? MountError { return error }
        if error as? Errno == .noSuchFileOrDirectory {
            return MountError("fusermount3", "not installed", remedy: "install the package fuse3, or run as root", errno: .noSuchFileOrDirectory)
        }
        return MountError(target, "fusermount3: \(error)", errno: error as? Errno)
    }

    private static func failure(_ target: String, _ outcome: Program.Outcome) -> MountError {
        var text = outcome.errors.split(separator: "\n").first.map { String($0) } ?? "it ended with status \(outcome.status)"
        // It opens the device as the user.
        if text.contains("/dev/fuse"), text.contains("Permission denied") { return .device(.permissionDenied) }
        // It takes only what it knows, and older ones do not know this.
        if text.contains("nosymfollow") {
            return MountError(target, "to be mounted nosymfollow, as its source may be, which this fusermount3 does not know", remedy: "run as root")
        }
        if text.hasPrefix("fusermount3: ") { text.removeFirst("fusermount3: ".count) }
        if let refusal = FusermountRefusal(text) { return MountError(target, refusal.cause, remedy: refusal.remedy, errno: refusal.errno) }
        return MountError(target, "fusermount3 refused: \(text)", remedy: "or run as root")
    }
}

extension MountOptions {
    /// The options as `fusermount3` takes them; it adds nosuid and nodev by itself.
    var fusermountList: String {
        var list = [readOnly ? "ro" : "rw"]
        if !exec { list.append("noexec") }
        if !symfollow { list.append("nosymfollow") }
        if noatime { list.append("noatime") }
        if sync { list.append("sync") }
        if dirsync { list.append("dirsync") }
        if defaultPermissions { list.append("default_permissions") }
        if allowOther { list.append("allow_other") }
        list.append("fsname=\(Self.escaped(source))")
        if let subtype { list.append("subtype=\(Self.escaped(subtype))") }
        return list.joined(separator: ",")
    }

    private static func escaped(_ value: String) -> String {
        value.reduce(into: "") { $0 += $1 == "," || $1 == "\\" ? "\\\($1)" : "\($1)" }
    }
}
