// SPDX-License-Identifier: MIT

import ArgumentParser
import FUSE
import Glibc
import SystemPackage

struct StatsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats",
        abstract: "Show what the mount at MOUNTPOINT has done and holds.",
        discussion: "It asks the process that serves the mount, not the mount: it answers also while that does not.")

    @Argument(help: "Where it is mounted.")
    var mountpoint: String

    @Flag(help: "As JSON, in one line.")
    var json = false

    @Flag(help: "Again every second, until it is unmounted or interrupted.")
    var watch = false

    func run() throws {
        try Console.run {
            let socket = try Self.socket(of: mountpoint)
            try show(socket)
            if watch { Interrupt.watch() }
            while watch {
                sleep(1)
                try Interrupt.check()
                do { try show(socket) } catch let error as MountError where error.errno == .noSuchFileOrDirectory { return }
            }
        }
    }

    private func show(_ socket: String) throws {
        let answer: StatsSocket.Answer
        do throws(Errno) { answer = try StatsSocket.ask(socket) } catch {
            switch error {
            case .permissionDenied: throw MountError(mountpoint, "served by another user", remedy: "ask as that user", errno: error)
            case .resourceTemporarilyUnavailable:
                throw MountError(mountpoint, "the process that serves this mount does not answer", remedy: "see whether it is stopped, or what it waits for: ps -C passthroughfs -o pid,stat,wchan,args", errno: error)
            case .connectionRefused, .connectionReset, .noSuchFileOrDirectory:
                throw MountError(mountpoint, "nobody serves this mount any more, or not passthroughfs", errno: .noSuchFileOrDirectory)
            default: throw MountError(mountpoint, "\(error)", errno: error)
            }
        }
        let report: [UInt8]
        switch answer {
        case .report(let json): report = json
        case .stopped(let process):
            throw MountError(
                mountpoint, "the process that serves this mount is stopped", remedy: "to let it go on: kill -CONT \(process)",
                errno: .resourceTemporarilyUnavailable)
        }
        if json {
            Console.say(String(decoding: report, as: UTF8.self))
        } else {
            // Clears the terminal, where the last table stands.
            let clear = watch && isatty(1) == 1 ? "\u{1b}[H\u{1b}[2J" : ""
            Console.say(clear + (try StatsReport(json: report).table))
        }
    }

    /// Finds the socket without touching the mount, which may hang.
    static func socket(of mountpoint: String) throws -> String {
        let entry: MountTableEntry?
        do throws(Errno) { entry = try MountTable.topmost(atMountpoint: FilePath(mountpoint)) } catch .noSuchFileOrDirectory {
            throw MountError(mountpoint, "no such directory", errno: .noSuchFileOrDirectory)
        } catch {
            throw MountError(mountpoint, "\(error)", errno: error)
        }
        guard let connection = entry?.connection else { throw MountError(mountpoint, "no FUSE filesystem is mounted here") }
        return StatsSocket.path(connection)
    }
}
