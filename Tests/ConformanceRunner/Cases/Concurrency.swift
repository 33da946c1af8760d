// SPDX-License-Identifier: MIT

import ConformanceCalls

// Several processes at once: what is atomic stays so.

/// Starts processes, and waits for them: how each ended.
private func together(_ count: Int, _ body: @escaping (Int) -> Int) -> [Int] {
    (0..<count).map { index in Sys.start { body(index) } }.map { Sys.wait(for: $0) }
}

extension Case {
    static let concurrency: [Case] = [
        Case("at once: appending") { place in
            place.make("f")
            let ends = together(4) { index in
                let file = Sys.open("f", O_WRONLY | O_APPEND)
                for _ in 0..<50 where Sys.write(file, String(repeating: "\(index)", count: 100) + "\n") != 101 { return 1 }
                return 0
            }
            place.expect("ends", ends.description, "[0, 0, 0, 0]")
            place.expect("size", place.size("f"), 4 * 50 * 101)
            let lines = place.text("f", 1 << 20).split(separator: "\n")
            place.expect("lines", lines.count, 200)
            place.expect("whole", lines.allSatisfy { $0.count == 100 && Set($0).count == 1 }, true)
        },
        Case("at once: O_EXCL lets one through") { place in
            let winners = together(4) { _ in
                var won = 0
                for index in 0..<40 {
                    let file = Sys.open("f\(index)", O_WRONLY | O_CREAT | O_EXCL, 0o600)
                    if file >= 0 { won += 1 } else if file != -Int(EEXIST) { return 200 }
                    Sys.close(file)
                }
                return won
            }
            place.expect("as many as files", winners.reduce(0, +), 40)
        },
        Case("at once: mkdir, rename and link let one through") { place in
            for index in 0..<4 { place.make("from\(index)") }
            let winners = together(4) { index in
                var won = 0
                for round in 0..<30 {
                    won += Sys.mkdir("d\(round)") == 0 ? 1 : 0
                    won += Sys.link("from\(index)", "l\(round)") == 0 ? 1 : 0
                    Sys.link("from\(index)", "r\(index)-\(round)")
                    won += Sys.rename("r\(index)-\(round)", "n\(round)", UInt32(K_RENAME_NOREPLACE)) == 0 ? 1 : 0
                }
                return won
            }
            place.expect("as many as names", winners.reduce(0, +), 90)
        },
        Case("at once: replacing by rename never shows nothing") { place in
            place.make("f", "0")
            let ends = together(3) { index in
                if index == 0 {
                    for round in 0..<100 {
                        let file = Sys.open("new", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
                        Sys.write(file, "\(round % 10)")
                        Sys.close(file)
                        if Sys.rename("new", "f") != 0 { return 1 }
                    }
                } else {
                    for _ in 0..<200 {
                        let file = Sys.open("f", O_RDONLY)
                        if file < 0 { return Int(ENOENT) == -file ? 2 : 3 }
                        if Sys.read(file, 2).outcome != 1 { return 4 }
                        Sys.close(file)
                    }
                }
                return 0
            }
            place.expect("ends", ends.description, "[0, 0, 0]")
        },
    ]
}
