// SPDX-License-Identifier: MIT

import ConformanceCalls

/// `conformance DIRECTORY [--user root|one|two] [--case TEXT] [--list]`: runs the cases in a directory, and prints one line
/// each: name, user, `pass` or `FAIL`, what was wrong, what was seen; between tabs. A case passes where it saw what POSIX
/// and Linux say; whether two filesystems agree is told by comparing what was seen.
///
/// As root it acts as the user that it is told, or as all three one after the other; otherwise as who runs it.
@main
struct Main {
    static func main() {
        var directory: String?
        var users: [Identity] = []
        var filter = ""
        var isReadOnly = false
        var arguments = CommandLine.arguments.dropFirst()
        while let argument = arguments.popFirst() {
            switch argument {
            case "--user":
                guard let user = Identity.take(from: &arguments) else { usage() }
                users.append(user)
            case "--case": filter = arguments.popFirst() ?? ""
            case "--read-only": isReadOnly = true
            case "--privileges": exit(PrivilegeTable.run(arguments.map { $0 }) ? 0 : 1)
            case "--limits": exit(LimitTable.run(arguments.map { $0 }) ? 0 : 1)
            case "--id-map":
                guard arguments.count == 3, let map = arguments.last else { usage() }
                exit(IDMap.mount(arguments[arguments.startIndex], at: arguments[arguments.startIndex + 1], map) ? 0 : 1)
            case "--escape": exit(Escape.run(arguments.map { $0 }) ? 0 : 1)
            case "--handle":
                guard let path = arguments.popFirst() else { usage() }
                exit(HandleFiles.make(path) ? 0 : 1)
            case "--open-handle":
                guard let directory = arguments.popFirst(), let handle = arguments.popFirst() else { usage() }
                exit(HandleFiles.open(directory, handle) ? 0 : 1)
            case "--list":
                Case.all.forEach { Sys.print($0.name) }
                return
            default:
                guard directory == nil, !argument.hasPrefix("-") else { usage() }
                directory = argument
            }
        }
        guard let directory else { usage() }
        if users.isEmpty { users = Identity.all }
        guard Sys.isRoot else {
            Sys.print("conformance: the cases need several users: run as root")
            exit(2)
        }
        guard Sys.chdir(directory) == 0 else {
            Sys.print("conformance: \(directory): no such directory (make it first)")
            exit(2)
        }
        var hasFailed = false
        for user in users {
            for one in isReadOnly ? Case.readOnly : Case.all where one.name.contains(filter) {
                if !run(one, as: user, prepared: isReadOnly) { hasFailed = true }
            }
        }
        exit(hasFailed ? 1 : 0)
    }

    static func usage() -> Never {
        Sys.print("usage: conformance DIRECTORY [--user root|one|two]... [--case TEXT] [--read-only] | --list")
        exit(64)
    }

    /// In a process of its own, so that none leaves anything behind: open files, locks, a working directory.
    static func run(_ one: Case, as user: Identity, prepared: Bool) -> Bool {
        let folder = one.folder(for: user)
        if !prepared {
            Sys.mkdir(folder, 0o755)
            Sys.chown(folder, user.user, user.group)
        }
        let status = Sys.contain(seconds: 300) {
            Sys.umask(0o022)
            guard Sys.chdir(prepared ? "." : folder) == 0 else { return 2 }
            let place = Place(me: user)
            precondition(Sys.become(user.user, user.group, user.groups) == 0)
            one.body(place)
            let isRight = place.wrong.isEmpty
            one.report(user, isRight ? "pass" : "FAIL", place.wrong, place.seen)
            return isRight ? 0 : 1
        }
        if status > 1 { one.report(user, "FAIL", ["the case ended with \(status)"], []) }
        return status == 0
    }
}
