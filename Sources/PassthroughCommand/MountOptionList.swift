// SPDX-License-Identifier: MIT

import ArgumentParser
import FUSE

/// What the `-o` lists of a command line ask for. It starts with the defaults of `mount(8)`: rw, suid, dev, exec, async,
/// relatime.
struct MountRequest {
    var options: MountOptions
    /// A mounted filesystem is to be changed. `mount -o remount` comes here by `mount.fuse3`.
    var isRemount = false
    /// Words about access times. They are kept by the mount that the source is on.
    var accessTimes: AccessTimes?
    /// Words that change nothing here, and why.
    var idleWords: [String: String] = [:]
    /// Words that only root's mounts can follow.
    var privileged: Set<String> = []
    /// What is asked for by a word of its own, `suid` and its like: that it be allowed. Without a word it is allowed, too, unless
    /// the source's mount rules it out.
    var allowed: MountRestrictions = []

    enum AccessTimes: String { case noatime, nodiratime, strictatime }

    init(_ options: MountOptions) {
        self.options = options
        self.options.suid = true
        self.options.dev = true
    }
}

/// One `-o` list, as `mount(8)` takes them. Of words that contradict each other the last one wins.
struct MountOptionList: Sendable {
    private typealias Change = @Sendable (inout MountRequest) -> Void

    private let changes: [Change]

    /// What each word does.
    private static let words: [(name: String, change: Change)] = [
        ("ro", { $0.options.readOnly = true }), ("rw", { $0.options.readOnly = false }),
        ("suid", { $0.options.suid = true; $0.privileged.insert("suid"); $0.allowed.insert(.noSuid) }),
        ("nosuid", { $0.options.suid = false; $0.privileged.remove("suid"); $0.allowed.remove(.noSuid) }),
        ("dev", { $0.options.dev = true; $0.privileged.insert("dev"); $0.allowed.insert(.noDev) }),
        ("nodev", { $0.options.dev = false; $0.privileged.remove("dev"); $0.allowed.remove(.noDev) }),
        ("exec", { $0.options.exec = true; $0.allowed.insert(.noExec) }),
        ("noexec", { $0.options.exec = false; $0.allowed.remove(.noExec) }),
        ("symfollow", { $0.options.symfollow = true; $0.allowed.insert(.noSymlinkFollow) }),
        ("nosymfollow", { $0.options.symfollow = false; $0.allowed.remove(.noSymlinkFollow) }),
        ("atime", { $0.noteAccessTimes(nil) }), ("noatime", { $0.noteAccessTimes(.noatime) }),
        ("diratime", { $0.noteAccessTimes(nil) }), ("nodiratime", { $0.noteAccessTimes(.nodiratime) }),
        ("relatime", { $0.noteAccessTimes(nil) }), ("strictatime", { $0.noteAccessTimes(.strictatime) }),
        ("async", { _ in }),
        ("allow_other", { $0.options.allowOther = true }),
        ("default_permissions", { $0.options.defaultPermissions = true }),
        ("remount", { $0.isRemount = true }),
    ]

    /// What implies other words: `mount(8)` lets others mount, and does not trust them.
    private static let implying: [String: Change] = [
        "user": { $0.distrust(programs: true) }, "users": { $0.distrust(programs: true) },
        "owner": { $0.distrust(programs: false) }, "group": { $0.distrust(programs: false) },
    ]

    /// What `/etc/fstab` and `mount(8)` may name besides: it speaks to them and to the boot, or says what is so anyway.
    private static let ignored: Set<String> = [
        "defaults", "auto", "noauto", "nofail", "nouser", "nousers", "noowner", "nogroup", "_netdev", "silent", "loud",
        "norelatime", "nostrictatime", "lazytime", "nolazytime",
    ]

    /// As those, with a value. The last ones are what a mounted filesystem shows of itself, which a remount repeats.
    private static let ignoredPairs: Set<String> = [
        "user", "comment", "uhelper", "helper", "user_id", "group_id", "rootmode", "blksize",
    ]

    static var names: String { words.map(\.name).joined(separator: ", ") + ", fsname=NAME, subtype=NAME" }

    init(argument: String) throws {
        let words = OptionWords.split(argument)
        let asked = words.count - Self.helpersWords(words)
        changes = try words.enumerated().compactMap { place, word in
            guard place >= asked, let change = try Self.change(for: word) else { return try Self.change(for: word) }
            return { request in
                let allowed = request.allowed
                change(&request)
                request.allowed = allowed
            }
        }
    }

    /// How many words at the end nobody asked for. `mount.fuse3`, by which `mount(8)` comes here, starts with `rw` or `ro`, and
    /// ends with `dev` and `suid` where there is no `nodev` and no `nosuid`. (That somebody did ask for them is not to be seen then:
    /// `mount(8)` leaves them out as its defaults.)
    private static func helpersWords(_ words: [String]) -> Int {
        guard let first = words.first, ["rw", "ro"].contains(first) else { return 0 }
        let added = (words.contains("nodev") ? [] : ["dev"]) + (words.contains("nosuid") ? [] : ["suid"])
        return words.dropFirst().suffix(added.count) == added[...] ? added.count : 0
    }

    private static func change(for word: String) throws -> Change? {
        if let known = words.first(where: { $0.name == word }) { return known.change }
        if let implying = implying[word] { return implying }
        if let foreign = try ForeignOption.change(for: word) { return foreign }
        if ignored.contains(word) || word.hasPrefix("x-") || word.hasPrefix("X-") { return nil }
        let pair = word.split(separator: "=", maxSplits: 1).map { String($0) }
        if pair.count == 2 {
            switch pair[0] {
            case "fsname": return { $0.options.source = pair[1] }
            case "subtype": return { $0.options.subtype = pair[1] }
            case let name where ignoredPairs.contains(name): return nil
            default: break
            }
        }
        if word == "dirsync" {
            throw ValidationError("mount option 'dirsync': FUSE does nothing of the kind (mount the source's filesystem with it)")
        }
        // Where the kernel writes to the source's file, only what that one's filesystem is mounted with counts; and what is made,
        // renamed or removed would not be synchronous in any case.
        if word == "sync" {
            throw ValidationError("mount option 'sync': it would not hold for files that are passed through (mount the source's filesystem with it)")
        }
        throw ValidationError("unknown mount option '\(word)' (known are \(names))")
    }

    func apply(to request: inout MountRequest) {
        for change in changes { change(&request) }
    }
}

extension MountRequest {
    /// A mirror is no way around what its source is mounted with. Throws where the request wants that.
    mutating func inherit(_ restrictions: MountRestrictions, of source: String) throws(MountError) {
        let refused = restrictions.intersection(allowed).words
        guard refused.isEmpty else {
            // The opposite is the word without its `no`.
            let wanted = refused.map { $0.dropFirst(2) }.joined(separator: ",")
            let (options, them) = refused.count == 1 ? ("option \(wanted) is", "it") : ("options \(wanted) are", "them")
            throw MountError(
                source, "mounted \(refused.joined(separator: ",")), and so is a mirror of it: mount \(options) refused",
                remedy: "leave \(them) out, or remount what the source is on with \(wanted)")
        }
        options.apply(restrictions)
    }

    fileprivate mutating func noteAccessTimes(_ word: AccessTimes?) {
        accessTimes = word
        options.noatime = word == .noatime
    }

    fileprivate mutating func distrust(programs: Bool) {
        options.suid = false
        options.dev = false
        if programs { options.exec = false }
        privileged = []
        allowed.subtract(programs ? [.noSuid, .noDev, .noExec] : [.noSuid, .noDev])
    }
}
