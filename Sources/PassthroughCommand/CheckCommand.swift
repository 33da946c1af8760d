// SPDX-License-Identifier: MIT

import ArgumentParser
import FUSE

struct CheckCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "check",
        abstract: "Tell what this machine can do: each line ok, or why not and what to do.",
        discussion: "Exit status 0: a mirror would run at full speed. 1: it would not.")

    @Argument(help: "A directory that is to be mirrored: what its filesystem can do is told as well.")
    var source: String?

    func run() throws {
        try Console.run {
            if let source { try MountCalls.checkSource(source) }
            let lines = try Interrupt.watched { try CheckLine.all(source: source) }
            let width = lines.map(\.subject.count).max() ?? 0
            for line in lines {
                let gap = String(repeating: " ", count: width - line.subject.count)
                Console.say("\(line.word)  \(line.subject)\(gap)  \(line.text)")
            }
            guard lines.allSatisfy({ !$0.isNeeded || $0.isFine }) else { throw ExitCode.failure }
        }
    }
}
