// SPDX-License-Identifier: MIT

import ConformanceCalls

/// Someone whom a case acts as.
struct Identity {
    var name: String
    var user: UInt32
    var group: UInt32
    var groups: [UInt32]

    static let root = Identity(name: "root", user: 0, group: 0, groups: [])
    /// With a group of its own, and two more.
    static let one = Identity(name: "one", user: 4001, group: 4001, groups: [4101, 4102])
    /// Whose first group is one of the other's further ones.
    static let two = Identity(name: "two", user: 4002, group: 4102, groups: [4103])

    var isRoot: Bool { user == 0 }

    static let all = [root, one, two]

    /// The one whose name comes next, which is taken.
    static func take(from arguments: inout ArraySlice<String>) -> Identity? {
        guard let name = arguments.popFirst() else { return nil }
        return all.first { $0.name == name }
    }
}

/// One thing that filesystems must agree on: a function that is given a directory and somebody to act as. It says what it
/// saw, and what it should have seen.
struct Case: Sendable {
    var name: String
    var body: @Sendable (Place) -> Void

    init(_ name: String, _ body: @escaping @Sendable (Place) -> Void) {
        self.name = name
        self.body = body
    }
}

/// Where a case runs, and what comes of it. The working directory is an empty directory of the case's own, which belongs to
/// `me`; every path is relative to it.
final class Place {
    /// Whom the case acts as.
    let me: Identity
    /// Somebody else; never root.
    let other: Identity
    private(set) var seen: [String] = []
    private(set) var wrong: [String] = []

    init(me: Identity) {
        self.me = me
        other = me.user == Identity.one.user ? .two : .one
    }

    // MARK: As somebody

    /// Does something as another. Only where the process is root's; otherwise nothing is done, and the case ends up with
    /// less to see.
    @discardableResult func act<R>(as identity: Identity, _ body: () -> R) -> R {
        precondition(Sys.become(identity.user, identity.group, identity.groups) == 0)
        defer { precondition(Sys.become(me.user, me.group, me.groups) == 0) }
        return body()
    }

    @discardableResult func asRoot<R>(_ body: () -> R) -> R { act(as: .root, body) }
    @discardableResult func asOther<R>(_ body: () -> R) -> R { act(as: other, body) }

    // MARK: What is seen

    /// Says what was seen. It must be the same on every filesystem.
    func note(_ label: String, _ value: some CustomStringConvertible) { seen.append("\(label)=\(value)") }

    /// Says what was seen, and what the manual pages say.
    func expect<T: Equatable & CustomStringConvertible>(_ label: String, _ value: T, _ wanted: T) {
        note(label, value)
        if value != wanted { wrong.append("\(label) is \(value), not \(wanted)") }
    }

    /// Two things must be the same. What they are, the filesystem's own numbers, is not part of the result.
    func same<T: Equatable & CustomStringConvertible>(_ label: String, _ value: T, _ wanted: T) {
        note(label, value == wanted ? "same" : "different")
        if value != wanted { wrong.append("\(label) is \(value), not \(wanted)") }
    }

    /// A system call must succeed. What it returned: its number is not part of the result.
    @discardableResult
    func ok(_ label: String, _ outcome: Int) -> Int {
        expect(label, outcome < 0 ? Sys.name(ofError: -outcome) : "ok", "ok")
        return outcome
    }

    /// A system call must fail, with this errno.
    func fails(_ label: String, _ outcome: Int, _ error: Int32) {
        expect(label, outcome < 0 ? Sys.name(ofError: -outcome) : "ok", Sys.name(ofError: Int(error)))
        // What was opened by mistake is left open: the process ends soon.
    }

    /// As `fails` where `error` is an errno, as `ok` where it is 0.
    func outcome(_ label: String, _ outcome: Int, _ error: Int32) {
        if error == 0 { ok(label, outcome) } else { fails(label, outcome, error) }
    }

    // MARK: What cases need again and again

    /// Makes a file with content.
    func make(_ path: String, _ text: String = "", mode: UInt32 = 0o644) {
        let file = Sys.open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600)
        guard file >= 0 else { return wrong.append("\(path) cannot be made: \(Sys.name(ofError: -file))") }
        if !text.isEmpty, Sys.write(file, text) != text.utf8.count { wrong.append("\(path) cannot be written") }
        Sys.close(file)
        Sys.chmod(path, mode)
    }

    func text(_ path: String, _ count: Int = 4096) -> String {
        let file = Sys.open(path, O_RDONLY)
        guard file >= 0 else { return Sys.name(ofError: -file) }
        defer { Sys.close(file) }
        return String(decoding: Sys.read(file, count).bytes, as: UTF8.self)
    }

    /// Type and permissions in octal, or the error.
    func mode(_ path: String) -> String {
        let (outcome, status) = Sys.stat(path)
        return outcome < 0 ? Sys.name(ofError: -outcome) : String(status.st_mode, radix: 8)
    }

    /// Permissions in octal, owner and group.
    func rights(_ path: String) -> String {
        let (outcome, status) = Sys.stat(path)
        return outcome < 0
            ? Sys.name(ofError: -outcome) : "\(String(status.st_mode & 0o7777, radix: 8)) \(status.st_uid):\(status.st_gid)"
    }

    func size(_ path: String) -> Int { Int(Sys.stat(path).status.st_size) }
    func links(_ path: String) -> Int { Int(Sys.stat(path).status.st_nlink) }

    func octal(_ mode: UInt32) -> String { String(mode, radix: 8) }

    /// Opens, or says why not.
    func open(_ path: String, _ flags: Int32, _ mode: UInt32 = 0o644) -> Int {
        let file = Sys.open(path, flags, mode)
        if file < 0 { wrong.append("\(path) cannot be opened: \(Sys.name(ofError: -file))") }
        return file
    }
}
