// SPDX-License-Identifier: MIT

import ConformanceCalls

// Files in memory, and programs that are run.

extension Case {
    static let mapping: [Case] = [
        Case("mmap: shared mappings and calls see each other") { place in
            place.make("f", String(repeating: "a", count: 16384))
            let file = place.open("f", O_RDWR)
            let one = Mapping(file, 16384), two = Mapping(place.open("f", O_RDONLY), 16384, PROT_READ)
            place.expect("map", one.outcome, 0)
            place.expect("read only map", two.outcome, 0)
            one.put("stored", at: 5000)
            place.expect("another map", two.text(5000..<5006), "stored")
            place.expect("read", Sys.text(Sys.pread(file, 6, at: 5000)), "stored")
            place.expect("write", Sys.pwrite(file, "written", at: 9000), 7)
            place.expect("seen", one.text(9000..<9007), "written")
            place.expect("seen", two.text(9000..<9007), "written")
            place.expect("sync", one.sync(), 0)
            place.expect("another process", Sys.run {
                let theirs = Mapping(Sys.open("f", O_RDWR), 16384)
                theirs.put("child", at: 100)
                return theirs.text(5000..<5006) == "stored" ? 0 : 1
            }, 0)
            place.expect("seen", one.text(100..<105), "child")
            place.expect("read anew", Sys.text(Sys.pread(place.open("f", O_RDONLY), 5, at: 100)), "child")
            place.ok("truncate", Sys.ftruncate(file, 4096))
            place.ok("grow", Sys.ftruncate(file, 16384))
            place.expect("zeros", one.text(5000..<5003), "\0\0\0")
        },
        Case("mmap: private mappings are one's own") { place in
            place.make("f", String(repeating: "a", count: 8192))
            let file = place.open("f", O_RDONLY)
            let own = Mapping(file, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE)
            place.expect("map", own.outcome, 0)
            own.put("mine", at: 10)
            place.expect("mine", own.text(10..<14), "mine")
            place.expect("not the file's", Sys.text(Sys.pread(file, 4, at: 10)), "aaaa")
            place.expect("write", Sys.pwrite(place.open("f", O_WRONLY), "bbbb", at: 5000), 4)
            place.expect("seen where untouched", own.text(5000..<5004), "bbbb")
        },
        Case("mmap: what is refused, and where it ends") { place in
            place.make("f", String(repeating: "a", count: 100))
            let reader = place.open("f", O_RDONLY), writer = place.open("f", O_WRONLY)
            place.fails("shared, to write, of a reader", Mapping(reader, 4096).outcome, EACCES)
            place.fails("of a writer", Mapping(writer, 4096, PROT_READ).outcome, EACCES)
            let memory = Mapping(place.open("f", O_RDWR), 8192)
            place.expect("map", memory.outcome, 0)
            place.expect("the rest of the page", memory.text(100..<103), "\0\0\0")
            memory.put("lost", at: 100)
            place.expect("behind the end is not the file's", place.size("f"), 100)
            place.expect("behind the last page", Sys.run { Sys.dieQuietly(of: SIGBUS); return Int(memory[5000]) }, 1000 + Int(SIGBUS))
            Sys.mkdir("d")
            place.fails("directory", Mapping(Sys.open("d", O_RDONLY), 4096, PROT_READ).outcome, ENODEV)
        },
        Case("mmap: outlives the descriptor and the name") { place in
            place.make("f", String(repeating: "a", count: 4096))
            let file = place.open("f", O_RDWR)
            let memory = Mapping(file, 4096)
            Sys.close(file)
            memory.put("still", at: 0)
            place.expect("read", Sys.text(Sys.pread(place.open("f", O_RDONLY), 5, at: 0)), "still")
            place.ok("unlink", Sys.unlink("f"))
            memory.put("there", at: 5)
            place.expect("map", memory.text(0..<10), "stillthere")
        },
    ]

    static let running: [Case] = [
        Case("exec: programs, and writing to them") { place in
            guard copyProgram(place, "/bin/sleep", "program") else { return }
            place.expect("run", Sys.execute("./program", "0"), 0)
            let writer = place.open("program", O_WRONLY)
            place.expect("while it is open to write", Sys.execute("./program", "0"), Int(ETXTBSY))
            Sys.close(writer)
            // While it runs. It runs for certain when the pipe's other end, which closes at exec, is gone.
            let started = Sys.pipe()
            let process = Sys.start { -Sys.replace(by: "./program", "1000") }
            Sys.close(started.writing)
            place.expect("started", Sys.read(started.reading, 1).outcome, 0)
            place.fails("open to write while it runs", Sys.open("program", O_WRONLY), ETXTBSY)
            place.fails("truncate while it runs", Sys.truncate("program", 0), ETXTBSY)
            place.ok("open to read", Sys.open("program", O_RDONLY))
            place.ok("rename", Sys.rename("program", "renamed"))
            place.ok("rename", Sys.rename("renamed", "program"))
            Sys.kill(process)
            place.expect("killed", Sys.wait(for: process), 1000 + Int(SIGKILL))
            Sys.chmod("program", 0o644)
            place.expect("without the right", Sys.execute("./program", "0"), Int(EACCES))
            Sys.chmod("program", 0o755)
            place.expect("again", Sys.execute("./program", "0"), 0)
            place.expect("other", place.asOther { Sys.execute("./program", "0") }, 0)
            Sys.chmod("program", 0o700)
            place.expect("other without the right", place.asOther { Sys.execute("./program", "0") }, Int(EACCES))
            place.make("script", "#!./program\n", mode: 0o755)
            place.expect("script", Sys.execute("./script", "0") >= 0, true)
        },
        Case("exec: set-user-id takes effect") { place in
            guard copyProgram(place, "/usr/bin/id", "program") else { return }
            place.asRoot {
                Sys.chown("program", 4555, 4556)
                Sys.chmod("program", 0o6755)
            }
            let output = place.open("output", O_RDWR | O_CREAT)
            place.expect("run", Sys.execute("./program", "-u", output: output), 0)
            place.expect("run", Sys.execute("./program", "-g", output: output), 0)
            place.expect("as whom", place.text("output"), "4555\n4556\n")
        },
    ]

    private static func copyProgram(_ place: Place, _ program: String, _ name: String) -> Bool {
        let from = Sys.open(program, O_RDONLY), to = Sys.open(name, O_WRONLY | O_CREAT, 0o755)
        defer {
            Sys.close(from)
            Sys.close(to)
        }
        while true {
            let (outcome, bytes) = Sys.read(from, 65536)
            if outcome <= 0 { break }
            if Sys.write(to, bytes) != outcome { break }
        }
        place.expect("copied", Sys.stat(of: from).st_size, Sys.stat(of: to).st_size)
        return true
    }
}
