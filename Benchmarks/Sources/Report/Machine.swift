// SPDX-License-Identifier: MIT

import Foundation

/// What the figures were measured on.
public enum Machine {
    /// The processor, how many there are, and the kernel.
    public static var description: String {
        let model = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n")
            .first { $0.hasPrefix("model name") }?.split(separator: ":").last?.trimmingCharacters(in: .whitespaces) ?? "?"
        return "\(model), \(ProcessInfo.processInfo.activeProcessorCount) processors, Linux \(said("/usr/bin/uname", ["-r"]))"
    }

    /// The first line that a program says of itself.
    public static func said(_ program: String, _ arguments: [String]) -> String {
        (try? run(program, arguments))?.split(separator: "\n").first.map(String.init) ?? "?"
    }

    /// The version of a Debian package.
    public static func version(of package: String) -> String {
        said("/usr/bin/dpkg-query", ["-W", "-f", "${Package} ${Version}", package])
    }
}
