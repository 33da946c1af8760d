// SPDX-License-Identifier: MIT
//
// A server in a process of its own, for what tells on a whole process: its ids, its signals, its limits. The tests run it, one
// case each, and look at what it prints. It ends itself after two minutes.

import Glibc

@main enum Main {
    static let cases: [String: @Sendable (String) throws -> Void] = [
        "ids": changeIDs, "masks": showMasks, "crash": crash,
        "no-pipe": { try mountInNeed(of: .descriptors, at: $0) }, "no-thread": { try mountInNeed(of: .memory, at: $0) },
        "little-memory": mirrorInLittleMemory, "leases": breakLeases,
    ]

    static func main() {
        _ = alarm(120)
        let arguments = CommandLine.arguments
        guard arguments.count == 3, let run = cases[arguments[1]] else {
            print("usage: strained CASE DIRECTORY")
            exit(64)
        }
        do { try run(arguments[2]) } catch {
            print("error: \(error)")
            exit(1)
        }
        exit(0)
    }
}
