// SPDX-License-Identifier: MIT

import ConformanceCalls

/// `conformance --privileges HERE SOURCE [SHIFT]`: what is left of set-user-id and set-group-id when somebody changes a file, for all who may,
/// all kinds of files and all ways. HERE is a directory, and SOURCE what it shows: the same one, natively. One line for each row,
/// with tabs: what was done, what came of it, the permissions that HERE shows right after, those of the source, and those that
/// HERE shows in the end. SHIFT is added to all ids but root's: HERE may be mounted with other ones.
enum PrivilegeTable {
    private static let fileGroup: UInt32 = 4500

    private struct Actor: Sendable {
        var name: String
        var user: UInt32
        var group: UInt32
        var groups: [UInt32] = []
        /// CAP_FSETID; nil: as usual.
        var capability: Bool?
    }

    private static let root = Actor(name: "root", user: 0, group: 0)
    private static let owner = Actor(name: "owner", user: 4001, group: 4001)
    private static let stranger = Actor(name: "stranger", user: 4004, group: 4004, groups: [4601])
    private static let actors = [
        owner, Actor(name: "owner in the group", user: 4001, group: fileGroup),
        Actor(name: "owner further in the group", user: 4001, group: 4001, groups: [4600, fileGroup]),
        Actor(name: "member", user: 4002, group: fileGroup), Actor(name: "further member", user: 4003, group: 4003, groups: [fileGroup]),
        stranger, root,
        Actor(name: "root without CAP_FSETID", user: 0, group: 0, capability: false),
        Actor(name: "stranger with CAP_FSETID", user: 4004, group: 4004, capability: true),
    ]

    /// Each of the bits, and set-group-id where the group may execute and where not.
    private static let modes: [UInt32] = [0o4666, 0o2666, 0o2676, 0o6767, 0o6777]

    private struct Way: Sendable {
        var name: String
        var flags: Int32 = O_RDWR
        /// Whether it takes an open file, which may have been opened by another.
        var takesFile = true
        var act: @Sendable (String, Int) -> Int
    }

    private static let ways = [
        Way(name: "write") { _, file in Sys.pwrite(file, "x", at: 3) },
        Way(name: "direct write", flags: O_RDWR | Int32(K_O_DIRECT)) { _, file in Sys.aligned(file, 4096, at: 0, writing: true) },
        Way(name: "synchronous write", flags: O_RDWR | O_SYNC) { _, file in Sys.pwrite(file, "x", at: 3) },
        Way(name: "append", flags: O_WRONLY | O_APPEND) { _, file in Sys.write(file, "x") },
        Way(name: "pwritev2, appending") { _, file in Sys.pwrite(file, "x", at: 0, K_RWF_APPEND) },
        Way(name: "mapped store") { _, file in
            let memory = Mapping(file, 4096)
            if memory.outcome < 0 { return memory.outcome }
            memory[0] = 0x78
            return memory.sync()
        },
        Way(name: "ftruncate") { _, file in Sys.ftruncate(file, 5000) },
        Way(name: "truncate", takesFile: false) { path, _ in Sys.truncate(path, 3) },
        Way(name: "O_TRUNC", takesFile: false) { path, _ in Sys.close(Sys.open(path, O_WRONLY | O_TRUNC)) },
        Way(name: "fallocate") { _, file in Sys.fallocate(file, 0, 0, 8192) },
        Way(name: "fallocate, punching") { _, file in Sys.fallocate(file, K_PUNCH_HOLE | K_KEEP_SIZE, 0, 4096) },
        Way(name: "copy_file_range") { _, file in
            let from = Sys.open("from", O_RDONLY)
            defer { Sys.close(from) }
            return Sys.copy(from, at: 0, file, at: 0, 8)
        },
        Way(name: "sendfile") { _, file in
            let from = Sys.open("from", O_RDONLY)
            defer { Sys.close(from) }
            return Sys.sendfile(file, from, 8)
        },
    ]

