// SPDX-License-Identifier: MIT

import ArgumentParser
import Glibc

/// The first word of a command line. A word that is no command's is a source to be mounted: that is how mount(8) calls.
enum CommandWord {
    /// Throws where the word is nearly a command's, and nothing of that name exists.
    static func check(_ word: String) throws(ValidationError) {
        guard !word.contains("/"), !word.hasPrefix("-"), let near = nearest(to: word) else { return }
        // Safe: a string lent for the call, and a structure that is filled within it.
        var status = stat()
        if unsafe lstat(word, &status) == 0 { return }
        throw ValidationError("'\(word)' is neither a command nor a directory: did you mean '\(near)'?")
    }

    private static let known = PassthroughCommand.configuration.subcommands.flatMap { command in
        [command.configuration.commandName].compactMap { $0 } + command.configuration.aliases
    } + ["help"]

    /// The command that a word is nearly, within two letters; nil where it is one, or is near to none.
    static func nearest(to word: String) -> String? {
        let distances = known.map { (name: $0, distance: distance(word, $0)) }
        guard let best = distances.min(by: { $0.distance < $1.distance }), 1...2 ~= best.distance else { return nil }
        return best.name
    }

    /// How many letters are to be added, removed or changed (Levenshtein's distance).
    private static func distance(_ from: String, _ to: String) -> Int {
        let target = Array(to)
        // Of what came of `from` so far, to each beginning of `to`.
        var row = Array(0...target.count)
        for letter in from {
            var diagonal = row[0]
            row[0] += 1
            for index in target.indices {
                let changed = diagonal + (target[index] == letter ? 0 : 1)
                diagonal = row[index + 1]
                row[index + 1] = min(changed, diagonal + 1, row[index] + 1)
            }
        }
        return row[target.count]
    }
}
