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
                guard let user = [Identity.root, .one, .two].first(where: { $0.name == arguments.first }) else { usage() }
                users.append(user)
                arguments.removeFirst()
            case "--case": filter = arguments.popFirst() ?? ""
            case "--read-only": isReadOnly = true
            case "--escape": exit(Escape.run(arguments.map { $0 }) ? 0 : 1)
            case "--list":
                Case.all.forEach { Sys.print($0.name) }
                return
            default:
                guard directory == nil, !argument.hasPrefix("-") else { usage() }
                directory = argument
            }
        }
        guard let directory else { usage() }
        if users.isEmpty { users = [.root, .one, .two] }
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
        let folder = "\(user.name)-" + one.name.map { $0.isLetter || $0.isNumber ? $0 : "-" }
        if !prepared {
            Sys.mkdir(folder, 0o755)
            Sys.chown(folder, user.user, user.group)
        }
        let status = Sys.contain(seconds: 30) {
            Sys.umask(0o022)
            guard Sys.chdir(prepared ? "." : folder) == 0 else { return 2 }
            let place = Place(me: user)
            precondition(Sys.become(user.user, user.group, user.groups) == 0)
            one.body(place)
            let isRight = place.wrong.isEmpty
            report(one, user, isRight, place.wrong.joined(separator: "; "), place.seen.joined(separator: "; "))
            return isRight ? 0 : 1
        }
        if status > 1 { report(one, user, false, "the case ended with \(status)", "") }
        return status == 0
    }

    static func report(_ one: Case, _ user: Identity, _ isRight: Bool, _ wrong: String, _ seen: String) {
        // Content may hold anything: the line must stay one.
        let line = [one.name, user.name, isRight ? "pass" : "FAIL", wrong, seen].map { field in
            field.unicodeScalars.reduce(into: "") { text, scalar in
                if scalar.value < 32 { text += "\\" + String(scalar.value, radix: 8) } else { text.unicodeScalars.append(scalar) }
            }
        }.joined(separator: "\t")
        Sys.print(line)
    }
}

extension Case {
    /// All of them, by topic.
    static let all: [Case] = opening + modes + ownership + aclCases + privileges + renaming + linking + openUnlinked
        + xattrs + locking + space + copying + times + directories + special + mapping + running + wholeFilesystem
        + handles + controls + accessChecks + concurrency + largeFiles
}
