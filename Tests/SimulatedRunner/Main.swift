// SPDX-License-Identifier: MIT

import ConformanceCalls
import FUSE
import FUSESimulation
import Foundation
import Logging
import PassthroughFS
import SystemPackage

/// `simulated kernel|server DIRECTORY [--user root|one|two] [--case TEXT]`: the conformance cases on a mirror of a new
/// directory in DIRECTORY, in a simulated kernel that allocates backing ids itself, or lets the server choose. Prints what
/// `conformance` prints, and after it what the case asked for that a simulated kernel has no part of, if anything, and how much
/// it had seen until then: only that is to be looked at.
@main
struct Main {
    static func main() {
        var arguments = CommandLine.arguments.dropFirst()
        if arguments.first == "ids" { exit(Ids.run(arguments.dropFirst()) ? 0 : 1) }
        guard let kind = ["kernel": BackingKernel.allocatesIDs, "server": .takesServerIDs][arguments.popFirst() ?? ""],
            let directory = arguments.popFirst()
        else { usage() }
        var users: [Identity] = []
        var filter = ""
        while let argument = arguments.popFirst() {
            switch argument {
            case "--user":
                guard let user = Identity.take(from: &arguments) else { usage() }
                users.append(user)
            case "--case": filter = arguments.popFirst() ?? ""
            default: usage()
            }
        }
        if users.isEmpty { users = Identity.all }
        var hasFailed = false
        for user in users {
            for one in Case.all where filter.isEmpty || one.name.contains(filter) {
                let status = Sys.contain(seconds: 300) { run(one, as: user, kind, directory) }
                if status > 1 { one.report(user, "FAIL", ["the case ended with \(status)"], []) }
                if status != 0 { hasFailed = true }
            }
        }
        exit(hasFailed ? 1 : 0)
    }

    static func usage() -> Never {
        Sys.print("usage: simulated kernel|server DIRECTORY [--user root|one|two]... [--case TEXT] | ids COUNT DIRECTORY")
        exit(64)
    }

    /// In a process of its own: 0 where all was right.
    static func run(_ one: Case, as user: Identity, _ kind: BackingKernel, _ directory: String) -> Int {
        do {
            PassthroughFS.prepareProcess()
            let source = directory + "/" + one.folder(for: user)
            try FileManager.default.createDirectory(atPath: source, withIntermediateDirectories: true)
            let logger = Logger(label: "simulated") { _ in SwiftLogNoOpLogHandler() }
            var options = KernelOptions()
            options.backings = kind
            var sessionOptions = SessionOptions(logger: logger)
            sessionOptions.passthrough = .require
            let simulation = try Simulation(
                PassthroughFS(source: FilePath(source), options: PassthroughOptions(), logger: logger), kernel: options,
                session: sessionOptions, serving: .threads(ThreadLimits(initial: 2, maximum: 8)))
            SimulatedTask.current = SimulatedTask(try simulation.makeProcess())
            Sys.mkdir("here", 0o755)
            Sys.chown("here", user.user, user.group)
            Sys.umask(0o022)
            Sys.chdir("here")
            let place = Place(me: user)
            Lacks.all.begin(place)
            _ = Sys.become(user.user, user.group, user.groups)
            one.body(place)
            let first = Lacks.all.first
            var wrong = first.map { Array(place.wrong.prefix($0.wrong)) } ?? place.wrong
            let left = simulation.end()
            if left.lookups != [:] || left.openFiles != 0 { wrong.append("left: \(left)") }
            if simulation.fileSystem.inodeCount != 0 { wrong.append("\(simulation.fileSystem.inodeCount) inodes are left") }
            let more = first.map { ["\($0.lack.rawValue)", "\($0.seen)"] } ?? []
            one.report(user, wrong.isEmpty ? "pass" : "FAIL", wrong, place.seen, more)
            return wrong.isEmpty ? 0 : 1
        } catch {
            one.report(user, "FAIL", ["\(error)"], [])
            return 1
        }
    }
}