    private enum Opening: String, CaseIterable {
        case itself = "opened by itself"
        case handedOn = "opened by root and handed on"
        case rootBeside = "while root has it open"
        case ownerBeside = "while the owner has it open"
        case handedOnByOther = "opened by another user and handed on"
        case behind = "set in the source while it is open"
    }

    /// Whether all rows could be made.
    static func run(_ arguments: [String]) -> Bool {
        guard 2...3 ~= arguments.count, Sys.chdir(arguments[0]) == 0 else { Main.usage() }
        let shift = arguments.count > 2 ? UInt32(arguments[2]) ?? 0 : 0
        Sys.umask(0)
        let source = arguments[1]
        let from = Sys.open("from", O_WRONLY | O_CREAT, 0o644)
        Sys.write(from, "01234567")
        Sys.close(from)
        var rows: [String] = []
        for actor in actors {
            for opening in Opening.allCases {
                for way in ways where way.takesFile || ![.handedOn, .handedOnByOther].contains(opening) {
                    for mode in modes {
                        guard let row = row(rows.count, actor, opening, way, mode, source, shift) else { return false }
                        rows.append(row)
                    }
                }
            }
        }
        // Longer than the kernel may remember attributes where others may change them.
        _ = usleep(1_200_000)
        for (index, row) in rows.enumerated() {
            Sys.print("\(row)\t\(permissions("f\(index)"))")
            Sys.unlink("f\(index)")
        }
        return true
    }

    private static func row(
        _ number: Int, _ actor: Actor, _ opening: Opening, _ way: Way, _ mode: UInt32, _ source: String, _ shift: UInt32
    ) -> String? {
        let path = "f\(number)"
        let made = Sys.open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600)
        guard made >= 0, Sys.write(made, String(repeating: "a", count: 4096)) == 4096 else { return nil }
        Sys.close(made)
        Sys.chown(path, 4001 + shift, fileGroup + shift)
        Sys.chmod(path, opening == .behind ? mode & 0o777 : mode)
        var beside = -1
        var file = -1
        switch opening {
        case .rootBeside: beside = Sys.open(path, O_RDWR)
        case .ownerBeside:
            become(owner, shift)
            beside = Sys.open(path, O_RDWR)
        case .handedOn: file = Sys.open(path, way.flags)
        case .handedOnByOther:
            // By somebody to whom other rules apply.
            become(actor.user == 0 || actor.user == owner.user ? stranger : owner, shift)
            file = Sys.open(path, way.flags)
        case .itself, .behind: break
        }
        become(actor, shift)
        if file < 0, way.takesFile { file = Sys.open(path, way.flags) }
        if opening == .behind {
            become(root, shift)
            Sys.chmod("\(source)/\(path)", mode)
            become(actor, shift)
        }
        let outcome = way.act(path, file)
        become(root, shift)
        let shown = permissions(path)
        let kept = permissions("\(source)/\(path)")
        for open in [file, beside] where open >= 0 { Sys.close(open) }
        return "\(actor.name), \(String(mode, radix: 8)), \(way.name), \(opening.rawValue)\t"
            + "\(outcome < 0 ? Sys.name(ofError: -outcome) : "ok")\t\(shown)\t\(kept)"
    }

    private static func become(_ actor: Actor, _ shift: UInt32) {
        let (user, group) = actor.user == 0 ? (0, 0) : (actor.user + shift, actor.group + shift)
        guard Sys.become(user, group, actor.groups.map { $0 + shift }) == 0 else { return }
        // Root that becomes root again gets nothing back by that.
        if let isOn = actor.capability ?? (actor.user == 0 ? true : nil) { _ = Sys.set(capability: Int(K_CAP_FSETID), isOn) }
    }

    private static func permissions(_ path: String) -> String { String(Sys.stat(path).status.st_mode & 0o7777, radix: 8) }
}
