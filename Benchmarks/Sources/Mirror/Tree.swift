// SPDX-License-Identifier: MIT

import Foundation
import Report

/// A tree as source code is: the same on every machine. 3,300 files in 136 folders, 72 MiB, of text that compresses as text does.
struct Tree {
    static let files = 3300, folders = 136, bytes = 72 << 20

    /// Makes it in a new directory, and an archive of it beside that.
    static func make(at path: String) throws -> (directory: String, archive: String) {
        var random = Random(state: 6)
        let text = Tree.text(&random)
        let folders = Tree.folders(&random)
        for folder in folders {
            try FileManager.default.createDirectory(atPath: "\(path)/\(folder)", withIntermediateDirectories: true)
        }
        // Many small ones and a few large ones: the product of two random numbers.
        let weights = (0..<files).map { _ in Double(random.next(1000) + 20) * Double(random.next(1000) + 20) }
        let scale = Double(bytes) / weights.reduce(0, +)
        for (index, weight) in weights.enumerated() {
            let folder = folders[random.next(folders.count)]
            var content = Data("// File \(index) of a tree that is made up.\n".utf8)
            let size = max(200, Int(weight * scale))
            while content.count < size {
                let length = min(size - content.count, 400 + random.next(4000)), start = random.next(text.count - length)
                content.append(text[start..<(start + length)])
            }
            let name = "\(path)/\(folder)/\(Tree.words[random.next(Tree.words.count)])-\(index).\(index % 3 == 0 ? "h" : "c")"
            try content.write(to: URL(fileURLWithPath: name))
        }
        let archive = "\(path).tar"
        try run(
            "/usr/bin/tar", ["-cf", archive, "--sort=name", "--mtime=@1700000000", "--owner=0", "--group=0", "-C", path, "."], limit: 120)
        return (path, archive)
    }

    private static let words = [
        "alloc", "bitmap", "block", "buffer", "cache", "channel", "clock", "config", "control", "core", "device", "driver", "entry", "event",
        "field", "filter", "frame", "group", "handle", "header", "index", "inode", "layer", "level", "limit", "lock", "map", "mask", "memory",
        "mode", "module", "mutex", "node", "object", "offset", "page", "parent", "port", "queue", "range", "register", "request", "return",
        "root", "sector", "segment", "size", "slot", "state", "status", "struct", "table", "thread", "timer", "trace", "tree", "type", "value",
    ]

    /// Up to four deep.
    private static func folders(_ random: inout Random) -> [String] {
        var all = ["."]
        while all.count < folders {
            let parent = all[random.next(all.count)]
            if parent.split(separator: "/").count < 5 { all.append("\(parent)/\(words[random.next(words.count)])\(all.count)") }
        }
        return all
    }

    private static func text(_ random: inout Random) -> Data {
        var text = Data()
        while text.count < 4 << 20 {
            var line = String(repeating: "\t", count: random.next(4))
            for _ in 0..<(2 + random.next(8)) {
                line += words[random.next(words.count)] + ["_", " = ", "(", ")", "->", ", ", ";", " "][random.next(8)]
                if random.next(4) == 0 { line += "\(random.next(10_000))" }
            }
            text.append(contentsOf: Data("\(line)\n".utf8))
        }
        return text
    }
}

/// The same numbers each time.
struct Random {
    var state: UInt64

    mutating func next(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(bound))
    }
}
