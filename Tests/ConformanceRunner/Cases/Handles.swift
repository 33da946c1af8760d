// SPDX-License-Identifier: MIT

import ConformanceCalls

// File handles: name_to_handle_at(2), open_by_handle_at(2).

extension Case {
    static let handles: [Case] = [
        Case("handles") { place in
            place.make("f", "text")
            Sys.mkdir("d")
            place.make("d/g", "below")
            let folder = Sys.open(".", O_RDONLY)
            let file = Sys.handle("f"), directory = Sys.handle("d"), below = Sys.handle("d/g")
            place.ok("of a file", file.outcome)
            place.ok("of a directory", directory.outcome)
            place.expect("the same again", Sys.handle("f").handle == file.handle, true)
            if !place.me.isRoot {
                place.fails("not anybody's to open", Sys.open(file.handle, on: folder, O_RDONLY), EPERM)
            }
            place.asRoot {
                let opened = place.ok("open", Sys.open(file.handle, on: folder, O_RDWR))
                place.expect("text", Sys.text(Sys.pread(opened, 9, at: 0)), "text")
                place.ok("directory", Sys.open(directory.handle, on: folder, O_RDONLY | Int32(K_O_DIRECTORY)))
                place.ok("below", Sys.open(below.handle, on: folder, O_RDONLY))
                place.ok("path", Sys.open(below.handle, on: folder, Int32(K_O_PATH)))
            }
            Sys.rename("f", "d/renamed")
            place.asRoot {
                let opened = place.ok("after a rename", Sys.open(file.handle, on: folder, O_RDONLY))
                place.expect("text", Sys.text(Sys.pread(opened, 9, at: 0)), "text")
                Sys.close(opened)
            }
        },
    ]
}
