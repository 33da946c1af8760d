// SPDX-License-Identifier: MIT

import ConformanceCalls

// Reading directories.

extension Place {
    fileprivate func fill(_ folder: String, _ count: Int) {
        Sys.mkdir(folder)
        for index in 0..<count {
            let outcome = Sys.open("\(folder)/entry-\(index)", O_WRONLY | O_CREAT, 0o600)
            if outcome < 0 { expect("fill", Sys.name(ofError: -outcome), "ok") }
            Sys.close(outcome)
        }
    }

    fileprivate func read(_ folder: String, _ room: Int = 4096) -> [DirectoryReader.Entry] {
        let directory = Sys.open(folder, O_RDONLY)
        defer { Sys.close(directory) }
        return DirectoryReader(directory: directory).all(room)
    }
}

extension Case {
    static let directories: [Case] = [
        Case("readdir: every entry once, with any buffer") { place in
            place.fill("d", 1500)
            let wanted = Set((0..<1500).map { "entry-\($0)" } + [".", ".."])
            for room in [280, 1024, 4096, 65536] {
                let entries = place.read("d", room)
                place.expect("\(room): count", entries.count, 1502)
                place.expect("\(room): names", Set(entries.map(\.name)) == wanted, true)
            }
            place.fails("too little room", DirectoryReader(directory: Sys.open("d", O_RDONLY)).some(8) == nil ? -Int(EINVAL) : 0, EINVAL)
        },
        Case("readdir: types and inodes") { place in
            Sys.mkdir("d")
            place.make("d/file")
            Sys.mkdir("d/dir")
            Sys.symlink("x", "d/link")
            Sys.mknod("d/fifo", S_IFIFO | 0o600)
            Sys.mknod("d/socket", S_IFSOCK | 0o600)
            let entries = place.read("d")
            for entry in entries.sorted(by: { $0.name < $1.name }) {
                place.note("type of \(entry.name)", entry.type)
                place.same("inode of \(entry.name)", UInt(entry.inode), Sys.stat("d/\(entry.name)").status.st_ino)
            }
            place.expect("count", entries.count, 7)
            // Twice, so that what was looked up is met as well.
            place.expect("again", place.read("d").map(\.name).sorted() == entries.map(\.name).sorted(), true)
        },
        Case("readdir: going back to a place") { place in
            place.fill("d", 400)
            let directory = Sys.open("d", O_RDONLY)
            let reader = DirectoryReader(directory: directory)
            let entries = reader.all(512)
            place.expect("count", entries.count, 402)
            for index in [0, 1, 17, 200, 399, 400] {
                place.expect("seek", Sys.lseek(directory, entries[index].next, SEEK_SET) >= 0, true)
                place.expect("next after \(index)", reader.some(512)?.first?.name == entries[index + 1].name, true)
            }
            place.expect("seek to the end", Sys.lseek(directory, entries[401].next, SEEK_SET) >= 0, true)
            place.expect("nothing", reader.some()?.count ?? -1, 0)
            place.expect("rewind", Sys.lseek(directory, 0, SEEK_SET), 0)
            place.expect("from the start", reader.all().map(\.name) == entries.map(\.name), true)
            // What is made after rewinding is seen.
            place.make("d/new")
            place.expect("rewind", Sys.lseek(directory, 0, SEEK_SET), 0)
            place.expect("the new one", reader.all().contains { $0.name == "new" }, true)
        },
        Case("readdir: removing while reading") { place in
            place.fill("d", 600)
            let reader = DirectoryReader(directory: Sys.open("d", O_RDONLY))
            var seen: [String: Int] = [:]
            while let some = reader.some(512), !some.isEmpty {
                for entry in some {
                    seen[entry.name, default: 0] += 1
                    if entry.name.hasSuffix("7") { Sys.unlink("d/\(entry.name)") }
                }
            }
            place.expect("none twice", seen.values.allSatisfy { $0 == 1 }, true)
            place.expect("none left out", seen.count, 602)
            place.expect("left", place.read("d").count, 542)
            // As rm -r does it.
            let second = DirectoryReader(directory: Sys.open("d", O_RDONLY))
            while let some = second.some(1024), !some.isEmpty { for entry in some { Sys.unlink("d/\(entry.name)") } }
            place.expect("empty", place.read("d").count, 2)
            place.ok("rmdir", Sys.rmdir("d"))
        },
        Case("readdir: what is made, renamed and removed shows") { place in
            place.fill("d", 20)
            place.expect("before", place.read("d").count, 22)
            place.make("d/new")
            place.expect("made", place.read("d").contains { $0.name == "new" }, true)
            Sys.rename("d/new", "d/newer")
            place.expect("renamed", place.read("d").contains { $0.name == "newer" }, true)
            place.expect("not any more", place.read("d").contains { $0.name == "new" }, false)
            Sys.unlink("d/newer")
            place.expect("removed", place.read("d").count, 22)
            Sys.rename("d/entry-1", "out")
            place.expect("moved away", place.read("d").count, 21)
            Sys.link("out", "d/in")
            place.expect("linked", place.read("d").count, 22)
        },
    ]
}
