// SPDX-License-Identifier: MIT

import Report

/// What takes part: a way to serve a directory, or the directory itself.
struct Variant: Hashable {
    enum Kind { case native, ours, before, rival }

    var name: String
    var title: String
    var kind: Kind
    /// The server's command; the source and the mountpoint follow. Empty for the directory itself.
    var command: [String] = []
    /// A filesystem that is no mirror has none.
    var hasSource = true
    /// Whether reads and writes are meant to go through the daemon.
    var isWithoutPassthrough = false
    /// Takes part where data is read and written, and nowhere else.
    var isForDataAlone = false

    var isServed: Bool { !command.isEmpty }

    /// All that can take part here, and what is left out, with the reason.
    static func all(_ options: Options) throws -> (variants: [Variant], leftOut: [String]) {
        var leftOut: [String] = []
        var variants = [Variant(name: "native", title: "native", kind: .native)]
        variants += try mirrors(options.program, "ours", .ours)
        if let before = options.before { variants += try mirrors(before, "before", .before) }
        if let rival = options.rival {
            let plain = [rival, "--foreground"]
            variants += [
                Variant(name: "hp", title: "hp", kind: .rival, command: plain),
                Variant(name: "hp-clone", title: "hp clone-fd", kind: .rival, command: plain + ["--clone-fd"]),
                Variant(
                    name: "hp-off", title: "hp off", kind: .rival, command: plain + ["--nopassthrough"], isWithoutPassthrough: true,
                    isForDataAlone: true),
            ]
            if options.hasRing {
                variants += [
                    Variant(name: "hp-ring", title: "hp io_uring", kind: .rival, command: plain + ["-o", "io_uring"]),
                    Variant(
                        name: "hp-ring-off", title: "hp io_uring off", kind: .rival,
                        command: plain + ["--nopassthrough", "-o", "io_uring"], isWithoutPassthrough: true, isForDataAlone: true),
                ]
            } else {
                leftOut.append("`passthrough_hp` over io_uring, which this kernel does not have or does not allow")
            }
        } else {
            leftOut.append("`passthrough_hp`: PASSTHROUGH_HP names no program")
        }
        guard let chosen = options.chosen else {
            // In three minutes, those that differ most.
            return (options.isQuick ? variants.filter { !$0.isWithoutPassthrough && $0.name != "hp-clone" } : variants, leftOut)
        }
        if let unknown = chosen.first(where: { name in !variants.contains { $0.name == name } }) {
            throw Failed(description: "VARIANTS: no \(unknown); there are \(variants.map(\.name).joined(separator: ", "))")
        }
        return (variants.filter { chosen.contains($0.name) }, leftOut)
    }

    private static func choosesTransport(_ program: String) throws -> Bool { try run(program, ["mount", "--help"]).contains("--transport") }

    /// For a mirror under valgrind, which does not know io_uring: `/dev/fuse`, where that is not the only way.
    static func plainTransport(_ program: String) throws -> [String] {
        try choosesTransport(program) ? ["--transport", "dev"] : []
    }

    /// A build of this repository's mirror, with the options that make a difference.
    private static func mirrors(_ program: String, _ name: String, _ kind: Kind) throws -> [Variant] {
        func mirror(_ suffix: String, _ arguments: [String], off: Bool = false) -> Variant {
            Variant(
                name: suffix.isEmpty ? name : "\(name)-\(suffix)", title: suffix.isEmpty ? name : "\(name) \(suffix)", kind: kind,
                command: [program, "mount", "-f"] + arguments, isWithoutPassthrough: off)
        }
        var variants = [
            mirror("", []), mirror("always", ["--cache", "always"]), mirror("off", ["--passthrough", "off"], off: true),
        ]
        if try choosesTransport(program) {
            variants += [mirror("dev", ["--transport", "dev"]), mirror("ring", ["--transport", "ring"])]
        }
        return variants
    }
}
