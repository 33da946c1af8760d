// SPDX-License-Identifier: MIT

extension Case {
    /// All of them, by topic.
    static let all: [Case] = opening + modes + ownership + aclCases + privileges + renaming + linking + openUnlinked
        + xattrs + locking + space + copying + times + directories + special + mapping + running + wholeFilesystem
        + handles + controls + accessChecks + concurrency + largeFiles + shown

    /// A name for a directory that it may have for itself.
    func folder(for user: Identity) -> String { "\(user.name)-" + name.map { $0.isLetter || $0.isNumber ? $0 : "-" } }

    /// Prints what came of it: name, user, `pass` or `FAIL`, what was wrong, what was seen, and more; between tabs.
    func report(_ user: Identity, _ result: String, _ wrong: [String], _ seen: [String], _ more: [String] = []) {
        let fields = [name, user.name, result, wrong.joined(separator: "; "), seen.joined(separator: "; ")] + more
        // Content may hold anything: the line must stay one.
        let line = fields.map { field in
            field.unicodeScalars.reduce(into: "") { text, scalar in
                if scalar.value < 32 { text += "\\" + String(scalar.value, radix: 8) } else { text.unicodeScalars.append(scalar) }
            }
        }.joined(separator: "\t")
        Sys.print(line)
    }
}
