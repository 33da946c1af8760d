// SPDX-License-Identifier: MIT

/// The command's own options as words of a `-o` list: `mount(8)` and `/etc/fstab` can hand on nothing else.
enum OptionWords {
    private static let withValue: Set<String> = [
        "log", "cache", "passthrough", "submounts", "locks", "appends", "xattrs", "permissions", "kept-backings", "stack-depth", "transport", "threads", "max-threads",
    ]
    private static let flags: Set<String> = ["security-contexts", "id-mapped", "verbose", "debug"]

    /// The arguments with such words as options of their own, in their place: `-o ro,cache=none` is `-o ro --cache=none`.
    static func expanded(_ arguments: [String]) -> [String] {
        var result: [String] = []
        var isList = false
        for (place, argument) in arguments.enumerated() {
            if argument == "--" { return result + arguments[place...] }
            if isList {
                result += expanded(list: argument)
            } else if argument.hasPrefix("-o"), argument != "-o" {
                result += expanded(list: String(argument.dropFirst(2)))
            } else if argument != "-o" {
                result.append(argument)
            } else if place == arguments.count - 1 {
                // What is missing is told by those who parse it.
                result.append(argument)
            }
            isList = !isList && argument == "-o"
        }
        return result
    }

    private static func expanded(list: String) -> [String] {
        let words = split(list)
        let options = words.compactMap { option($0) }
        let others = words.filter { option($0) == nil }
        return (others.isEmpty && !options.isEmpty ? [] : ["-o", others.joined(separator: ",")]) + options
    }

    private static func option(_ word: String) -> String? {
        if flags.contains(word) { return "--\(word)" }
        let pair = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        // `max_threads` is the same thing's name in other FUSE filesystems.
        let name = String(pair[0]).replacing("_", with: "-")
        return pair.count == 2 && withValue.contains(name) ? "--\(name)=\(pair[1])" : nil
    }

    /// The words of a list. Commas within double quotes are part of a word, as in a security context with categories.
    static func split(_ list: String) -> [String] {
        var words = [""]
        var isQuoted = false
        for letter in list {
            if letter == "\"" { isQuoted.toggle() }
            if letter == ",", !isQuoted { words.append("") } else { words[words.count - 1].append(letter) }
        }
        return words.filter { !$0.isEmpty }
    }
}
