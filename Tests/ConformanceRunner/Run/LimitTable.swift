// SPDX-License-Identifier: MIT

import ConformanceCalls

/// `conformance --limits HERE [USER]`: what an ordinary user and root can still make on a filesystem on which nothing is left but what it
/// keeps for root. HERE is an empty directory. One line for each row, with tabs: who did what, and whether all of it came about.
enum LimitTable {
    /// Bytes. All rows together must not take more than is kept for root.
    private static let size = 131072

    private struct Way: Sendable {
        var name: String
        var flags: Int32 = O_RDWR
        /// Is given the file and another one to copy from. How many bytes came about, or -errno.
        var act: @Sendable (Int, Int) -> Int
    }

    private static let ways = [
        Way(name: "write") { file, _ in Sys.write(file, [UInt8](repeating: 0x61, count: size)) },
        Way(name: "direct write", flags: O_RDWR | Int32(K_O_DIRECT)) { file, _ in Sys.aligned(file, size, at: 0, writing: true) },
        Way(name: "append", flags: O_WRONLY | O_APPEND) { file, _ in Sys.write(file, [UInt8](repeating: 0x61, count: size)) },
        Way(name: "mapped store") { file, _ in
            Sys.ftruncate(file, size)
            // Natively a store raises SIGBUS; where pages are written back later, that fails.
            let status = Sys.run {
                Sys.dieQuietly(of: SIGBUS)
                let memory = Mapping(file, size)
                for page in stride(from: 0, to: size, by: 4096) { memory[page] = 0x61 }
                return memory.sync() < 0 ? 1 : 0
            }
            return status == 0 ? size : 0
        },
        Way(name: "fallocate") { file, _ in Sys.fallocate(file, 0, 0, size) < 0 ? 0 : size },
        Way(name: "copy_file_range") { file, from in Sys.copy(from, at: 0, file, at: 0, size) },
        Way(name: "sendfile") { file, from in Sys.sendfile(file, from, size) },
    ]

    private enum Opening: String, CaseIterable {
        case alone = "alone"
        case besideRoot = "which root has open"
        case besideUser = "which the user has open"
        case besideReader = "which root reads"
    }

    /// What takes names, or blocks of its own: the number of those that came about.
    private static let names: [(name: String, count: Int, act: @Sendable (Int) -> Int)] = [
        ("creations", 100, { Sys.open(long($0), O_WRONLY | O_CREAT | O_EXCL, 0o644) }),
        ("mknod", 100, { Sys.mknod(long($0), S_IFIFO | 0o644) }),
        ("links", 100, { Sys.link("one", long($0)) }),
        ("renames", 100, { index in
            // From another directory, in which there are as many already.
            Sys.rename("../from/\(index)", long(index))
        }),
        ("directories", 20, { Sys.mkdir("d\($0)") }),
        ("symbolic links", 20, { Sys.symlink(long($0), "s\($0)") }),
        ("attributes", 20, { Sys.setxattr("../from/\($0)", "user.a", [UInt8](repeating: 0x61, count: 800)) }),
    ]

    private static func long(_ index: Int) -> String { "\(index)-" + String(repeating: "n", count: 200) }

    static func run(_ arguments: [String]) -> Bool {
        guard 1...2 ~= arguments.count, let user = UInt32(arguments.count > 1 ? arguments[1] : "65533"), Sys.chdir(arguments[0]) == 0 else { Main.usage() }
        Sys.umask(0)
        let from = Sys.open("content", O_RDWR | O_CREAT, 0o644)
        guard from >= 0, Sys.write(from, [UInt8](repeating: 0x62, count: size)) == size else { return false }
        for who in [user, 0] {
            let name = who == 0 ? "root" : "user"
            for opening in Opening.allCases where who != 0 || opening != .besideRoot {
                for way in ways {
                    guard let done = row(who, user, opening, way, from) else { return false }
                    Sys.print("\(name), \(way.name) to a file \(opening.rawValue)\t\(done >= size ? "all" : "less")")
                }
            }
            for row in names {
                let done = count(who, user, row)
                Sys.print("\(name), \(row.name)\t\(done == row.count ? "all" : "less")")
            }
        }
        return true
    }

    private static func row(_ who: UInt32, _ user: UInt32, _ opening: Opening, _ way: Way, _ from: Int) -> Int? {
        let made = Sys.open("f", O_WRONLY | O_CREAT | O_EXCL, 0o666)
        guard made >= 0 else { return nil }
        Sys.close(made)
        Sys.chown("f", user, user)
        var beside = -1
        become(opening == .besideUser ? user : 0)
        if opening != .alone { beside = Sys.open("f", opening == .besideReader ? O_RDONLY : O_RDWR) }
        become(who)
        let file = Sys.open("f", way.flags)
        let done = way.act(file, from)
        become(0)
        for open in [file, beside] where open >= 0 { Sys.close(open) }
        Sys.unlink("f")
        return done
    }

    private static func count(_ who: UInt32, _ user: UInt32, _ row: (name: String, count: Int, act: @Sendable (Int) -> Int)) -> Int {
        for name in ["to", "from"] {
            Sys.mkdir(name, 0o777)
            Sys.chown(name, user, user)
        }
        _ = Sys.chdir("to")
        Sys.close(Sys.open("one", O_WRONLY | O_CREAT, 0o666))
        Sys.chown("one", user, user)
        for index in 0..<row.count {
            Sys.close(Sys.open("../from/\(index)", O_WRONLY | O_CREAT, 0o666))
            Sys.chown("../from/\(index)", user, user)
        }
        become(who)
        let outcomes = (0..<row.count).map { row.act($0) }
        become(0)
        if row.name == "creations" { for file in outcomes where file >= 0 { Sys.close(file) } }
        for index in 0..<row.count {
            for name in [long(index), "s\(index)", "../from/\(index)"] { Sys.unlink(name) }
            Sys.rmdir("d\(index)")
        }
        Sys.unlink("one")
        _ = Sys.chdir("..")
        for name in ["to", "from"] { Sys.rmdir(name) }
        return outcomes.count { $0 >= 0 }
    }

    private static func become(_ who: UInt32) { _ = Sys.become(who, who, []) }
}
