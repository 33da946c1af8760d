// SPDX-License-Identifier: MIT

import ConformanceCalls

/// `conformance --escape HERE BEHIND ROUNDS`: some processes move directories and put symbolic links in their places in
/// BEHIND, while others go through HERE, which shows the same tree, and never follow a link themselves. BEHIND holds `a/dir`
/// and `a/other` with a file `marker` each that says "inside", and links `a/link` and `a/up` to directories elsewhere, where
/// `marker` says "outside". Whoever reads that, or makes a file there, has been led out.
enum Escape {
    static func run(_ arguments: [String]) -> Bool {
        guard arguments.count == 3, let rounds = Int(arguments[2]) else { Main.usage() }
        let movers = [
            // The directory and the link trade places.
            mover(arguments[1], rounds) { _ in _ = Sys.rename("a/dir", "a/link", UInt32(K_RENAME_EXCHANGE)) },
            mover(arguments[1], rounds) { _ in _ = Sys.rename("a/other", "a/up", UInt32(K_RENAME_EXCHANGE)) },
            // The directory above moves to and fro.
            mover(arguments[1], rounds) { round in _ = round % 2 == 0 ? Sys.rename("a/deep", "deep") : Sys.rename("deep", "a/deep") },
        ]
        let walkers = (0..<2).map { walker in Sys.start { walk(arguments[0], walker, rounds) } }
        let ends = (movers + walkers).map { Sys.wait(for: $0) }
        Sys.print("ends \(ends)")
        return ends.allSatisfy { $0 == 0 }
    }

    private static func mover(_ directory: String, _ rounds: Int, _ move: (Int) -> Void) -> Int {
        Sys.start {
            guard Sys.chdir(directory) == 0 else { return 9 }
            for round in 0..<rounds * 4 { move(round) }
            return 0
        }
    }

    /// 0, or what went wrong.
    private static func walk(_ directory: String, _ walker: Int, _ rounds: Int) -> Int {
        let root = Sys.open(directory, O_RDONLY | Int32(K_O_DIRECTORY))
        guard root >= 0 else { return 9 }
        let device = Sys.stat(of: root).st_dev
        let step = O_RDONLY | Int32(K_O_DIRECTORY) | Int32(K_O_NOFOLLOW)
        var inside = 0
        for round in 0..<rounds {
            let above = Sys.openat(root, "a", step)
            for name in ["dir", "link", "other", "up"] {
                let folder = Sys.openat(above, name, step)
                guard folder >= 0 else { continue }
                if Sys.stat(of: folder).st_dev != device { return 3 }
                let marker = Sys.openat(folder, "marker", O_RDONLY | Int32(K_O_NOFOLLOW))
                if marker >= 0 {
                    let text = Sys.text(Sys.read(marker, 20))
                    if text == "outside" { return 4 }
                    if text == "inside" { inside += 1 }
                }
                Sys.close(marker)
                Sys.close(Sys.openat(folder, "made-\(walker)-\(round % 50)", O_WRONLY | O_CREAT | Int32(K_O_NOFOLLOW), 0o644))
                Sys.close(folder)
            }
            // Up from somewhere that may move meanwhile: never past the root, which has no way up but the mount's own.
            let deep = Sys.openat(above, "deep", step)
            if deep >= 0 {
                let up = Sys.openat(deep, "..", step)
                if up >= 0, Sys.stat(of: up).st_dev != device { return 5 }
                Sys.close(up)
            }
            Sys.close(deep)
            Sys.close(above)
        }
        // Who never got anywhere has proved nothing.
        return inside > 0 ? 0 : 6
    }
}
