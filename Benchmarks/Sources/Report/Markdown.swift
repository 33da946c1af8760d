// SPDX-License-Identifier: MIT

import Foundation

/// A table, the first column to the left and the others to the right.
public func markdown(_ header: [String], _ lines: [[String]]) -> String {
    let rule = header.indices.map { $0 == 0 ? "---" : "---:" }
    return ([header, rule] + lines).map { "| " + $0.joined(separator: " | ") + " |" }.joined(separator: "\n")
}

public func decimals(_ value: Double, _ digits: Int = 1) -> String { String(format: "%.\(digits)f", value) }

public func thousands(_ number: Int) -> String {
    let text = String(number)
    return text.count > 3 ? thousands(number / 1000) + "," + text.suffix(3) : text
}

/// Three figures of it at the least, and thousands apart.
public func figure(_ value: Double) -> String {
    abs(value) >= 100 ? thousands(Int(value.rounded())) : decimals(value, abs(value) >= 10 ? 1 : 2)
}
