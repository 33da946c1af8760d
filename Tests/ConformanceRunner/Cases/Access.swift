// SPDX-License-Identifier: MIT

import ConformanceCalls

// access(2).

extension Case {
    static let accessChecks: [Case] = [
        Case("access: every mode, as everybody") { place in
            place.make("f")
            Sys.mkdir("d")
            place.asRoot { Sys.chown("f", place.me.user, place.other.group) }
            for mode: UInt32 in [0, 0o111, 0o222, 0o444, 0o700, 0o070, 0o007, 0o640, 0o755, 0o077] {
                Sys.chmod("f", mode)
                Sys.chmod("d", mode)
                for wanted: Int32 in 0...7 {
                    for path in ["f", "d"] {
                        place.note("me \(path) \(place.octal(mode)) \(wanted)", Sys.access(path, wanted) == 0)
                        place.note("other \(path) \(place.octal(mode)) \(wanted)", place.asOther { Sys.access(path, wanted) } == 0)
                    }
                }
            }
            place.expect("root may not run what nobody may", place.asRoot { Sys.access("f", X_OK) == 0 }, true)
            Sys.chmod("f", 0o666)
            place.fails("run", Sys.access("f", X_OK), EACCES)
            place.fails("root, run", place.asRoot { Sys.access("f", X_OK) }, EACCES)
            place.ok("effective", Sys.access("f", R_OK, effective: true))
            place.fails("not there", Sys.access("none", F_OK), ENOENT)
            place.fails("below a file", Sys.access("f/g", F_OK), ENOTDIR)
            place.fails("nonsense", Sys.access("f", 8), EINVAL)
        },
    ]
}
